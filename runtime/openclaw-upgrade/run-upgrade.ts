/** A check, an upgrade or a rollback of OpenClaw, or what they would do: runs the steps, and records each. */

import { join } from "node:path";
import { type Finding, hasFailure } from "../../functions/doctor/findings.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanLine } from "../../shared/text.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";
import { writePrivateFile } from "../node/files.ts";
import { runWithDeadline, type UpgradeContext } from "./upgrade-driver.ts";
import {
  redactCredentials,
  renderUpgradeReport,
  type StepRecord,
  type UpgradeRecord,
  type UpgradeVersions,
} from "./upgrade-record.ts";
import { checkUpgrade, formatTitle, ROLLBACK_STEPS, type Step, UPGRADE_STEPS } from "./upgrade-steps.ts";

/** What a command did. `changed`: steps that changed the installation, 0 when there was nothing to do. */
export interface UpgradeOutcome {
  state: UpgradeRecord["state"] | "checked" | "planned" | "nothing to do";
  changed: number;
  record?: UpgradeRecord;
  findings?: Finding[];
  plan?: string[];
  report?: string;
}

/** Steps that change the installation, for the count of changes. */
const CHANGING = new Set(["fetch", "pin", "limits", "deploy", "unpin", "restore", "start"]);

const NOTHING: UpgradeOutcome = { state: "nothing to do", changed: 0 };

/** Checks an upgrade and changes nothing, not even the record. */
export async function checkOnly(context: UpgradeContext, versions: UpgradeVersions): Promise<UpgradeOutcome> {
  const findings = await runWithDeadline(10 * MINUTE, context, (step) => checkUpgrade(step, versions));
  return { state: "checked", changed: 0, findings };
}

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
  const unfinished = findUnfinished(context, versions);
  const pinned = driver.readPinned();
  const isDone = !unfinished && pinned === to;
  if (isDryRun) {
    if (!unfinished && !isDone && pinned !== from)
      throw new GroundcrewError("conflict", `${pinned} is pinned, not ${from}. Use --from ${pinned}.`);
    return planSteps(isDone ? [] : UPGRADE_STEPS.filter(({ name }) => !isStepDone(unfinished?.steps, name)), versions);
  }
  if (isDone) return NOTHING;
  if (unfinished) progress(`continuing the upgrade of ${new Date(unfinished.startedAt).toISOString()}`);
  const startedAt = clock();
  const id = new Date(startedAt).toISOString().replaceAll(/[:.]/g, "-");
  const created = { format: 1, id, from, to, driver: driver.kind, state: "running", startedAt } as const;
  const record = unfinished ?? records.write({ ...created, steps: [], rollbackSteps: [], logLines: [] });
  return finish(context, await runUpgradeSteps(context, record));
}

