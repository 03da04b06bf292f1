import type { Store } from "../../shared/store/port.ts";
import { type CrashPoint, createCrashingProcess } from "../support/crashing-process.ts";

type StoredCommit = Parameters<Store["commit"]>[0];

/** An effect of the product: a commit, an HTTP request, or the settling of a job. */
export interface Effect {
  commit?: (commit: StoredCommit) => boolean;
  /** `body` is empty unless it is a string. */
  request?: (url: string, body: string) => boolean;
  settle?: true;
}

export interface EffectCrash extends CrashPoint {
  effect: Effect;
}

/** Wraps a store and fetch so that the process seems to end before or after the chosen effect: `onCrash` is called. */
export function crashAtEffect(
  store: Store,
  { effect, ...point }: EffectCrash,
  onCrash: () => void,
  realFetch: typeof fetch = fetch,
) {
  const isEffect = (name: string, [first, init]: readonly unknown[]) => {
    if (name === "commit") return effect.commit?.(first as StoredCommit) === true;
    if (name !== "fetch") return name === "acknowledge" && effect.settle === true;
    const body: unknown = Reflect.get(Object(init), "body");
    return effect.request?.(String(first), typeof body === "string" ? body : "") === true;
  };
  const process = createCrashingProcess(point, isEffect, onCrash);
  return { store: process.wrap(store), fetch: process.wrapFetch(realFetch) };
}
