import type { Store } from "../../shared/store/port.ts";

/**
 * The steps of the pipeline at which a process may end (reliability 2): around the commit that stores a
 * webhook, around the one that stores a snapshot with its jobs, around the message, and around the commit that records it.
 */
export const PIPELINE_STEPS = [
  "before the webhook is stored",
  "after the webhook is stored",
  "before the snapshot is stored",
  "after the snapshot is stored",
  "before the message is sent",
  "after the message is sent",
  "before the message is recorded",
  "after the message is recorded",
  "before a job is settled",
  "after a job is settled",
] as const;
export type PipelineStep = (typeof PIPELINE_STEPS)[number];

type Effect = "webhook" | "snapshot" | "message" | "record" | "job";

const STEP_EFFECTS: Record<PipelineStep, { effect: Effect; when: "before" | "after" }> = {
  "before the webhook is stored": { effect: "webhook", when: "before" },
  "after the webhook is stored": { effect: "webhook", when: "after" },
  "before the snapshot is stored": { effect: "snapshot", when: "before" },
  "after the snapshot is stored": { effect: "snapshot", when: "after" },
  "before the message is sent": { effect: "message", when: "before" },
  "after the message is sent": { effect: "message", when: "after" },
  "before the message is recorded": { effect: "record", when: "before" },
  "after the message is recorded": { effect: "record", when: "after" },
  "before a job is settled": { effect: "job", when: "before" },
  "after a job is settled": { effect: "job", when: "after" },
};

/** The step that a commit belongs to; undefined for any other commit. */
function toEffect({ put = [], jobs = [] }: Parameters<Store["commit"]>[0]): Effect | undefined {
  if (jobs.some(({ queue }) => queue === "inbox")) return "webhook";
  if (put.some(({ key, value }) => key.startsWith("told:") && value !== undefined)) return "record";
  return put.some(({ key }) => key.startsWith("item:")) ? "snapshot" : undefined;
}

/**
 * Wraps a store and fetch so that the process seems to end when the chosen step comes for the `nth` time (1 is the first):
 * `onCrash` is called, and from then on promises never settle.
 */
export function crashAtPipelineStep(
  store: Store,
  crashPoint: { step: PipelineStep; nth: number },
  onCrash: () => void,
  realFetch: typeof fetch = fetch,
) {
  const chosenEffect = STEP_EFFECTS[crashPoint.step];
  const never = <T>() => new Promise<T>(() => {});
  let effectCount = 0;
  let isCrashed = false;

  async function runEffect<T>(effect: Effect | undefined, act: () => Promise<T>): Promise<T> {
    if (isCrashed) return never();
    const isCrashPoint = effect === chosenEffect.effect && ++effectCount === crashPoint.nth;
    if (isCrashPoint && chosenEffect.when === "before") return crash();
    const result = await act();
    if (isCrashPoint || isCrashed) return isCrashed ? never() : crash();
    return result;
  }

  function crash<T>(): Promise<T> {
    isCrashed = true;
    onCrash();
    return never();
  }

  const isMessage = (input: Parameters<typeof fetch>[0]) => String(input).includes("/sendMessage");
  const crashingStore: Store = {
    now: () => runEffect(undefined, store.now),
    read: (keys) => runEffect(undefined, () => store.read(keys)),
    scan: (...args) => runEffect(undefined, () => store.scan(...args)),
    count: (set) => runEffect(undefined, () => store.count(set)),
    commit: (commit) => runEffect(toEffect(commit), () => store.commit(commit)),
    lease: (...args) => runEffect(undefined, () => store.lease(...args)),
    release: (...args) => runEffect(undefined, () => store.release(...args)),
    take: (...args) => runEffect(undefined, () => store.take(...args)),
    settle: (...args) => runEffect("job", () => store.settle(...args)),
    listDeadJobs: (...args) => runEffect(undefined, () => store.listDeadJobs(...args)),
    replay: (...args) => runEffect(undefined, () => store.replay(...args)),
    discard: (...args) => runEffect(undefined, () => store.discard(...args)),
    spend: (...args) => runEffect(undefined, () => store.spend(...args)),
    spendAll: (...args) => runEffect(undefined, () => store.spendAll(...args)),
    hold: (...args) => runEffect(undefined, () => store.hold(...args)),
    limitHold: (...args) => runEffect(undefined, () => store.limitHold(...args)),
    takeProbe: (...args) => runEffect(undefined, () => store.takeProbe(...args)),
    endProbe: (...args) => runEffect(undefined, () => store.endProbe(...args)),
    listHolds: () => runEffect(undefined, store.listHolds),
    advanceRetries: (...args) => runEffect(undefined, () => store.advanceRetries(...args)),
    stats: () => runEffect(undefined, store.stats),
    trim: (...args) => runEffect(undefined, () => store.trim(...args)),
    reclaimSpace: () => runEffect(undefined, store.reclaimSpace),
    readCapacity: () => runEffect(undefined, store.readCapacity),
    close: () => runEffect(undefined, store.close),
  };
  return {
    store: crashingStore,
    fetch: ((input, init) =>
      runEffect(isMessage(input) ? "message" : undefined, () => realFetch(input, init))) as typeof fetch,
  };
}
