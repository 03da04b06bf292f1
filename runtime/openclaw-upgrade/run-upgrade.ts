/**
 * An upgrade or a rollback of OpenClaw, or what they would do: runs the steps, and records each. The steps are the same
 * for both drivers, with the copy of OpenClaw's state.
 */

import { createReadStream, existsSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { createReport, type Finding, hasFailure } from "../../functions/doctor/findings.ts";
import { checkKnownOpenclaw } from "../../functions/doctor/openclaw.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanLine } from "../../shared/text.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { hashChunks } from "../node/crypto.ts";
import { writePrivateFile } from "../node/files.ts";
import { requireSuccess } from "../node/programs.ts";
import { applyLimits, checkDirectMessages, readOpenclawSettings } from "./openclaw-settings.ts";
import { checkReach, findLines, judgeFindings, probeGateway, runSmokeTest, waitForGateway } from "./smoke-test.ts";
import {
  type Check,
  COMMAND_TIMEOUT,
  runChecks,
  runWithDeadline,
  type StepContext,
  type UpgradeContext,
} from "./upgrade-driver.ts";
import {
  redactCredentials,
  renderUpgradeReport,
  type StepRecord,
  type UpgradeRecord,
  type UpgradeVersions,
} from "./upgrade-record.ts";

/** What a command did. `changed`: steps that changed the installation, 0 when there was nothing to do. */
export interface UpgradeOutcome {
  state: UpgradeRecord["state"] | "checked" | "planned" | "nothing to do";
  changed: number;
  record?: UpgradeRecord;
  findings?: Finding[];
  plan?: string[];
  report?: string;
}

interface Step {
  name: string;
  /** What it does, for the plan of a dry run, with `{from}` and `{to}`. */
  title: string;
  timeout: Ms;
  /** Returns what it found, of which a failure ends the upgrade. It may add a backup and lines of a log to the record. */
  run: (context: StepContext, record: UpgradeRecord) => Promise<Finding[]>;
}

/** Time that OpenClaw gets to stop before a backup: 60 s, because nothing is urgent yet. */
const STOP_TIMEOUT: Ms = 60 * SECOND;

/** Limit of the log's lines in the record. */
const MAX_LOG_LINES = 50;

/** What tar says, with exit code 1, about a file that OpenClaw wrote or deleted meanwhile: the archive is whole. */
const LIVE_CHANGE = /exit code 1: .*(?:changed as we read it|removed before we read it)/;

/**
 * Prints the number of files in the folders, and of the first one's file system free blocks, their size, free and all
 * inodes (0 where it has none). The paths are arguments.
 */
const SPACE_SCRIPT = 'find "$@" | wc -l && stat -f -c "%a %S %d %c" "$1"';

/** Empties the folders and unpacks the archive from standard input. The paths are arguments. */
const RESTORE_SCRIPT =
  'for path in "$@"; do mkdir -p "$path" && find "$path" -mindepth 1 -delete || exit 1; done; exec tar -x -z -f - -p -C /';

/** Time of the step that unpacks a backup: 30 s. A backup that took longer to make is refused. */
const RESTORE_TIMEOUT: Ms = 30 * SECOND;

/** Steps that change the installation, for the count of changes. */
const CHANGING = new Set(["fetch", "pin", "limits", "deploy", "unpin", "restore", "start"]);

/**
 * Upgrades, or continues an upgrade between the same versions. Throws when another one is not finished. With `isDryRun`
 * it says what is left to do, and runs nothing.
 */
export async function upgradeOpenclaw(
  context: UpgradeContext,
  versions: UpgradeVersions,
  isDryRun = false,
): Promise<UpgradeOutcome> {
  const { clock, driver, progress, records } = context;
  const { from, to } = versions;
  const unfinished = findUnfinished(records.read(), versions);
  const pinned = driver.readPinned();
  const isDone = !unfinished && pinned === to;
  if (isDryRun) {
    if (!unfinished && !isDone && pinned !== from)
      throw new GroundcrewError("conflict", `${pinned} is pinned, not ${from}. Use --from ${pinned}.`);
    return planSteps(isDone ? [] : listLeft(UPGRADE_STEPS, unfinished?.steps), versions);
  }
  if (isDone) return { state: "nothing to do", changed: 0 };
  if (unfinished) progress(`continuing the upgrade of ${new Date(unfinished.startedAt).toISOString()}`);
  const startedAt = clock();
  const id = new Date(startedAt).toISOString().replaceAll(/[:.]/g, "-");
  const created = { format: 1, id, from, to, driver: driver.kind, state: "running", startedAt } as const;
  const record = unfinished ?? records.write({ ...created, steps: [], logLines: [] });
  if (await runSteps(context, record, UPGRADE_STEPS)) return finish(context, record, "completed");
  return runRollbackSteps(context, record);
}

/** The upgrade to continue. Throws when it is another one, or is being rolled back. */
function findUnfinished(record: UpgradeRecord | undefined, { from, to }: UpgradeVersions): UpgradeRecord | undefined {
  const command = "`groundcrew openclaw rollback`";
  if (record?.state === "rolling_back" || record?.state === "rollback_failed")
    throw new GroundcrewError("conflict", `The rollback to ${record.from} is not finished. Run ${command} first.`);
  if (record?.state !== "running") return undefined;
  if (record.from === from && record.to === to) return record;
  throw new GroundcrewError(
    "conflict",
    `The upgrade from ${record.from} to ${record.to} is not finished. Continue it with --from ${record.from} --to ${record.to}, or run ${command}.`,
  );
}

/** Rolls the last upgrade back, also one that was completed, or continues a rollback. `isDryRun`: only says how. */
export async function rollBackOpenclaw(context: UpgradeContext, isDryRun = false): Promise<UpgradeOutcome> {
  const { driver, records } = context;
  const record = records.read();
  if (!record)
    throw new GroundcrewError(
      "bad_request",
      `${records.path} does not exist: no upgrade was made with these settings.`,
    );
  if (record.driver !== driver.kind)
    throw new GroundcrewError("bad_request", `The last upgrade used the driver ${record.driver}, not ${driver.kind}.`);
  const isOver = record.state === "rolled_back" || record.state === "refused";
  if (isDryRun) return planSteps(isOver || !hasChangedInstallation(record) ? [] : ROLLBACK_STEPS, record);
  return isOver ? { state: "nothing to do", changed: 0 } : runRollbackSteps(context, record);
}

const planSteps = (steps: readonly Step[], versions: UpgradeVersions): UpgradeOutcome => ({
  ...{ state: "planned", changed: 0, plan: steps.map((step) => formatTitle(step, versions)) },
});

/**
 * Brings the old version and its state back, if OpenClaw was stopped or changed. A failing step ends it, because the
 * next one would build on it.
 */
async function runRollbackSteps(context: UpgradeContext, start: UpgradeRecord): Promise<UpgradeOutcome> {
  if (!hasChangedInstallation(start)) return finish(context, start, "refused");
  const steps = start.steps.filter(({ name }) => !ROLLBACK_STEPS.some((step) => step.name === name));
  const record = keepRecord(context, { ...start, state: "rolling_back", steps });
  context.progress(`rolling back to ${record.from}`);
  const isDone = await runSteps(context, record, ROLLBACK_STEPS);
  return finish(context, record, isDone ? "rolled_back" : "rollback_failed");
}

/** Ends the record, writes the report and counts the changes. */
function finish(context: UpgradeContext, record: UpgradeRecord, state: UpgradeRecord["state"]): UpgradeOutcome {
  const ended = keepRecord(context, { ...record, state, endedAt: context.clock() });
  const report = tryToWrite(context, "report", () => {
    const path = join(context.records.openRunFolder(ended.id), "report.md");
    writePrivateFile(path, renderUpgradeReport(ended, context.secrets));
    return path;
  });
  const changed = ended.steps.filter(({ name, status }) => status === "done" && CHANGING.has(name)).length;
  return { state, changed, record: ended, ...omitUndefined({ report }) };
}

/** Whether a step has begun that stops or changes OpenClaw: the backup is the first. */
const hasChangedInstallation = ({ steps }: UpgradeRecord) => steps.some(({ name }) => name === "backup");

const listLeft = (steps: readonly Step[], known: readonly StepRecord[] = []) =>
  steps.filter((step) => !known.some(({ name, status }) => name === step.name && status === "done"));

/**
 * Runs the steps that are not done yet, until one fails; true when all are done. The record is on the disk before and
 * after each step, so that the next call continues where this one was killed.
 */
async function runSteps(context: UpgradeContext, record: UpgradeRecord, steps: readonly Step[]): Promise<boolean> {
  const { clock, progress, records, secrets } = context;
  for (const step of listLeft(steps, record.steps)) {
    progress(formatTitle(step, record));
    const earlier = record.steps.filter(({ name }) => name !== step.name);
    const entry: StepRecord = { name: step.name, status: "started", startedAt: clock(), findings: [] };
    try {
      const begun = { ...record, steps: [...earlier, entry] };
      // A full disk must not keep a rollback from starting the old version again.
      if (record.state === "running") records.write(begun);
      else keepRecord(context, begun);
      entry.findings = await runWithDeadline(step.timeout, context, (bound) => step.run(bound, record));
      for (const { name, status, detail } of entry.findings)
        if (status === "failed" || status === "warning") progress(cleanLine(`  ${status}: ${name}: ${detail}`, 400));
      // The old version's own failures are only the standard.
      const grave = entry.findings.filter(({ name }) => step.name !== "baseline" || name === "gateway");
      entry.status = hasFailure(grave) ? "failed" : "done";
    } catch (thrown) {
      entry.status = "failed";
      entry.problem = cleanLine(redactCredentials(getErrorMessage(thrown), secrets), 600);
      progress(`  failed after ${Math.round((clock() - entry.startedAt) / SECOND)} s: ${entry.problem}`);
    }
    entry.endedAt = clock();
    record.steps = [...earlier, entry];
    keepRecord(context, record);
    if (entry.status === "failed") return false;
  }
  return true;
}

/** Writes a file where the disk takes it; undefined where it does not. What follows goes on in any case. */
function tryToWrite<T>({ progress }: UpgradeContext, name: string, write: () => T): T | undefined {
  try {
    return write();
  } catch (thrown) {
    progress(`  the ${name} cannot be written: ${cleanLine(getErrorMessage(thrown), 200)}`);
    return undefined;
  }
}

const keepRecord = (context: UpgradeContext, record: UpgradeRecord): UpgradeRecord =>
  tryToWrite(context, "record", () => context.records.write(record)) ?? record;

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
  step("scan", "scan both images, if trivy or grype is installed", HOUR, ({ driver, remaining }, { from, to }) =>
    driver.scanImages({ from, to }, remaining()),
  ),
  step("baseline", "test {from} as the new version will be tested", 20 * MINUTE, async (context, { from }) => {
    return (await runSmokeTest(context, from, context.clock())).findings;
  }),
  step("rehearse", "back up once while OpenClaw runs, to see that space and time suffice", 15 * MINUTE, rehearseBackup),
  step("backup", "stop OpenClaw and back up state and workspaces", 15 * MINUTE, backUpState),
  step("pin", "pin {to}", MINUTE, async ({ driver, remaining }, { to }) => {
    await driver.pin(to, remaining());
    return [createReport("pin").ok`${to} is pinned`];
  }),
  step("deploy", "start {to}", 10 * MINUTE, async (context, record) => {
    const since = context.clock();
    const gateway = await startGateway(context);
    if (gateway.status === "failed")
      record.logLines = findLines(await context.driver.readLog(since, 20 * SECOND), /\S/).slice(-MAX_LOG_LINES);
    return [gateway];
  }),
  step("limits", "set the limits of spawned agents in OpenClaw's settings", 15 * MINUTE, setLimits),
  step("smoke", "test {to}; roll back when something fails that worked before", 20 * MINUTE, testNewVersion),
];

