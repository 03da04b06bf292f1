import { cleanLine } from "../../shared/clean-text.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { type Deadline, runWithDeadline } from "./deadline.ts";
import { type Finding, hasFailure } from "./finding.ts";
import { ROLLBACK_STEPS, ROLLBACK_TIMEOUTS } from "./rollback-steps.ts";
import type { UpgradeContext } from "./upgrade-context.ts";
import { hasChangedInstallation, type StepRecord, type UpgradeRecord } from "./upgrade-record.ts";
import { endsUpgrade, UPGRADE_STEPS } from "./upgrade-steps.ts";

type StepList = "steps" | "rollbackSteps";

interface StepRun {
  list: StepList;
  name: string;
  timeout: Ms;
  isFailure: (findings: readonly Finding[]) => boolean;
  run: (deadline: Deadline) => Promise<{ findings: Finding[]; change?: Partial<UpgradeRecord> }>;
}

/**
 * Runs the steps that are not done yet, and rolls back when one fails after OpenClaw was stopped. The record is on the
 * disk before and after each step, so that the next call continues where this one was killed.
 */
export async function runUpgradeSteps(context: UpgradeContext, start: UpgradeRecord): Promise<UpgradeRecord> {
  let record = start;
  for (const step of UPGRADE_STEPS) {
    if (record.steps.some(({ name, status }) => name === step.name && status === "done")) continue;
    context.progress(step.title(record));
    const current = record;
    record = await runStep(context, current, {
      list: "steps",
      name: step.name,
      timeout: step.timeout,
      isFailure: (findings) => endsUpgrade(step.name, findings),
      run: (deadline) => step.run(context, current, deadline),
    });
    if (record.steps.at(-1)?.status !== "failed") continue;
    if (hasChangedInstallation(record)) return runRollbackSteps(context, record);
    return saveRecord(context, { ...record, state: "refused", endedAt: context.clock() });
  }
  return saveRecord(context, { ...record, state: "completed", endedAt: context.clock() });
}

/** Brings the old version and its state back. A failing step ends it, because the next one would build on it. */
export async function runRollbackSteps(context: UpgradeContext, start: UpgradeRecord): Promise<UpgradeRecord> {
  let record = saveRecord(context, { ...start, state: "rolling_back", rollbackSteps: [] });
  context.progress(`rolling back to ${record.from}`);
  for (const step of ROLLBACK_STEPS) {
    context.progress(step.title(record));
    const current = record;
    record = await runStep(context, current, {
      list: "rollbackSteps",
      name: step.name,
      timeout: ROLLBACK_TIMEOUTS[step.name],
      isFailure: hasFailure,
      run: async (deadline) => ({ findings: await step.run(context, current, deadline) }),
    });
    if (record.rollbackSteps.at(-1)?.status === "failed")
      return saveRecord(context, { ...record, state: "rollback_failed", endedAt: context.clock() });
  }
  return saveRecord(context, { ...record, state: "rolled_back", endedAt: context.clock() });
}

async function runStep(context: UpgradeContext, start: UpgradeRecord, step: StepRun): Promise<UpgradeRecord> {
  const { clock } = context;
  const startedAt = clock();
  const earlier = start[step.list].filter(({ name }) => name !== step.name);
  const put = (record: UpgradeRecord, change: Omit<StepRecord, "name" | "startedAt">) =>
    saveRecord(context, { ...record, [step.list]: [...earlier, { name: step.name, startedAt, ...change }] });
  const begun = put(start, { status: "started", findings: [] });
  try {
    const { findings, change } = await runWithDeadline(step.timeout, context, step.run);
    const failed = step.isFailure(findings);
    for (const finding of findings.filter(({ status }) => status === "failed" || status === "warning"))
      context.progress(cleanLine(`  ${finding.status}: ${finding.name}: ${finding.detail}`, 400));
    const status = failed ? "failed" : "done";
    return put({ ...begun, ...change }, { status, endedAt: clock(), findings });
  } catch (thrown) {
    const problem = cleanLine(getErrorMessage(thrown), 600);
    context.progress(`  failed after ${Math.round((clock() - startedAt) / SECOND)} s: ${problem}`);
    return put(begun, { status: "failed", endedAt: clock(), problem, findings: [] });
  }
}

function saveRecord({ records }: UpgradeContext, record: UpgradeRecord): UpgradeRecord {
  records.write(record);
  return record;
}
