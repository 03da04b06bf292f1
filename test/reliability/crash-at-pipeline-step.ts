import type { Store } from "../../shared/store/port.ts";

/**
 * The moments of observe → act at which a process may end (`reliability.md` 2): around the commit that keeps a
 * webhook, around the one that keeps a snapshot with its jobs, around the message, and around the commit that records it.
 */
export const PIPELINE_STEPS = [
  "before the webhook is kept",
  "after the webhook is kept",
  "before the snapshot is kept",
  "after the snapshot is kept",
  "before the message is sent",
  "after the message is sent",
  "before the message is recorded",
  "after the message is recorded",
  "before a job is settled",
  "after a job is settled",
] as const;
export type PipelineStep = (typeof PIPELINE_STEPS)[number];

type Effect = "webhook" | "snapshot" | "message" | "record" | "job";

const STEP_EFFECTS: Record<PipelineStep, { what: Effect; when: "before" | "after" }> = {
  "before the webhook is kept": { what: "webhook", when: "before" },
  "after the webhook is kept": { what: "webhook", when: "after" },
  "before the snapshot is kept": { what: "snapshot", when: "before" },
  "after the snapshot is kept": { what: "snapshot", when: "after" },
  "before the message is sent": { what: "message", when: "before" },
  "after the message is sent": { what: "message", when: "after" },
  "before the message is recorded": { what: "record", when: "before" },
  "after the message is recorded": { what: "record", when: "after" },
  "before a job is settled": { what: "job", when: "before" },
  "after a job is settled": { what: "job", when: "after" },
};

/** Which of the moments a commit is; undefined for all the others. */
function toEffect({ put = [], jobs = [] }: Parameters<Store["commit"]>[0]): Effect | undefined {
  if (jobs.some(({ queue }) => queue === "inbox")) return "webhook";
  if (put.some(({ key, value }) => key.startsWith("told:") && value !== undefined)) return "record";
  return put.some(({ key }) => key.startsWith("item:")) ? "snapshot" : undefined;
}

/**
 * A store and a fetch of a process that ends when the chosen step comes for the `nth` time (1 is the first): `end` is
 * called, and whoever still waits waits for ever, as in a process that is gone.
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

  async function runEffect<T>(what: Effect | undefined, act: () => Promise<T>): Promise<T> {
    if (isCrashed) return never();
    const isCrashPoint = what === chosenEffect.what && ++effectCount === crashPoint.nth;
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
    scan: (...asked) => runEffect(undefined, () => store.scan(...asked)),
    count: (set) => runEffect(undefined, () => store.count(set)),
    commit: (commit) => runEffect(toEffect(commit), () => store.commit(commit)),
    lease: (...asked) => runEffect(undefined, () => store.lease(...asked)),
    release: (...asked) => runEffect(undefined, () => store.release(...asked)),
    take: (...asked) => runEffect(undefined, () => store.take(...asked)),
    settle: (...asked) => runEffect("job", () => store.settle(...asked)),
    listDeadJobs: (...asked) => runEffect(undefined, () => store.listDeadJobs(...asked)),
    replay: (...asked) => runEffect(undefined, () => store.replay(...asked)),
    spend: (...asked) => runEffect(undefined, () => store.spend(...asked)),
    spendAll: (...asked) => runEffect(undefined, () => store.spendAll(...asked)),
    hold: (...asked) => runEffect(undefined, () => store.hold(...asked)),
    stats: () => runEffect(undefined, store.stats),
    close: () => runEffect(undefined, store.close),
  };
  return {
    store: crashingStore,
    fetch: ((input, init) =>
      runEffect(isMessage(input) ? "message" : undefined, () => realFetch(input, init))) as typeof fetch,
  };
}
