import type { Store } from "../../shared/store/port.ts";

/**
 * The moments of observe → act at which a process may end (`reliability.md` 2): around the commit that keeps a
 * webhook, around the one that keeps a snapshot with its jobs, around the message, and around the commit that records it.
 */
export const STEPS = [
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
export type Step = (typeof STEPS)[number];

type What = "webhook" | "snapshot" | "message" | "record" | "job";

const MOMENTS: Record<Step, { what: What; when: "before" | "after" }> = {
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
function whatOf({ put = [], jobs = [] }: Parameters<Store["commit"]>[0]): What | undefined {
  if (jobs.some(({ queue }) => queue === "inbox")) return "webhook";
  if (put.some(({ key, value }) => key.startsWith("told:") && value !== undefined)) return "record";
  return put.some(({ key }) => key.startsWith("item:")) ? "snapshot" : undefined;
}

/**
 * A store and a fetch of a process that ends when the chosen step comes for the `nth` time (1 is the first): `end` is
 * called, and whoever still waits waits for ever, as in a process that is gone.
 */
export function mortal(store: Store, die: { step: Step; nth: number }, end: () => void, ask: typeof fetch = fetch) {
  const chosen = MOMENTS[die.step];
  const never = <T>() => new Promise<T>(() => {});
  let seen = 0;
  let over = false;

  async function passing<T>(what: What | undefined, act: () => Promise<T>): Promise<T> {
    if (over) return never();
    const mine = what === chosen.what && ++seen === die.nth;
    if (mine && chosen.when === "before") return finish();
    const result = await act();
    if (mine || over) return over ? never() : finish();
    return result;
  }

  function finish<T>(): Promise<T> {
    over = true;
    end();
    return never();
  }

  const isMessage = (input: Parameters<typeof fetch>[0]) => String(input).includes("/sendMessage");
  const dying: Store = {
    now: () => passing(undefined, store.now),
    read: (keys) => passing(undefined, () => store.read(keys)),
    scan: (...asked) => passing(undefined, () => store.scan(...asked)),
    count: (set) => passing(undefined, () => store.count(set)),
    commit: (commit) => passing(whatOf(commit), () => store.commit(commit)),
    lease: (...asked) => passing(undefined, () => store.lease(...asked)),
    release: (...asked) => passing(undefined, () => store.release(...asked)),
    take: (...asked) => passing(undefined, () => store.take(...asked)),
    settle: (...asked) => passing("job", () => store.settle(...asked)),
    dead: (...asked) => passing(undefined, () => store.dead(...asked)),
    replay: (...asked) => passing(undefined, () => store.replay(...asked)),
    spend: (...asked) => passing(undefined, () => store.spend(...asked)),
    spendAll: (...asked) => passing(undefined, () => store.spendAll(...asked)),
    hold: (...asked) => passing(undefined, () => store.hold(...asked)),
    stats: () => passing(undefined, store.stats),
    close: () => passing(undefined, store.close),
  };
  return {
    store: dying,
    fetch: ((input, init) => passing(isMessage(input) ? "message" : undefined, () => ask(input, init))) as typeof fetch,
  };
}
