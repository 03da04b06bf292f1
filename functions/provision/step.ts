import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { keepDefined } from "../../shared/keep-defined.ts";
import type { ProvisionContext } from "./context.ts";
import { explainFailure } from "./refusals.ts";

/** What became of a step; in a plan, what would. */
export interface StepResult {
  name: string;
  status: "created" | "changed" | "unchanged" | "failed";
  /** For people; never a secret. */
  detail: string;
}

/** Something to be done, as people read it before they agree. */
export interface StepAction {
  is: "created" | "changed";
  detail: string;
}

export interface StepDecision<A extends StepAction = StepAction> {
  actions: A[];
  /** What holds already, or why nothing is done. */
  note?: string | undefined;
}

export interface ProvisionStep {
  name: string;
  /** Steps that must not have failed. */
  needs: readonly string[];
  run(context: ProvisionContext, apply: boolean): Promise<StepResult>;
}

/**
 * One step: look at what is, decide by comparing it with what is wanted, do what is missing. `decide` is pure, so the
 * plan and the run cannot differ but by what has happened between them.
 */
export function createStep<F, A extends StepAction>(parts: {
  name: string;
  needs?: readonly string[];
  /** Reads, and never writes. In a plan (`apply` false) what the steps before will make is not there yet. */
  look(context: ProvisionContext, apply: boolean): Promise<F>;
  decide(found: F, wanted: ProvisionSettings): StepDecision<A>;
  act(context: ProvisionContext, action: A, found: F): Promise<void>;
}): ProvisionStep {
  const { name, needs = [], look, decide, act } = parts;
  return {
    name,
    needs,
    async run(context, apply) {
      const found = await look(context, apply);
      const { actions, note } = decide(found, context.settings);
      if (apply) {
        for (const action of actions) {
          context.progress(`${name}: ${action.detail}`);
          await act(context, action, found).finally(context.forgetReads);
        }
      }
      const created = actions.some(({ is }) => is === "created");
      const status = actions.length === 0 ? "unchanged" : created ? "created" : "changed";
      const details = keepDefined([...actions.map(({ detail }) => detail), note || undefined]);
      return { name, status, detail: details.join("; ") || "as it should be" };
    },
  };
}

/** Runs the steps one after the other; one that fails stops those that need it, and no other. */
export async function runSteps(
  context: ProvisionContext,
  steps: readonly ProvisionStep[],
  apply: boolean,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  const failed = new Set<string>();
  for (const current of steps) {
    // Without Plane nothing is tried: what can be done here alone would wait for it all the same.
    const failedNeeds = [...new Set(["plane", ...current.needs])].filter((name) => failed.has(name));
    const result =
      failedNeeds.length > 0
        ? { name: current.name, status: "failed" as const, detail: `not tried, because of: ${failedNeeds.join(", ")}` }
        : await current.run(context, apply).catch((thrown: unknown) => {
            return { name: current.name, status: "failed" as const, detail: explainFailure(thrown) };
          });
    const redacted = { ...result, detail: context.redact(result.detail) };
    if (redacted.status === "failed") failed.add(current.name);
    if (apply && redacted.status !== "unchanged") context.progress(`${redacted.name}: ${redacted.status}`);
    results.push(redacted);
  }
  return results;
}
