import { cleanLine } from "../../shared/clean-text.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { keepDefined } from "../../shared/keep-defined.ts";
import type { ProvisionContext } from "./context.ts";
import { explainFailure } from "./refusals.ts";

/**
 * Limit of a detail, in UTF-16 units. Details contain texts of any length from Plane; provision's own have a few hundred.
 */
const MAX_DETAIL_LENGTH = 4_000;

/** Result of a step; in a plan, the expected result. */
export interface StepResult {
  name: string;
  status: "created" | "changed" | "unchanged" | "failed";
  /** For people, on one line; never contains a secret. */
  detail: string;
}

/** A change that a step will make; `detail` describes it to people before they confirm. */
export interface StepAction {
  is: "created" | "changed";
  detail: string;
}

export interface StepDecision<A extends StepAction = StepAction> {
  actions: A[];
  /** The current state, or the reason why nothing is done. */
  note?: string | undefined;
}

export interface ProvisionStep {
  name: string;
  /** Names of steps that must not have failed. */
  needs: readonly string[];
  run(context: ProvisionContext, apply: boolean): Promise<StepResult>;
}

/**
 * Creates a step that reads the current state, compares it with the settings and makes the missing changes. `decide` is
 * pure, so a plan and its run differ only when the state has changed between them.
 */
export function createStep<F, A extends StepAction>(parts: {
  name: string;
  needs?: readonly string[];
  /** Reads the state and never writes. In a plan (`apply` false) the results of earlier steps do not exist yet. */
  readState(context: ProvisionContext, apply: boolean): Promise<F>;
  decide(state: F, wanted: ProvisionSettings): StepDecision<A>;
  applyAction(context: ProvisionContext, action: A, state: F): Promise<void>;
}): ProvisionStep {
  const { name, needs = [], readState, decide, applyAction } = parts;
  return {
    name,
    needs,
    async run(context, apply) {
      const state = await readState(context, apply);
      const { actions, note } = decide(state, context.settings);
      if (apply) {
        for (const action of actions) {
          context.progress(`${name}: ${action.detail}`);
          await applyAction(context, action, state).finally(context.forgetReads);
        }
      }
      const created = actions.some(({ is }) => is === "created");
      const status = actions.length === 0 ? "unchanged" : created ? "created" : "changed";
      const details = keepDefined([...actions.map(({ detail }) => detail), note || undefined]);
      return { name, status, detail: details.join("; ") || "up to date" };
    },
  };
}

/** Runs the steps in order. A failed step prevents only the steps that need it. */
export async function runSteps(
  context: ProvisionContext,
  steps: readonly ProvisionStep[],
  apply: boolean,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  const failed = new Set<string>();
  for (const current of steps) {
    // Without Plane no step runs: local results alone would be of no use.
    const failedNeeds = [...new Set(["plane", ...current.needs])].filter((name) => failed.has(name));
    const result =
      failedNeeds.length > 0
        ? {
            name: current.name,
            status: "failed" as const,
            detail: `skipped because these steps failed: ${failedNeeds.join(", ")}`,
          }
        : await current.run(context, apply).catch((thrown: unknown) => {
            return { name: current.name, status: "failed" as const, detail: explainFailure(thrown) };
          });
    // One line, so that a text from Plane cannot pass for further lines of the report.
    const redacted = { ...result, detail: cleanLine(context.redact(result.detail), MAX_DETAIL_LENGTH) };
    if (redacted.status === "failed") failed.add(current.name);
    if (apply && redacted.status !== "unchanged") context.progress(`${redacted.name}: ${redacted.status}`);
    results.push(redacted);
  }
  return results;
}
