import type { Store } from "../../shared/store/port.ts";

/** Where a process ends: before or after the `nth` of its effects (1 is the first). */
export interface CrashPoint {
  nth: number;
  when: "before" | "after";
}

/**
 * Wraps a store and fetch so that the process seems to end at one of its effects, which are its commits and requests.
 * From then on promises never settle. `reset` begins the next process on the same store.
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
      lease: (...args) => runUnlessCrashed(() => store.lease(...args)),
      read: (keys) => runUnlessCrashed(() => store.read(keys)),
    }),
    fetch: ((...args) => runEffect(() => fetch(...args))) as typeof fetch,
    /** Runs `act` until it ends or the process does; effects are counted from now on. */
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