/**
 * The steps back, in order, which need no run of a model. Each can run again after it was interrupted. Their timeouts
 * add up to less than 2 minutes: OpenClaw 2026.9 waits up to 5 minutes for its runs when it is asked to stop, so it is
 * killed; 2026.2 took 8 to 40 s to start on two busy cores.
 */
export const ROLLBACK_STEPS: readonly Step[] = [
  step("stop", "stop OpenClaw", 15 * SECOND, ({ driver, remaining }) => driver.stop(remaining()).then(() => [])),
  step("unpin", "pin {from} again", 4 * SECOND, async ({ driver, remaining }, { from }) => {
    await driver.pin(from, remaining());
    return [];
  }),
  step("restore", "restore state and workspaces, if {to} was started", RESTORE_TIMEOUT, restoreBackup),
  step("start", "start {from}", 60 * SECOND, async (context) => [await startGateway(context)]),
];

/** What a step does in this upgrade. */
export function formatTitle({ title }: Step, { from, to }: UpgradeVersions): string {
  return title.replace("{from}", from).replace("{to}", to);
}

/** Checks everything that an upgrade needs. Changes nothing. */
export async function checkUpgrade(context: StepContext, { from, to }: UpgradeVersions): Promise<Finding[]> {
  const { driver, knownVersions, remaining } = context;
  const { ok, failed } = createReport("version");
  const pinned = driver.readPinned();
  const version =
    pinned === from || pinned === to
      ? ok`${pinned} is pinned`
      : failed`${pinned} is pinned instead of ${from} → Use --from ${pinned}.`;
  const programs: Check<[]> = async ({ ok }) => {
    const answers: string[] = [];
    for (const command of driver.tools) {
      const result = await driver.runTool(command, remaining(COMMAND_TIMEOUT));
      answers.push(cleanLine(`${command}: ${requireSuccess(command, result)}`, 80));
    }
    return ok`${answers.join("; ")}`;
  };
  const findings = [version, ...checkKnownOpenclaw(to, knownVersions), await probeGateway(context)];
  findings.push(...(await runChecks({ programs }, "Install it, or add its folder to PATH.")));
  // Without its programs every further check would only report the same cause in other words.
  if (findings.at(-1)?.status === "failed") return findings;
  const checks: typeof driver.checks = {
    ...driver.checks,
    reach: () => checkReach(context),
    settings: async () => checkDirectMessages(await readOpenclawSettings(context)),
  };
  const todo = "Fix it, then run the same command again.";
  return [...findings, ...(await runChecks(checks, todo, to, remaining(COMMAND_TIMEOUT)))];
}

