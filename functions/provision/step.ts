import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import type { Context } from "./context.ts";
import { explained } from "./refusals.ts";

/** What became of a step; in a plan, what would. */
export interface Told {
  name: string;
  status: "created" | "changed" | "unchanged" | "failed";
  /** For people; never a secret. */
  detail: string;
}

/** Something to be done, as people read it before they agree. */
export interface Action {
  is: "created" | "changed";
  detail: string;
}

export interface Decision<A extends Action = Action> {
  actions: A[];
  /** What holds already, or why nothing is done. */
  note?: string | undefined;
}

export interface Step {
  name: string;
  /** Steps that must not have failed. */
  needs: readonly string[];
  run(context: Context, apply: boolean): Promise<Told>;
}

/**
 * One step: look at what is, decide by comparing it with what is wanted, do what is missing. `decide` is pure, so the
 * plan and the run cannot differ but by what has happened between them.
 */
export function step<F, A extends Action>(parts: {
  name: string;
  needs?: readonly string[];
  /** Reads, and never writes. In a plan (`apply` false) what the steps before will make is not there yet. */
  look(context: Context, apply: boolean): Promise<F>;
  decide(found: F, wanted: ProvisionSettings): Decision<A>;
  act(context: Context, action: A, found: F): Promise<void>;
}): Step {
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
          await act(context, action, found).finally(context.forget);
        }
      }
      const created = actions.some(({ is }) => is === "created");
      const status = actions.length === 0 ? "unchanged" : created ? "created" : "changed";
      const details = [...actions.map(({ detail }) => detail), ...(note ? [note] : [])];
      return { name, status, detail: details.join("; ") || "as it should be" };
    },
  };
}

/** Runs the steps one after the other; one that fails stops those that need it, and no other. */
export async function runSteps(context: Context, steps: readonly Step[], apply: boolean): Promise<Told[]> {
  const told: Told[] = [];
  const failed = new Set<string>();
  for (const one of steps) {
    // Without Plane nothing is tried: what can be done here alone would wait for it all the same.
    const missing = [...new Set(["plane", ...one.needs])].filter((name) => failed.has(name));
    const done =
      missing.length > 0
        ? { name: one.name, status: "failed" as const, detail: `not tried, because of: ${missing.join(", ")}` }
        : await one.run(context, apply).catch((thrown: unknown) => {
            return { name: one.name, status: "failed" as const, detail: explained(thrown) };
          });
    const safe = { ...done, detail: context.redact(done.detail) };
    if (safe.status === "failed") failed.add(one.name);
    if (apply && safe.status !== "unchanged") context.progress(`${safe.name}: ${safe.status}`);
    told.push(safe);
  }
  return told;
}
