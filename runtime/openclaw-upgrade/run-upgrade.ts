/** An upgrade or a rollback of OpenClaw, or what they would do: runs the steps, and records each. */

import { join } from "node:path";
import { type Finding, hasFailure } from "../../functions/doctor/findings.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanLine } from "../../shared/text.ts";
import { SECOND } from "../../shared/time.ts";
import { writePrivateFile } from "../node/files.ts";
import { runWithDeadline, type UpgradeContext } from "./upgrade-driver.ts";
import {
  redactCredentials,
  renderUpgradeReport,
  type StepRecord,
  type UpgradeRecord,
  type UpgradeVersions,
} from "./upgrade-record.ts";
import { formatTitle, ROLLBACK_STEPS, type Step, UPGRADE_STEPS } from "./upgrade-steps.ts";

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