/** Starts the pinned version, and waits until its gateway answers. */
async function startGateway(context: StepContext): Promise<Finding> {
  await context.driver.start(context.remaining());
  return waitForGateway(context);
}

/**
 * Sets the limits with the new version while it runs, because its own start brings the old settings into its form:
 * before that, its command refuses them. 2026.2 reads them only when it starts.
 */
async function setLimits(context: StepContext, { steps }: UpgradeRecord): Promise<Finding[]> {
  // An interrupted attempt may have left the gateway stopped, or with settings that it has not read.
  const isRepeated = steps.some(({ name }) => name === "limits");
  if (isRepeated) await startGateway(context);
  const { changes, findings } = await applyLimits(context);
  if (changes === 0 && !isRepeated) return findings;
  await context.driver.stop(context.remaining(STOP_TIMEOUT));
  return [...findings, await startGateway(context)];
}

async function testNewVersion(context: StepContext, record: UpgradeRecord): Promise<Finding[]> {
  const find = (step: string) => record.steps.find(({ name }) => name === step);
  const { findings, logLines } = await runSmokeTest(context, record.to, find("deploy")?.startedAt ?? context.clock());
  record.logLines = logLines.slice(0, MAX_LOG_LINES);
  return judgeFindings(find("baseline")?.findings ?? [], findings);
}

