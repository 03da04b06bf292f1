import type { Context } from "./context.ts";
import { runSteps, type Step, type Told } from "./step.ts";

/** What came of a run, or of planning one. */
export interface Report {
  steps: Told[];
  /** How many steps made or changed something, or would. */
  changed: number;
  failed: number;
}

/** What would be done: looks, and writes nothing. */
export async function plan(context: Context, steps: readonly Step[]): Promise<Report> {
  return reportOf(await runSteps(context, steps, false));
}

/** Does what is missing, step by step, looking again before each. Safe to repeat, also after having been cut off. */
export async function apply(context: Context, steps: readonly Step[]): Promise<Report> {
  context.forget();
  context.instance.asked = undefined;
  return reportOf(await runSteps(context, steps, true));
}

function reportOf(steps: Told[]): Report {
  const count = (...which: Told["status"][]) => steps.filter(({ status }) => which.includes(status)).length;
  return { steps, changed: count("created", "changed"), failed: count("failed") };
}
