import type { Store } from "../shared/store/port.ts";

/** When a process ends: before or after the `nth` of its effects (1 is the first). */
export interface Death {
  nth: number;
  when: "before" | "after";
}

/**
 * The effects of a process, each commit and each request, and its end at one of them: whoever still waits then waits
 * for ever, as in a process that is gone. `revive` is the next process, on what the first one left.
 */
export function dying() {
  let death: Death | undefined;
  let seen = 0;
  let over = false;
  let died = Promise.withResolvers<"died">();
  const never = <T>() => new Promise<T>(() => {});

  async function effect<T>(act: () => Promise<T>): Promise<T> {
    if (over) return never();
    seen += 1;
    const mine = seen === death?.nth;
    if (mine && death?.when === "before") return end();
    const result = await act();
    return mine || over ? end() : result;
  }
  function end<T>(): Promise<T> {
    over = true;
    died.resolve("died");
    return never();
  }
  const reading = <T>(act: () => Promise<T>): Promise<T> => (over ? never() : act());

  return {
    store: (store: Store): Store => ({
      ...store,
      commit: (commit) => effect(() => store.commit(commit)),
      lease: (...asked) => reading(() => store.lease(...asked)),
      read: (keys) => reading(() => store.read(keys)),
    }),
    fetch: ((...asked) => effect(() => fetch(...asked))) as typeof fetch,
    /** Runs until it is through or dies; the effects are counted from now on. */
    async until<T>(chosen: Death, act: () => Promise<T>): Promise<T | "died"> {
      death = chosen;
      seen = 0;
      return Promise.race([act(), died.promise]);
    },
    revive() {
      death = undefined;
      over = false;
      died = Promise.withResolvers<"died">();
    },
  };
}
