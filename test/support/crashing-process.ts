/** One process that ends at a chosen step, for the tests that kill the product wherever something may be half done. */

/** Where a process ends: before or after the `nth` of its steps (1 is the first). */
export interface CrashPoint {
  nth: number;
  when: "before" | "after";
}

/** A call of the process to the outside: its name (`commit`, `take`, `call`, `fetch`, …) and its arguments. */
type IsStep = (name: string, args: readonly unknown[]) => boolean;

/**
 * Wraps a store, a Plane client or `fetch` so that the process seems to end before or after the `nth` call that is a
 * step. From then on no call of the process is carried out and none of its promises settles, not even of a call that
 * was under way; a step that was refused counts as well.
 */
export function createCrashingProcess({ nth, when }: CrashPoint, isStep: IsStep, onCrash: () => void = () => {}) {
  const crash = Promise.withResolvers<"over">();
  const state = { steps: 0, over: false };
  const never = <T>() => new Promise<T>(() => {});

  async function run<T>(name: string, args: readonly unknown[], act: () => Promise<T>): Promise<T> {
    if (state.over) return never();
    const isCounted = isStep(name, args);
    if (isCounted) state.steps += 1;
    const isCrashPoint = isCounted && state.steps === nth;
    if (isCrashPoint && when === "before") return end();
    const outcome = act();
    await outcome.catch(() => {});
    if (state.over) return never();
    return isCrashPoint ? end() : outcome;
  }
  /** Ends the process at once. */
  function end<T>(): Promise<T> {
    if (state.over) return never();
    state.over = true;
    onCrash();
    crash.resolve("over");
    return never();
  }

  return {
    state,
    crashed: crash.promise,
    end,
    /** Wraps those functions of an object that return promises. */
    wrap<T extends object>(target: T, names: readonly string[] = Object.keys(target)): T {
      const wrapped = Object.entries(target).map(([name, value]) => {
        if (typeof value !== "function" || !names.includes(name)) return [name, value] as const;
        return [name, (...args: unknown[]) => run(name, args, () => value.apply(target, args))] as const;
      });
      return Object.assign({}, target, Object.fromEntries(wrapped));
    },
    wrapFetch:
      (real: typeof fetch): typeof fetch =>
      (...args) =>
        run("fetch", args, () => real(...args)),
  };
}
