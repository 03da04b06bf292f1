import type { ProvisionContext } from "./context.ts";
import { type ProvisionStep, runSteps, type StepResult } from "./step.ts";

/** Result of a run or of a plan. */
export interface ProvisionReport {
  steps: StepResult[];
  /** Number of steps that created or changed something, or would. */
  changed: number;
  failed: number;
}

/** Plans all steps: reads the current state and writes nothing. */
export async function planProvision(
  context: ProvisionContext,
  steps: readonly ProvisionStep[],
): Promise<ProvisionReport> {
  return toProvisionReport(await runSteps(context, steps, false));
}

/** Runs all steps, each of which reads the state again. Safe to repeat, also after an interruption. */
export async function applyProvision(
  context: ProvisionContext,
  steps: readonly ProvisionStep[],
): Promise<ProvisionReport> {
  context.forgetReads();
  context.instance.info = undefined;
  return toProvisionReport(await runSteps(context, steps, true));
}

function toProvisionReport(steps: StepResult[]): ProvisionReport {
  const count = (...statuses: StepResult["status"][]) => steps.filter(({ status }) => statuses.includes(status)).length;
  return { steps, changed: count("created", "changed"), failed: count("failed") };
}
