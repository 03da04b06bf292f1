/**
 * The steps of an upgrade and of a rollback, the same for both drivers, and the loop that runs them: each is recorded
 * before and after, so that an interrupted run is known.
 */

import { randomUUID } from "node:crypto";
import { createReadStream, existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { createReport, type Finding, hasFailure } from "../../functions/doctor/findings.ts";
import { checkKnownOpenclaw } from "../../functions/doctor/versions.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { cleanLine } from "../../shared/text.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { hashChunks } from "../node/crypto.ts";
import { requireSuccess, runOrThrow } from "../node/programs.ts";
import { applyLimits, checkDirectMessages, listUnusedSettings, readOpenclawSettings } from "./openclaw-settings.ts";
import { checkReach, findLines, judgeFindings, probeGateway, runSmokeTest, waitForGateway } from "./smoke-test.ts";
import { COMMAND_TIMEOUT, inspect, runWithDeadline, type StepContext, type UpgradeContext } from "./upgrade-driver.ts";
import {
  hasChangedInstallation,
  judgeScans,
  type StepRecord,
  type UpgradeRecord,
  type UpgradeVersions,
} from "./upgrade-record.ts";

/** What a step found, alone or with what it adds to the record. A failed finding ends the upgrade. */
type StepResult = Finding[] | ({ findings: Finding[] } & Partial<Pick<UpgradeRecord, "backup" | "logLines">>);

interface Step {
  name: string;
  /** What it does, for the plan of a dry run, with `{from}` and `{to}`. */
  title: string;
  timeout: Ms;
  run: (context: StepContext, record: UpgradeRecord) => Promise<StepResult>;
}

/** Time that OpenClaw gets to stop before a backup: 60 s, because nothing is urgent yet. */
const STOP_TIMEOUT: Ms = 60 * SECOND;

/** Limit of the log's lines in the record. */
const MAX_LOG_LINES = 50;

/** What tar says, with exit code 1, about a file that OpenClaw wrote or deleted meanwhile: the archive is whole. */
const LIVE_CHANGE = /exit code 1: .*(?:changed as we read it|removed before we read it)/;

/** Format of `stat -f`: free blocks, their size, free inodes, all inodes (0 where the file system has none). */
const FREE_FORMAT = "%a %S %d %c";

/** Empties the folders and unpacks the archive from standard input. The paths are arguments. */
const RESTORE_SCRIPT =
  'for path in "$@"; do mkdir -p "$path" && find "$path" -mindepth 1 -delete || exit 1; done; exec tar -x -z -f - -p -C /';

/** Ending of a backup that is being written. */
const DRAFT_ENDING = ".partial";

/**
 * Timeouts of the steps back, which add up to less than the limit. OpenClaw 2026.9 waits up to 5 minutes for its runs
 * when it is asked to stop, so it is killed; 2026.2 took 8 to 40 s to start on two busy cores.
 */
export const ROLLBACK_TIMEOUTS = {
  stop: 15 * SECOND,
  unpin: 4 * SECOND,
  restore: 30 * SECOND,
  start: 60 * SECOND,
  verify: 10 * SECOND,
} as const satisfies Record<string, Ms>;

const step = (name: string, title: string, timeout: Ms, run: Step["run"]): Step => ({ name, title, timeout, run });

/**
 * The steps of an upgrade, in order. Each can run again after it was interrupted: until `pin` the state belongs to the
 * old version, and what comes after reads or sets the same values again.
 */
export const UPGRADE_STEPS: readonly Step[] = [
  step("check", "check the installation", 10 * MINUTE, checkUpgrade),
  step("fetch", "fetch {to} beside the running version", HOUR, async ({ driver, remaining }, { from, to }) => {
    await driver.fetchVersion({ from, to }, remaining());
    return [createReport("fetch").ok`${to} is on this machine`];
  }),
  step(
    "scan",
    "scan both images, if trivy or grype is installed",
    HOUR,
    async ({ driver, remaining }, { from, to }) => {
      const before = await driver.scanImage(from, remaining());
      return judgeScans(before, await driver.scanImage(to, remaining()));
    },
  ),
  step("baseline", "test {from} as the new version will be tested", 20 * MINUTE, async (context, record) => {
    const { findings } = await runSmokeTest(context, record.from, context.clock());
    return findings;
  }),
  step(
    "rehearse",
    "back up once while OpenClaw runs, which shows that space and time suffice",
    15 * MINUTE,
    rehearseBackup,
  ),
  step("backup", "stop OpenClaw and back up state and workspaces", 15 * MINUTE, backUpState),
  step("pin", "pin {to}", MINUTE, async ({ driver }, { to }) => {
    driver.pin(to);
    return [createReport("pin").ok`${to} is pinned`];
  }),
  step("deploy", "start {to}", 10 * MINUTE, async (context) => {
    const { driver, clock, remaining } = context;
    const since = clock();
    await driver.start(remaining());
    const gateway = await waitForGateway(context);
    if (gateway.status !== "failed") return [gateway];
    const log = await driver.readLog(since, 20 * SECOND);
    return { findings: [gateway], logLines: findLines(log, /\S/).slice(-MAX_LOG_LINES) };
  }),
  step("limits", "set the limits of spawned agents in OpenClaw's settings", 15 * MINUTE, setLimits),
  step(
    "smoke",
    "test {to}; roll back when something fails that worked before",
    20 * MINUTE,
    async (context, record) => {
      const find = (step: string) => record.steps.find(({ name }) => name === step);
      const deployedAt = find("deploy")?.startedAt ?? context.clock();
      const { findings, logLines } = await runSmokeTest(context, record.to, deployedAt);
      return {
        findings: [
          ...judgeFindings(find("baseline")?.findings ?? [], findings),
          ...(await inspect("unused settings", "See OpenClaw's own documents.", () => listUnusedSettings(context))),
        ],
        logLines: logLines.slice(0, MAX_LOG_LINES),
      };
    },
  ),
];

/** Limit of a whole rollback: less than 2 minutes. */
export const ROLLBACK_LIMIT: Ms = 120 * SECOND;

/** The steps back, in order. Each can run again after it was interrupted. */
export const ROLLBACK_STEPS: readonly Step[] = [
  step("stop", "stop OpenClaw", ROLLBACK_TIMEOUTS.stop, async ({ driver, remaining }) => {
    await driver.stop(remaining());
    return [];
  }),
  step("unpin", "pin {from} again", ROLLBACK_TIMEOUTS.unpin, async ({ driver, remaining }, { from }) => {
    driver.pin(from);
    await driver.recallVersion(from, remaining());
    return [];
  }),
  step("restore", "restore state and workspaces, if {to} was started", ROLLBACK_TIMEOUTS.restore, restoreBackup),
  step("start", "start {from}", ROLLBACK_TIMEOUTS.start, async (context) => {
    await context.driver.start(context.remaining());
    return [await waitForGateway(context)];
  }),
  // Cheap, because it must be quick, and without a run of a model.
  step(
    "verify",
    "check that the gateway answers and {from} is pinned",
    ROLLBACK_TIMEOUTS.verify,
    async (context, { from }) => [checkPinned(context, [from]), await probeGateway(context)],
  ),
];

/** What a step does in this upgrade. */
export function formatTitle({ title }: Step, { from, to }: UpgradeVersions): string {
  return title.replace("{from}", from).replace("{to}", to);
}

/** Runs the steps that are not done yet, and rolls back when one fails after OpenClaw was stopped. */
export async function runUpgradeSteps(context: UpgradeContext, start: UpgradeRecord): Promise<UpgradeRecord> {
  const record = await runSteps(context, start, "steps", UPGRADE_STEPS);
  if (record.steps.every(isDone)) return endRecord(context, record, "completed");
  return hasChangedInstallation(record) ? runRollbackSteps(context, record) : endRecord(context, record, "refused");
}

/** Checks everything that an upgrade needs. Changes nothing. */
export async function checkUpgrade(context: StepContext, { from, to }: UpgradeVersions): Promise<Finding[]> {
  const { driver, knownVersions, remaining } = context;
  const findings = [checkPinned(context, [from, to]), ...checkKnownOpenclaw(to, knownVersions)];
  findings.push(await probeGateway(context));
  const tools = await driver.checkTools(remaining(COMMAND_TIMEOUT));
  findings.push(tools);
  // Without its programs every further check would only report the same cause in other words.
  if (tools.status === "failed") return findings;
  const install = () => driver.checkInstallation(to, remaining(COMMAND_TIMEOUT));
  findings.push(...(await inspect("installation", "Fix it, then run the same command again.", install)));
  findings.push(...(await checkReach(context)));
  const readPolicies = async () => [checkDirectMessages(await readOpenclawSettings(context))];
  const todo = 'Fix the file, or "state" in the settings of upgrades.';
  return [...findings, ...(await inspect("settings", todo, readPolicies))];
}

function checkPinned({ driver }: StepContext, wanted: readonly string[]): Finding {
  const { ok, failed } = createReport("version");
  const pinned = driver.readPinned();
  if (wanted.includes(pinned)) return ok`${pinned} is pinned`;
  return failed`${pinned} is pinned instead of ${wanted[0]}
    → Run an upgrade with --from ${pinned}; after a rollback pin the old version by hand.`;
}

/** Brings the old version and its state back. A failing step ends it, because the next one would build on it. */
export async function runRollbackSteps(context: UpgradeContext, start: UpgradeRecord): Promise<UpgradeRecord> {
  const begun = keepRecord(context, { ...start, state: "rolling_back", rollbackSteps: [] });
  context.progress(`rolling back to ${begun.from}`);
  const record = await runSteps(context, begun, "rollbackSteps", ROLLBACK_STEPS);
  return endRecord(context, record, record.rollbackSteps.every(isDone) ? "rolled_back" : "rollback_failed");
}

/**
 * Runs the steps of a list that are not done yet, until one fails. The record is on the disk before and after each
 * step, so that the next call continues where this one was killed.
 */
async function runSteps(
  context: UpgradeContext,
  start: UpgradeRecord,
  list: "steps" | "rollbackSteps",
  steps: readonly Step[],
): Promise<UpgradeRecord> {
  let record = start;
  for (const step of steps) {
    if (record[list].some((known) => known.name === step.name && isDone(known))) continue;
    context.progress(formatTitle(step, record));
    record = await runStep(context, record, list, step);
    if (!record[list].every(isDone)) break;
  }
  return record;
}

const isDone = ({ status }: StepRecord) => status === "done";

async function runStep(
  context: UpgradeContext,
  start: UpgradeRecord,
  list: "steps" | "rollbackSteps",
  { name, timeout, run }: Step,
): Promise<UpgradeRecord> {
  const { clock, progress, records } = context;
  const startedAt = clock();
  const earlier = start[list].filter((step) => step.name !== name);
  const toRecord = (record: UpgradeRecord, change: Omit<StepRecord, "name" | "startedAt">) => ({
    ...record,
    [list]: [...earlier, { name, startedAt, ...change }],
  });
  // A full disk must not keep a rollback from starting the old version again.
  const write = list === "steps" ? records.write : (record: UpgradeRecord) => keepRecord(context, record);
  let begun = start;
  try {
    begun = write(toRecord(start, { status: "started", findings: [] }));
    const result = await runWithDeadline(timeout, context, (step) => run(step, start));
    const { findings, ...change } = Array.isArray(result) ? { findings: result } : result;
    for (const finding of findings.filter(({ status }) => status === "failed" || status === "warning"))
      progress(cleanLine(`  ${finding.status}: ${finding.name}: ${finding.detail}`, 400));
    // The old version's own failures are only the standard.
    const grave = name === "baseline" ? findings.filter((finding) => finding.name === "gateway") : findings;
    const status = hasFailure(grave) ? "failed" : "done";
    return write(toRecord({ ...begun, ...change }, { status, endedAt: clock(), findings }));
  } catch (thrown) {
    const problem = cleanLine(getErrorMessage(thrown), 600);
    progress(`  failed after ${Math.round((clock() - startedAt) / SECOND)} s: ${problem}`);
    return keepRecord(context, toRecord(begun, { status: "failed", endedAt: clock(), problem, findings: [] }));
  }
}

/** Writes a record where the disk takes it. What follows goes on with it in any case. */
function keepRecord({ records, progress }: UpgradeContext, record: UpgradeRecord): UpgradeRecord {
  try {
    return records.write(record);
  } catch (thrown) {
    progress(`  the record cannot be written: ${cleanLine(getErrorMessage(thrown), 200)}`);
    return record;
  }
}

/** Ends an upgrade or a rollback. */
export function endRecord(context: UpgradeContext, record: UpgradeRecord, state: UpgradeRecord["state"]) {
  return keepRecord(context, { ...record, state, endedAt: context.clock() });
}

/**
 * Sets the limits with the new version while it runs, because its own start brings the old settings into its form:
 * before that, its command refuses them. 2026.2 reads them only when it starts.
 */
async function setLimits(context: StepContext, record: UpgradeRecord): Promise<StepResult> {
  const { driver, remaining } = context;
  // An interrupted attempt may have left the gateway stopped, or with settings that it has not read.
  const isRepeated = record.steps.some(({ name }) => name === "limits");
  if (isRepeated) {
    await driver.start(remaining());
    await waitForGateway(context);
  }
  const { changes, findings } = await applyLimits(context, await readOpenclawSettings(context));
  if (changes === 0 && !isRepeated) return findings;
  await driver.stop(remaining(STOP_TIMEOUT));
  await driver.start(remaining());
  return [...findings, await waitForGateway(context)];
}

/**
 * Backs up once while OpenClaw runs, and deletes the archive: a full disk and a stop that would last too long are found
 * before anything is stopped. A rollback unpacks the archive, so the state's disk must have room for a second state.
 */
async function rehearseBackup(context: StepContext, { id }: UpgradeRecord): Promise<StepResult> {
  const { ok, failed } = createReport("backup");
  return writeArchive(context, id, async ({ draft, entries, ms }) => {
    const bytes = await measureContent(draft);
    const free = await readFree(context);
    const toMegabytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MB`;
    return [
      free.bytes < bytes || free.inodes < entries
        ? failed`a rollback needs ${toMegabytes(bytes)} and ${entries} inodes where the state is; free are
            ${toMegabytes(free.bytes)} and ${free.inodes} → Free some space, then run the same command again.`
        : ok`${toMegabytes(bytes)} in ${entries} files; OpenClaw will stand still for ${Math.ceil(ms / SECOND)} s`,
    ];
  });
}

async function backUpState(context: StepContext, { id, from }: UpgradeRecord): Promise<StepResult> {
  const { driver, records, remaining } = context;
  const pinned = driver.readPinned();
  if (pinned !== from) throw new Error(`${pinned} is pinned instead of ${from}`);
  await driver.stop(remaining(STOP_TIMEOUT));
  return writeArchive(context, id, async ({ draft, ms }) => {
    const archive = join(records.openRunFolder(id), "state.tar.gz");
    renameSync(draft, archive);
    const sha256 = await hashChunks(createReadStream(archive));
    const finding = createReport("backup").ok`${statSync(archive).size} bytes in ${(ms / SECOND).toFixed(1)} s`;
    return { findings: [finding], backup: { archive, sha256 } };
  });
}

/**
 * Writes an archive for `use`, with the number of its files and the time it took. What is left of it then is deleted,
 * so that it fills no disk. Throws when it is not whole, or took so long that a rollback would exceed its limit:
 * unpacking takes less than packing with compression.
 */
async function writeArchive(
  context: StepContext,
  id: string,
  use: (archive: { draft: string; entries: number; ms: Ms }) => Promise<StepResult>,
): Promise<StepResult> {
  const { driver, clock, records, remaining } = context;
  const folder = records.openRunFolder(id);
  // A run that was killed may have left a program that still writes its own draft.
  for (const name of readdirSync(folder)) if (name.endsWith(DRAFT_ENDING)) rmSync(join(folder, name), { force: true });
  const draft = join(folder, `${randomUUID()}${DRAFT_ENDING}`);
  try {
    const start = clock();
    const paths = listFolders(context).map((path) => path.slice(1));
    const args = ["tar", "-c", "-z", "-f", "-", "-C", "/", "--", ...paths];
    await driver.transfer(args, { output: draft }, remaining()).catch((thrown: unknown) => {
      if (!LIVE_CHANGE.test(getErrorMessage(thrown))) throw thrown;
    });
    const ms = clock() - start;
    if (ms > ROLLBACK_TIMEOUTS.restore)
      throw new Error(
        `the backup took ${Math.ceil(ms / SECOND)} s, so a rollback would take more than 2 minutes. Move large files out of state and workspaces, then try again`,
      );
    return await use({ draft, entries: await countEntries(context, draft), ms });
  } finally {
    rmSync(draft, { force: true });
  }
}

/** What is backed up: state and workspaces. */
const listFolders = ({ driver, settings }: StepContext) => [settings.state, ...driver.workspaces];

/** What is free where the state is; infinite inodes where the file system does not count them. */
async function readFree({ driver, settings, remaining }: StepContext) {
  const result = await driver.exec(["stat", "-f", "-c", FREE_FORMAT, settings.state], remaining(COMMAND_TIMEOUT));
  const [blocks = 0, size = 0, inodes = 0, total = 0] = requireSuccess("stat", result).trim().split(" ").map(Number);
  return { bytes: blocks * size, inodes: total === 0 ? Number.POSITIVE_INFINITY : inodes };
}

/** The number of files in an archive, which may be too many to keep their list. Throws when it is not whole. */
async function countEntries({ env, remaining }: StepContext, archive: string): Promise<number> {
  let entries = 0;
  const onOutput = (text: string) => {
    entries += text.split("\n").length - 1;
  };
  await runOrThrow("tar", ["-t", "-z", "-f", archive], { env, timeoutMs: remaining(), onOutput });
  return entries;
}

/** The bytes that an archive unpacks to. */
async function measureContent(archive: string): Promise<number> {
  let bytes = 0;
  for await (const chunk of createReadStream(archive).pipe(createGunzip())) bytes += (chunk as Buffer).length;
  return bytes;
}

async function restoreBackup(context: StepContext, record: UpgradeRecord): Promise<StepResult> {
  const { backup } = record;
  // The steps before the new version's first start leave the state alone.
  if (!backup || !record.steps.some(({ name }) => name === "deploy"))
    return [createReport("restore").skipped`the new version had not touched the state`];
  if (!existsSync(backup.archive)) throw new Error(`the backup ${backup.archive} is missing; the state was left alone`);
  const sha256 = await hashChunks(createReadStream(backup.archive));
  if (sha256 !== backup.sha256)
    throw new Error(`the backup ${backup.archive} has changed since it was made; the state was left alone`);
  const args = ["sh", "-c", RESTORE_SCRIPT, "sh", ...listFolders(context)];
  await context.driver.transfer(args, { input: backup.archive }, context.remaining());
  return [createReport("restore").ok`from ${backup.archive}`];
}