/**
 * Backs up once while OpenClaw runs, and keeps nothing: a full disk and a stop that would last too long are found
 * before anything is stopped. A rollback unpacks the archive, so the state's disk must have room for a second state.
 */
async function rehearseBackup(context: StepContext, { id }: UpgradeRecord): Promise<Finding[]> {
  const { ok, failed } = createReport("backup");
  return writeArchive(context, id, async (_draft, bytes, ms) => {
    const answer = await context.exec("sh", "-c", SPACE_SCRIPT, "sh", ...listFolders(context));
    const numbers = requireSuccess("stat", answer).trim().split(/\s+/).map(Number);
    const [entries = 0, blocks = 0, size = 0, inodes = 0, total = 0] = numbers;
    const [needed, free] = [bytes, blocks * size].map((bytes) => `${Math.ceil(bytes / 2 ** 20)} MB`);
    return blocks * size < bytes || (total > 0 && inodes < entries)
      ? failed`a rollback needs ${needed} and ${entries} inodes where the state is; free are ${free} and ${inodes}
          → Free some space, then run the same command again.`
      : ok`${needed} in ${entries} files; OpenClaw will stand still for ${Math.ceil(ms / SECOND)} s`;
  });
}

async function backUpState(context: StepContext, record: UpgradeRecord): Promise<Finding[]> {
  const { driver, records, remaining } = context;
  const pinned = driver.readPinned();
  if (pinned !== record.from) throw new Error(`${pinned} is pinned instead of ${record.from}`);
  await driver.stop(remaining(STOP_TIMEOUT));
  return writeArchive(context, record.id, async (draft, _bytes, ms) => {
    const archive = join(records.openRunFolder(record.id), "state.tar.gz");
    renameSync(draft, archive);
    record.backup = { archive, sha256: await hashChunks(createReadStream(archive)) };
    return createReport("backup").ok`${statSync(archive).size} bytes in ${(ms / SECOND).toFixed(1)} s`;
  });
}

