import type { Store } from "../../shared/store/port.ts";

/** When a process ends: before or after the `nth` of its effects (1 is the first). */
export interface CrashPoint {
  nth: number;
  when: "before" | "after";
}

/**
 * The effects of a process, each commit and each request, and its end at one of them: whoever still waits then waits
 * for ever, as in a process that is gone. `revive` is the next process, on what the first one left.
 */
export function createCrashSimulator() {
  let crashPoint: CrashPoint | undefined;
  let effectCount = 0;
  let isCrashed = false;
  let crash = Promise.withResolvers<"died">();
  const never = <T>() => new Promise<T>(() => {});

  async function runEffect<T>(act: () => Promise<T>): Promise<T> {
    if (isCrashed) return never();
    effectCount += 1;
    const isCrashPoint = effectCount === crashPoint?.nth;
    if (isCrashPoint && crashPoint?.when === "before") return crashNow();
    const result = await act();
    return isCrashPoint || isCrashed ? crashNow() : result;
  }
  function crashNow<T>(): Promise<T> {
    isCrashed = true;
    crash.resolve("died");
    return never();
  }
  const runUnlessCrashed = <T>(act: () => Promise<T>): Promise<T> => (isCrashed ? never() : act());

  return {
    store: (store: Store): Store => ({
      ...store,
      commit: (commit) => runEffect(() => store.commit(commit)),
      lease: (...asked) => runUnlessCrashed(() => store.lease(...asked)),
      read: (keys) => runUnlessCrashed(() => store.read(keys)),
    }),
    fetch: ((...asked) => runEffect(() => fetch(...asked))) as typeof fetch,
    /** Runs until it is through or dies; the effects are counted from now on. */
    async runUntilCrash<T>(point: CrashPoint, act: () => Promise<T>): Promise<T | "died"> {
      crashPoint = point;
      effectCount = 0;
      return Promise.race([act(), crash.promise]);
    },
    reset() {
      crashPoint = undefined;
      isCrashed = false;
      crash = Promise.withResolvers<"died">();
    },
  };
}
