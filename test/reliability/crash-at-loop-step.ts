import type { Store } from "../../shared/store/port.ts";
import { crashAtEffect, type Effect, type EffectCrash } from "./crash-at-effect.ts";

/** The steps from a person's wish to the summary at which the process may end. */
export const LOOP_STEPS = [
  "the wish is stored",
  "a wake is posted",
  "the question is stored",
  "the answer is stored",
  "the plan is proposed",
  "the plan is approved",
  "a step of the plan is recorded",
  "the plan is complete",
  "a finished task is stored",
  "the end of the plan is stored",
  "the summary is stored",
  "the summary is sent",
] as const;
/** The steps of one occurrence of recurring work. */
export const OCCURRENCE_STEPS = ["an occurrence is decided", "its task is created", "it is recorded"] as const;
export type LoopStep = (typeof LOOP_STEPS)[number] | (typeof OCCURRENCE_STEPS)[number];

const LOOP_EFFECTS: Record<LoopStep, Effect> = {
  "the wish is stored": putsValue("asked-for:", { state: "open" }),
  "a wake is posted": { request: (url, body) => url.includes("/hooks/") && body.includes("plane-bridge") },
  "the question is stored": putsValue("request:", {}),
  "the answer is stored": putsValue("request:", { verdict: expectAny }),
  "the plan is proposed": putsValue("planrun:", { state: "awaiting_approval" }),
  "the plan is approved": putsValue("planrun:", { state: "running", approvedBy: expectAny }),
  "a step of the plan is recorded": putsValue("plan:", {}),
  "the plan is complete": putsValue("planrun:", { state: "done" }),
  "a finished task is stored": {
    commit: ({ put = [] }) =>
      put.some(({ key, value }) => key.startsWith("item:") && JSON.stringify(value)?.includes('"status":"done"')),
  },
  "the end of the plan is stored": putsValue("planrun:", { state: "done", completed: true }),
  "the summary is stored": putsValue("message:", {}),
  "the summary is sent": { request: (url, body) => url.includes("/sendMessage") && body.includes("is done.") },
  "an occurrence is decided": putsValue("schedule:", { current: expectAny }),
  "its task is created": { request: (url, body) => url.includes("/projects/") && body.includes("external_id") },
  "it is recorded": putsValue("schedule:", { last: expectAny }),
};

/** Wraps a store and fetch so that the process seems to end at a step of a wish's or an occurrence's way. */
export function crashAtLoopStep(
  store: Store,
  { step, ...rest }: Omit<EffectCrash, "effect"> & { step: LoopStep },
  onCrash: () => void,
) {
  return crashAtEffect(store, { effect: LOOP_EFFECTS[step], ...rest }, onCrash);
}

function expectAny(value: unknown): boolean {
  return value !== undefined;
}

/** A commit that stores a value with these fields under a key that begins so. */
function putsValue(prefix: string, fields: Record<string, unknown>): Effect {
  const matches = (value: object) =>
    Object.entries(fields).every(([name, wanted]) => {
      const found: unknown = Reflect.get(value, name);
      return typeof wanted === "function" ? wanted(found) : found === wanted;
    });
  return {
    commit: ({ put = [] }) =>
      put.some(
        ({ key, value }) => key.startsWith(prefix) && typeof value === "object" && value !== null && matches(value),
      ),
  };
}
