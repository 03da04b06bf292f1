/**
 * A step of `provision`, and how steps run: each compares what is there with what should be, and plans or does only
 * what is missing.
 */

import { cleanLine } from "../../shared/text.ts";
import type { ProvisionContext } from "./context.ts";
import { explainFailure } from "./refusals.ts";

export interface ProvisionStep {
  name: string;
  /** Names of steps that must not have failed. */
  needs: readonly string[];
  /**
   * Reads the state, compares it with the settings and returns the missing changes, with notes for people about the
   * rest. Never writes. In a plan (`apply` false) the results of earlier steps do not exist yet.
   */
  plan(context: ProvisionContext, apply: boolean): Promise<StepPart | readonly StepPart[]>;
}

/** A missing change, or a note; what does not apply is none. */
export type StepPart = StepChange | string | undefined | false;

/** A change that a step will make; `detail` describes it to people before they confirm. */
export interface StepChange {
  status: "created" | "changed";
  detail: string;
  apply(): Promise<unknown>;
}

/** Result of a step; in a plan, the expected result. */
export interface StepResult {
  name: string;
  status: StepChange["status"] | "unchanged" | "failed";
  /** For people, on one line; never contains a secret. */
  detail: string;
}

/** Result of a run or of a plan. */
export interface ProvisionReport {
  steps: StepResult[];
  /** Number of steps that created or changed something, or would. */
  changed: number;
  failed: number;
}

/**
 * Limit of a detail, in UTF-16 units. Details contain texts of any length from Plane; provision's own have a few
 * hundred.
 */
const MAX_DETAIL_LENGTH = 4_000;

export function createStep(name: string, needs: readonly string[], plan: ProvisionStep["plan"]): ProvisionStep {
  return { name, needs, plan };
}

export function create(detail: string, apply: StepChange["apply"]): StepChange {
  return { status: "created", detail, apply };
}

export function change(detail: string, apply: StepChange["apply"]): StepChange {
  return { status: "changed", detail, apply };
}

/**
 * Runs the steps in order; a failed one prevents only the steps that need it. Without `apply` it plans them: reads the
 * current state and writes nothing. With it each step reads the state again, so that a run is safe to repeat, also
 * after an interruption.
 */
export async function runSteps(
  context: ProvisionContext,
  steps: readonly ProvisionStep[],
  apply: boolean,
): Promise<ProvisionReport> {
  if (apply) context.forgetAll();
  const results: StepResult[] = [];
  const failed = new Set<string>();
  for (const [index, step] of steps.entries()) {
    context.show?.(`${apply ? "Step" : "Reading"} ${index + 1} of ${steps.length}: ${step.name}`);
    // Without Plane no step runs: local results alone would be of no use.
    const failedNeeds = [...new Set(["plane", ...step.needs])].filter((name) => failed.has(name));
    const { status, detail } = await runStep(context, step, failedNeeds, apply).catch((thrown: unknown) => {
      return { status: "failed" as const, detail: explainFailure(thrown) };
    });
    if (status === "failed") failed.add(step.name);
    if (apply && status !== "unchanged") context.progress(`${step.name}: ${status}`);
    // One line, so that a text from Plane cannot pass for further lines of the report.
    results.push({ name: step.name, status, detail: cleanLine(context.redact(detail), MAX_DETAIL_LENGTH) });
  }
  context.show?.("");
  const changed = results.filter(({ status }) => status === "created" || status === "changed").length;
  return { steps: results, changed, failed: failed.size };
}

async function runStep(
  context: ProvisionContext,
  { name, plan }: ProvisionStep,
  failedNeeds: readonly string[],
  apply: boolean,
): Promise<Omit<StepResult, "name">> {
  if (failedNeeds.length > 0)
    return { status: "failed", detail: `skipped because these steps failed: ${failedNeeds.join(", ")}` };
  const parts = [await plan(context, apply)].flat().filter((part) => part !== undefined && part !== false);
  const changes = parts.filter((part) => typeof part === "object");
  for (const missing of apply ? changes : []) {
    context.progress(`${name}: ${missing.detail}`);
    await missing.apply().finally(context.forgetReads);
  }
  const details = parts.map((part) => (typeof part === "object" ? part.detail : part));
  const isCreated = changes.some(({ status }) => status === "created");
  return {
    status: changes.length === 0 ? "unchanged" : isCreated ? "created" : "changed",
    detail: details.join("; ") || "up to date",
  };
}
