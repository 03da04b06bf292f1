import type { Store } from "../../shared/store/port.ts";
import { type CrashPoint, createCrashingProcess } from "./crashing-process.ts";

export type { CrashPoint } from "./crashing-process.ts";

const NEVER: CrashPoint = { nth: Number.POSITIVE_INFINITY, when: "after" };

/**
 * Wraps a store and fetch so that the process seems to end at one of its effects, which are its commits and requests.
 * `reset` begins the next process on the same store; what the one before had under way stays unanswered.
 */
export function createCrashSimulator() {
  let wrappedStore: Store | undefined;
  let process = createProcess(NEVER);
  function createProcess(point: CrashPoint) {
    wrappedStore = undefined;
    return createCrashingProcess(point, (name) => name === "commit" || name === "fetch");
  }
  return {
    store(store: Store): Store {
      const delegate =
        (name: string) =>
        (...args: unknown[]) => {
          wrappedStore ??= process.wrap(store);
          return Reflect.apply(Reflect.get(wrappedStore, name), wrappedStore, args);
        };
      return Object.assign({}, store, Object.fromEntries(Object.keys(store).map((name) => [name, delegate(name)])));
    },
    fetch: ((...args) => process.wrapFetch(fetch)(...args)) as typeof fetch,
    /** Runs `act` until it ends or the process does; effects are counted from now on. */
    async runUntilCrash<T>(point: CrashPoint, act: () => Promise<T>): Promise<T | "died"> {
      process = createProcess(point);
      return Promise.race([act(), process.crashed.then(() => "died" as const)]);
    },
    reset() {
      void process.end();
      process = createProcess(NEVER);
    },
  };
}
