import type { ProvisionContext } from "./context.ts";
import { type ProvisionStep, runSteps, type StepResult } from "./step.ts";

/** What came of a run, or of planning one. */
export interface ProvisionReport {
  steps: StepResult[];
  /** How many steps made or changed something, or would. */
  changed: number;
  failed: number;
}

/** What would be done: looks, and writes nothing. */
export async function planProvision(
  context: ProvisionContext,
  steps: readonly ProvisionStep[],
): Promise<ProvisionReport> {
  return toProvisionReport(await runSteps(context, steps, false));
}

/** Does what is missing, step by step, looking again before each. Safe to repeat, also after having been cut off. */
export async function applyProvision(
  context: ProvisionContext,
  steps: readonly ProvisionStep[],
): Promise<ProvisionReport> {
  context.forgetReads();
  context.instance.asked = undefined;
  return toProvisionReport(await runSteps(context, steps, true));
}

function toProvisionReport(steps: StepResult[]): ProvisionReport {
  const count = (...statuses: StepResult["status"][]) => steps.filter(({ status }) => statuses.includes(status)).length;
  return { steps, changed: count("created", "changed"), failed: count("failed") };
}