/** The upgrade to continue. Throws when it is another one, or is being rolled back. */
function findUnfinished({ records }: UpgradeContext, { from, to }: UpgradeVersions): UpgradeRecord | undefined {
  const record = records.read();
  if (record?.state === "rolling_back" || record?.state === "rollback_failed")
    throw new GroundcrewError(
      "conflict",
      `The rollback to ${record.from} is not finished. Run \`groundcrew openclaw rollback\` first.`,
    );
  if (record?.state !== "running") return undefined;
  if (record.from === from && record.to === to) return record;
  throw new GroundcrewError(
    "conflict",
    `The upgrade from ${record.from} to ${record.to} is not finished. Continue it with --from ${record.from} --to ${record.to}, or run \`groundcrew openclaw rollback\`.`,
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
  const hasChanged = !isOver && hasChangedInstallation(record);
  if (isDryRun) return planSteps(hasChanged ? ROLLBACK_STEPS : [], record);
  if (isOver) return NOTHING;
  return finish(context, hasChanged ? await runRollbackSteps(context, record) : endRecord(context, record, "refused"));
}

const planSteps = (steps: readonly Step[], versions: UpgradeVersions): UpgradeOutcome => ({
  ...{ state: "planned", changed: 0, plan: steps.map((step) => formatTitle(step, versions)) },
});

/** Writes the report, and counts the changes. */
function finish(context: UpgradeContext, record: UpgradeRecord): UpgradeOutcome {
  const report = tryToWrite(context, "report", () => {
    const path = join(context.records.openRunFolder(record.id), "report.md");
    writePrivateFile(path, renderUpgradeReport(record, context.secrets));
    return path;
  });
  const steps = [...record.steps, ...record.rollbackSteps];
  const changed = steps.filter(({ name, status }) => status === "done" && CHANGING.has(name)).length;
  return { state: record.state, changed, record, ...omitUndefined({ report }) };
}

/** Runs the steps that are not done yet, and rolls back when one fails after OpenClaw was stopped. */
export async function runUpgradeSteps(context: UpgradeContext, start: UpgradeRecord): Promise<UpgradeRecord> {
  const record = { ...start };
  if (await runSteps(context, record, "steps", UPGRADE_STEPS)) return endRecord(context, record, "completed");
  return hasChangedInstallation(record) ? runRollbackSteps(context, record) : endRecord(context, record, "refused");
}

/** Brings the old version and its state back. A failing step ends it, because the next one would build on it. */
export async function runRollbackSteps(context: UpgradeContext, start: UpgradeRecord): Promise<UpgradeRecord> {
  const record = keepRecord(context, { ...start, state: "rolling_back", rollbackSteps: [] });
  context.progress(`rolling back to ${record.from}`);
  const isDone = await runSteps(context, record, "rollbackSteps", ROLLBACK_STEPS);
  return endRecord(context, record, isDone ? "rolled_back" : "rollback_failed");
}

/** Whether a step has begun that stops or changes OpenClaw: the backup is the first. */
const hasChangedInstallation = ({ steps }: UpgradeRecord) => steps.some(({ name }) => name === "backup");

const isStepDone = (steps: readonly StepRecord[] = [], wanted: string) =>
  steps.some(({ name, status }) => name === wanted && status === "done");

/**
 * Runs the steps of a list that are not done yet, until one fails; true when all are done. The record is on the disk
 * before and after each step, so that the next call continues where this one was killed.
 */
async function runSteps(
  context: UpgradeContext,
  record: UpgradeRecord,
  list: "steps" | "rollbackSteps",
  steps: readonly Step[],
): Promise<boolean> {
  const { clock, progress, records, secrets } = context;
  for (const step of steps.filter(({ name }) => !isStepDone(record[list], name))) {
    const { name, timeout, run } = step;
    progress(formatTitle(step, record));
    const earlier = record[list].filter((known) => known.name !== name);
    const entry: StepRecord = { name, status: "started", startedAt: clock(), findings: [] };
    try {
      const begun = { ...record, [list]: [...earlier, entry] };
      // A full disk must not keep a rollback from starting the old version again.
      if (list === "steps") records.write(begun);
      else keepRecord(context, begun);
      entry.findings = await runWithDeadline(timeout, context, (bound) => run(bound, record));
      for (const { name, status, detail } of entry.findings)
        if (status === "failed" || status === "warning") progress(cleanLine(`  ${status}: ${name}: ${detail}`, 400));
      // The old version's own failures are only the standard.
      const grave = entry.findings.filter((finding) => name !== "baseline" || finding.name === "gateway");
      entry.status = hasFailure(grave) ? "failed" : "done";
    } catch (thrown) {
      entry.status = "failed";
      entry.problem = cleanLine(redactCredentials(getErrorMessage(thrown), secrets), 600);
      progress(`  failed after ${Math.round((clock() - entry.startedAt) / SECOND)} s: ${entry.problem}`);
    }
    entry.endedAt = clock();
    record[list] = [...earlier, entry];
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

/** Ends an upgrade or a rollback. */
function endRecord(context: UpgradeContext, record: UpgradeRecord, state: UpgradeRecord["state"]): UpgradeRecord {
  return keepRecord(context, { ...record, state, endedAt: context.clock() });
}
