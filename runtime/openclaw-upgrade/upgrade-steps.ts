/** The steps of an upgrade and of a rollback, the same for both drivers, and the copy of OpenClaw's state. */

import { createReadStream, existsSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { checkKnownOpenclaw } from "../../functions/doctor/openclaw.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { cleanLine } from "../../shared/text.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { hashChunks } from "../node/crypto.ts";
import { requireSuccess } from "../node/programs.ts";
import { applyLimits, checkDirectMessages, readOpenclawSettings } from "./openclaw-settings.ts";
import { checkReach, findLines, judgeFindings, probeGateway, runSmokeTest, waitForGateway } from "./smoke-test.ts";
import { type Check, COMMAND_TIMEOUT, runChecks, type StepContext } from "./upgrade-driver.ts";
import type { UpgradeRecord, UpgradeVersions } from "./upgrade-record.ts";

export interface Step {
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
 * Backs up once while OpenClaw runs, and keeps nothing: a full disk and a stop that would last too long are found before
 * anything is stopped. A rollback unpacks the archive, so the state's disk must have room for a second state.
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
 * Writes an archive for `use`, with the size of its content and the time it took. What is left of it then is deleted, so
 * that it fills no disk. Throws when it is not whole, or took so long that a rollback would exceed its limit: unpacking
 * takes less than packing with compression.
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
