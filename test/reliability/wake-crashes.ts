import type { Store } from "../../shared/store/port.ts";

/** What a process may do about wakes; it can be killed before and after each of these steps. */
const WAKE_KEYS = /^(wake|seen|claim):/;

type Fetch = typeof fetch;

/**
 * Counts the steps of a process that concern wakes (commits of wakes, calls and claims, settled wake jobs, requests to
 * the gateway) and ends the process before or after its `nth` step: from then on nothing that it began is finished.
 */
export function createWakeCrash(nth: number, when: "before" | "after") {
  const crash = Promise.withResolvers<"crashed">();
  const state = { steps: 0, isOver: false };
  const never = <T>() => new Promise<T>(() => {});

  async function runStep<T>(isCounted: boolean, act: () => Promise<T>): Promise<T> {
    if (state.isOver) return never();
    if (isCounted) state.steps += 1;
    const isCrashPoint = isCounted && state.steps === nth;
    if (isCrashPoint && when === "before") return endProcess();
    const result = await act();
    return isCrashPoint || state.isOver ? endProcess() : result;
  }

  function endProcess<T>(): Promise<T> {
    state.isOver = true;
    crash.resolve("crashed");
    return never();
  }

  return {
    state,
    crashed: crash.promise,
    /** Wraps the store of the process; the original is for the next one. */
    wrapStore: (store: Store): Store => ({
      ...store,
      commit: (commit) =>
        runStep(
          (commit.put ?? []).some(({ key }) => WAKE_KEYS.test(key)),
          () => store.commit(commit),
        ),
      acknowledge: (job, how) => runStep(job.queue === "wake", () => store.acknowledge(job, how)),
      take: (queue, ttl, max) => (state.isOver ? never() : store.take(queue, ttl, max)),
    }),
    wrapFetch:
      (real: Fetch): Fetch =>
      (input, init) =>
        runStep(String(input instanceof Request ? input.url : input).includes("/hooks/"), () => real(input, init)),
  };
}
