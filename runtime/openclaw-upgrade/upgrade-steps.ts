/**
 * The steps of an upgrade and of a rollback, the same for both drivers, and the loop that runs them: each is recorded
 * before and after, so that an interrupted run is known.
 */

import { randomUUID } from "node:crypto";
import { createReadStream, existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { z } from "zod";
import { createReport, type Finding, hasFailure } from "../../functions/doctor/findings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { hashChunks } from "../node/crypto.ts";
import { requireSuccess, runProgram } from "../node/programs.ts";
import { checkUpgrade, readOpenclawSettings } from "./check-upgrade.ts";
import { findLastLines } from "./openclaw-answers.ts";
import { judgeFindings, probeGateway, runSmokeTest, waitForGateway } from "./smoke-test.ts";
import { applyLimits } from "./spawn-limits.ts";
import { inspect, runOpenclaw, runWithDeadline, type StepContext, type UpgradeContext } from "./upgrade-driver.ts";
import { hasChangedInstallation, type StepRecord, type UpgradeRecord } from "./upgrade-record.ts";

/** What a step found, and what it adds to the record. A failed finding ends the upgrade. */
interface StepResult extends Partial<Pick<UpgradeRecord, "backup" | "scans" | "spawn" | "logLines">> {
  findings?: Finding[];
}

type TitleFacts = Pick<UpgradeRecord, "from" | "to" | "backup">;

interface Step {
  name: string;
  /** What it does, for the plan of a dry run, with `{from}` and `{to}`. */
  title: string | ((record: TitleFacts) => string);
  timeout: Ms;
  run: (context: StepContext, record: UpgradeRecord) => Promise<StepResult>;
}

/** Time that OpenClaw gets to stop before a backup: 60 s, because nothing is urgent yet. */
const STOP_TIMEOUT: Ms = 60 * SECOND;

/** Limit of the log's lines in the record. */
const MAX_LOG_LINES = 50;

/** What tar says, with exit code 1, about a file that OpenClaw wrote or deleted meanwhile: the archive is whole. */
const LIVE_CHANGE = /exit code 1: .*(?:changed as we read it|removed before we read it)/;

/** The schema of OpenClaw's settings, of which only the names of sections are read. */
const configSchema = z.object({ properties: z.record(z.string(), z.unknown()) });

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

const step = (name: string, title: Step["title"], timeout: Ms, run: Step["run"]): Step => ({
  name,
  title,
  timeout,
  run,
});

/**
 * The steps of an upgrade, in order. Each can run again after it was interrupted: until `pin` the state belongs to the
 * old version, and what comes after reads or sets the same values again.
 */
export const UPGRADE_STEPS: readonly Step[] = [
  step("check", "check the installation", 10 * MINUTE, async (context, versions) => ({
    findings: await checkUpgrade(context, versions),
  })),
  step("fetch", "fetch {to} beside the running version", HOUR, async ({ driver, remaining }, { from, to }) => {
    await driver.fetchVersion(to, remaining());
    await driver.keepVersion(from, remaining());
    return { findings: [createReport("fetch").ok`${to} is on this machine`] };
  }),
  step(
    "scan",
    "scan both images, if trivy or grype is installed",
    HOUR,
    async ({ driver, remaining }, { from, to }) => {
      const before = await driver.scanImage(from, remaining());
      return { scans: { from: before, to: await driver.scanImage(to, remaining()) } };
    },
  ),
  step("baseline", "test {from} as the new version will be tested", 20 * MINUTE, async (context, record) => {
    const { findings, spawn } = await runSmokeTest(context, record.from, context.clock());
    return { findings, spawn: { ...record.spawn, from: spawn } };
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
    return { findings: [createReport("pin").ok`${to} is pinned`] };
  }),
  step("deploy", "start {to}", 10 * MINUTE, async (context) => {
    const { driver, clock, remaining } = context;
    const since = clock();
    await driver.start(remaining());
    const gateway = await waitForGateway(context);
    if (gateway.status !== "failed") return { findings: [gateway] };
    const log = await driver.readLog(since, 20 * SECOND);
    return { findings: [gateway], logLines: findLastLines(log, MAX_LOG_LINES) };
  }),
  step("limits", "set the limits of spawned agents in OpenClaw's settings", 15 * MINUTE, setLimits),
  step(
    "smoke",
    "test {to}; roll back when something fails that worked before",
    20 * MINUTE,
    async (context, record) => {
      const find = (step: string) => record.steps.find(({ name }) => name === step);
      const deployedAt = find("deploy")?.startedAt ?? context.clock();
      const { findings, spawn, logLines } = await runSmokeTest(context, record.to, deployedAt);
      return {
        findings: [
          ...judgeFindings(find("baseline")?.findings ?? [], findings),
          ...(await inspect("unused settings", "See OpenClaw's own documents.", () => listUnusedSettings(context))),
        ],
        spawn: { ...record.spawn, to: spawn },
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
    return {};
  }),
  step("unpin", "pin {from} again", ROLLBACK_TIMEOUTS.unpin, async ({ driver, remaining }, { from }) => {
    driver.pin(from);
    await driver.recallVersion(from, remaining());
    return {};
  }),
  step(
    "restore",
    ({ backup }) => (backup ? "restore state and workspaces from the backup" : "keep the state, which is unchanged"),
    ROLLBACK_TIMEOUTS.restore,
    restoreBackup,
  ),
  step("start", "start {from}", ROLLBACK_TIMEOUTS.start, async (context) => {
    await context.driver.start(context.remaining());
    return { findings: [await waitForGateway(context)] };
  }),
  // Cheap, because it must be quick, and without a run of a model.
  step(
    "verify",
    "check that the gateway answers and {from} is pinned",
    ROLLBACK_TIMEOUTS.verify,
    async (context, { from }) => {
      const { ok, failed } = createReport("version");
      const pinned = context.driver.readPinned();
      const version =
        pinned === from ? ok`${from} is pinned` : failed`${pinned} is pinned instead of ${from} → Pin it by hand.`;
      return { findings: [version, await probeGateway(context)] };
    },
  ),
];

/** What a step does in this upgrade. */
export function formatTitle({ title }: Step, record: TitleFacts): string {
  const text = typeof title === "string" ? title : title(record);
  return text.replace("{from}", record.from).replace("{to}", record.to);
}

/** Runs the steps that are not done yet, and rolls back when one fails after OpenClaw was stopped. */
export async function runUpgradeSteps(context: UpgradeContext, start: UpgradeRecord): Promise<UpgradeRecord> {
  const { record, isDone } = await runSteps(context, start, "steps", UPGRADE_STEPS);
  if (isDone) return endRecord(context, record, "completed");
  return hasChangedInstallation(record) ? runRollbackSteps(context, record) : endRecord(context, record, "refused");
}

/** Brings the old version and its state back. A failing step ends it, because the next one would build on it. */
export async function runRollbackSteps(context: UpgradeContext, start: UpgradeRecord): Promise<UpgradeRecord> {
  const begun = keepRecord(context, { ...start, state: "rolling_back", rollbackSteps: [] });
  context.progress(`rolling back to ${begun.from}`);
  const { record, isDone } = await runSteps(context, begun, "rollbackSteps", ROLLBACK_STEPS);
  return endRecord(context, record, isDone ? "rolled_back" : "rollback_failed");
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
): Promise<{ record: UpgradeRecord; isDone: boolean }> {
  let record = start;
  for (const step of steps) {
    if (record[list].some(({ name, status }) => name === step.name && status === "done")) continue;
    context.progress(formatTitle(step, record));
    record = await runStep(context, record, list, step);
    if (record[list].at(-1)?.status === "failed") return { record, isDone: false };
  }
  return { record, isDone: true };
}

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
    const { findings = [], ...change } = await runWithDeadline(timeout, context, (stepContext) =>
      run(stepContext, start),
    );
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
  const config = await readOpenclawSettings(context);
  const { changes, findings } = await applyLimits(context, config);
  if (changes === 0 && !isRepeated) return { findings };
  await driver.stop(remaining(STOP_TIMEOUT));
  await driver.start(remaining());
  return { findings: [...findings, await waitForGateway(context)] };
}

/**
 * Backs up once while OpenClaw runs, and deletes the archive: a full disk and a stop that would last too long are found
 * before anything is stopped. A rollback unpacks the archive, so the state's disk must have room for a second state.
 */
async function rehearseBackup(context: StepContext, record: UpgradeRecord): Promise<StepResult> {
  const { ok, failed } = createReport("backup");
  return writeArchive(context, record, async (draft, ms) => {
    const stop = requireQuickBackup(ms);
    const entries = await listArchive(context, draft);
    const needed = { bytes: await measureContent(draft), inodes: entries };
    const free = await context.driver.readFree(context.remaining());
    const toMegabytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MB`;
    if (free.bytes < needed.bytes || free.inodes < needed.inodes)
      return {
        findings: [
          failed`a rollback needs ${toMegabytes(needed.bytes)} and ${needed.inodes} inodes where the state is; free are
            ${toMegabytes(free.bytes)} and ${free.inodes} → Free some space, then run the same command again.`,
        ],
      };
    return {
      findings: [ok`${toMegabytes(needed.bytes)} in ${needed.inodes} files; OpenClaw will stand still for ${stop}`],
    };
  });
}

async function backUpState(context: StepContext, record: UpgradeRecord): Promise<StepResult> {
  const { driver, remaining } = context;
  if (driver.readPinned() !== record.from)
    throw new Error(`${driver.readPinned()} is pinned instead of ${record.from}`);
  await driver.stop(remaining(STOP_TIMEOUT));
  return writeArchive(context, record, async (draft, ms) => {
    requireQuickBackup(ms);
    await listArchive(context, draft);
    const archive = join(context.records.openRunFolder(record.id), "state.tar.gz");
    renameSync(draft, archive);
    const backup = { archive, sha256: await hashChunks(createReadStream(archive)), bytes: statSync(archive).size, ms };
    const finding = createReport("backup").ok`${backup.bytes} bytes in ${(ms / SECOND).toFixed(1)} s`;
    return { findings: [finding], backup };
  });
}

/** Writes an archive for `use`, with the time it took. What is left of it then is deleted, so that it fills no disk. */
async function writeArchive(
  { driver, clock, records, remaining }: StepContext,
  { id }: UpgradeRecord,
  use: (draft: string, ms: Ms) => Promise<StepResult>,
): Promise<StepResult> {
  const folder = records.openRunFolder(id);
  // A run that was killed may have left a program that still writes its own draft.
  for (const name of readdirSync(folder)) if (name.endsWith(DRAFT_ENDING)) rmSync(join(folder, name), { force: true });
  const draft = join(folder, `${randomUUID()}${DRAFT_ENDING}`);
  try {
    const start = clock();
    await driver.backUp(draft, remaining()).catch((thrown: unknown) => {
      if (!LIVE_CHANGE.test(getErrorMessage(thrown))) throw thrown;
    });
    return await use(draft, clock() - start);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Unpacking takes less than packing with compression, so the time of a backup is a bound for the way back. */
function requireQuickBackup(ms: Ms): string {
  const seconds = `${Math.ceil(ms / SECOND)} s`;
  if (ms <= ROLLBACK_TIMEOUTS.restore) return seconds;
  throw new Error(
    `the backup took ${seconds}, so a rollback would take more than 2 minutes. Move large files out of state and workspaces, then try again`,
  );
}

/** The number of files in an archive. Throws when it is not whole. */
async function listArchive({ env, remaining }: StepContext, archive: string): Promise<number> {
  const result = await runProgram("tar", ["-t", "-z", "-f", archive], { env, timeoutMs: remaining() });
  return requireSuccess("tar", result).split("\n").length - 1;
}

/** The bytes that an archive unpacks to. */
async function measureContent(archive: string): Promise<number> {
  let bytes = 0;
  for await (const chunk of createReadStream(archive).pipe(createGunzip())) bytes += (chunk as Buffer).length;
  return bytes;
}

/** Names the sections of the settings that the new version has and OpenClaw's own settings do not use yet. */
async function listUnusedSettings(context: StepContext): Promise<Finding[]> {
  const { ok, skipped } = createReport("unused settings");
  const { stdout } = await runOpenclaw(context, "config", "schema");
  const { data: schema } = configSchema.safeParse(tryParseJson(stdout.slice(Math.max(0, stdout.indexOf("{")))));
  if (!schema) return [skipped`this version does not describe its settings`];
  const used = new Set(Object.keys(Object(await readOpenclawSettings(context))));
  const unused = Object.keys(schema.properties).filter((name) => /^\w+$/.test(name) && !used.has(name));
  return [ok`${unused.join(", ") || "none"}; \`openclaw config schema\` describes them`];
}

async function restoreBackup({ driver, remaining }: StepContext, record: UpgradeRecord): Promise<StepResult> {
  const { backup } = record;
  // The steps before the new version's first start leave the state alone.
  if (!backup || !record.steps.some(({ name }) => name === "deploy"))
    return { findings: [createReport("restore").skipped`the new version had not touched the state`] };
  if (!existsSync(backup.archive)) throw new Error(`the backup ${backup.archive} is missing; the state was left alone`);
  const sha256 = await hashChunks(createReadStream(backup.archive));
  if (sha256 !== backup.sha256)
    throw new Error(`the backup ${backup.archive} has changed since it was made; the state was left alone`);
  await driver.restore(backup.archive, remaining());
  return { findings: [createReport("restore").ok`${backup.bytes} bytes from ${backup.archive}`] };
}
