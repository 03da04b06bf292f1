import type { Store } from "../../shared/store/port.ts";

type StoredCommit = Parameters<Store["commit"]>[0];

/** An effect of the product: a commit, an HTTP request, or the settling of a job. */
export interface Effect {
  commit?: (commit: StoredCommit) => boolean;
  /** `body` is empty unless it is a string. */
  request?: (url: string, body: string) => boolean;
  settle?: true;
}

export interface EffectCrash {
  effect: Effect;
  when: "before" | "after";
  /** 1 is the first such effect. */
  nth: number;
}

/**
 * Wraps a store and fetch so that the process seems to end before or after the chosen effect: `onCrash` is called, and
 * from then on promises never settle.
 */
export function crashAtEffect(
  store: Store,
  { effect, when, nth }: EffectCrash,
  onCrash: () => void,
  realFetch: typeof fetch = fetch,
) {
  const never = <T>() => new Promise<T>(() => {});
  let effectCount = 0;
  let isCrashed = false;

  async function runEffect<T>(isChosen: boolean, act: () => Promise<T>): Promise<T> {
    if (isCrashed) return never();
    if (isChosen) effectCount += 1;
    const isCrashPoint = isChosen && effectCount === nth;
    if (isCrashPoint && when === "before") return crash();
    const result = await act();
    if (isCrashPoint || isCrashed) return isCrashed ? never() : crash();
    return result;
  }

  function crash<T>(): Promise<T> {
    isCrashed = true;
    onCrash();
    return never();
  }

  const crashingStore: Store = {
    now: () => runEffect(false, store.now),
    read: (keys) => runEffect(false, () => store.read(keys)),
    scan: (...args) => runEffect(false, () => store.scan(...args)),
    count: (set) => runEffect(false, () => store.count(set)),
    commit: (commit) => runEffect(effect.commit?.(commit) === true, () => store.commit(commit)),
    lease: (...args) => runEffect(false, () => store.lease(...args)),
    release: (...args) => runEffect(false, () => store.release(...args)),
    take: (...args) => runEffect(false, () => store.take(...args)),
    acknowledge: (...args) => runEffect(effect.settle === true, () => store.acknowledge(...args)),
    listDeadJobs: (...args) => runEffect(false, () => store.listDeadJobs(...args)),
    replay: (...args) => runEffect(false, () => store.replay(...args)),
    discard: (...args) => runEffect(false, () => store.discard(...args)),
    consume: (...args) => runEffect(false, () => store.consume(...args)),
    consumeAll: (...args) => runEffect(false, () => store.consumeAll(...args)),
    pause: (...args) => runEffect(false, () => store.pause(...args)),
    limitPause: (...args) => runEffect(false, () => store.limitPause(...args)),
    takeProbe: (...args) => runEffect(false, () => store.takeProbe(...args)),
    endProbe: (...args) => runEffect(false, () => store.endProbe(...args)),
    countConsumed: (...args) => runEffect(false, () => store.countConsumed(...args)),
    listPauses: () => runEffect(false, store.listPauses),
    advanceRetries: (...args) => runEffect(false, () => store.advanceRetries(...args)),
    stats: () => runEffect(false, store.stats),
    trim: (...args) => runEffect(false, () => store.trim(...args)),
    reclaimSpace: () => runEffect(false, store.reclaimSpace),
    readCapacity: () => runEffect(false, store.readCapacity),
    close: () => runEffect(false, store.close),
  };
  return {
    store: crashingStore,
    fetch: ((input, init) => {
      const body = typeof init?.body === "string" ? init.body : "";
      return runEffect(effect.request?.(String(input), body) === true, () => realFetch(input, init));
    }) as typeof fetch,
  };
}