/**
 * Writes an archive for `use`, with the size of its content and the time it took. What is left of it then is deleted,
 * so that it fills no disk. Throws when it is not whole, or took so long that a rollback would exceed its limit:
 * unpacking takes less than packing with compression.
 */
async function writeArchive(
  context: StepContext,
  id: string,
  use: (draft: string, bytes: number, ms: Ms) => Promise<Finding>,
): Promise<Finding[]> {
  const { driver, clock, records, remaining } = context;
  const draft = join(records.openRunFolder(id), "state.tar.gz.partial");
  // A run that was killed may have left a program that still writes to the file of this name.
  rmSync(draft, { force: true });
  try {
    const start = clock();
    const args = ["tar", "-c", "-z", "-f", "-", "-C", "/", "--", ...listFolders(context).map((path) => path.slice(1))];
    await driver.transfer(args, { output: draft }, remaining()).catch((thrown: unknown) => {
      if (!LIVE_CHANGE.test(getErrorMessage(thrown))) throw thrown;
    });
    const ms = clock() - start;
    if (ms > RESTORE_TIMEOUT)
      throw new Error(
        `the backup took ${Math.ceil(ms / SECOND)} s, so a rollback would take more than 2 minutes. Move large files out of state and workspaces, then try again`,
      );
    let bytes = 0;
    // It ends with an error when the archive is not whole.
    for await (const chunk of createReadStream(draft).pipe(createGunzip())) bytes += (chunk as Buffer).length;
    return [await use(draft, bytes, ms)];
  } finally {
    rmSync(draft, { force: true });
  }
}

/** What is backed up: state and workspaces. */
const listFolders = ({ driver, settings }: StepContext) => [settings.state, ...driver.workspaces];

async function restoreBackup(context: StepContext, { backup, steps }: UpgradeRecord): Promise<Finding[]> {
  // The steps before the new version's first start leave the state alone.
  if (!backup || !steps.some(({ name }) => name === "deploy"))
    return [createReport("restore").skipped`the new version had not touched the state`];
  const { archive } = backup;
  if (!existsSync(archive)) throw new Error(`the backup ${archive} is missing; the state was left alone`);
  if ((await hashChunks(createReadStream(archive))) !== backup.sha256)
    throw new Error(`the backup ${archive} has changed since it was made; the state was left alone`);
  const args = ["sh", "-c", RESTORE_SCRIPT, "sh", ...listFolders(context)];
  await context.driver.transfer(args, { input: archive }, context.remaining());
  return [createReport("restore").ok`from ${archive}`];
}
