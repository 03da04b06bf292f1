import { describe, expect, test } from "vitest";
import type { Job, LeasedJob, Store } from "../../../../shared/store/port.ts";
import { DAY, HOUR, type Ms } from "../../../../shared/time.ts";
import { type OpenStore, START_TIME } from "../opened-store.ts";

const createJob = (id: string, lane: string, more: Partial<Job> = {}): Job => ({
  ...{ id, queue: "outbox", lane, body: { id } },
  ...more,
});
const add = (store: Store, ...jobs: Job[]) => store.commit({ jobs });
const take = (store: Store, max = 9) => store.take("outbox", 1000, max);
const takeIds = async (store: Store, max?: number) => (await take(store, max)).map(({ id }) => id);

/** Takes one job that must be there. */
async function takeOne(store: Store): Promise<LeasedJob> {
  const [taken = expect.fail("nothing to take")] = await take(store, 1);
  return taken;
}

/** Checks that a job which `addAgain` adds is refused for 2 days from now, and accepted after that. */
async function expectRemembered(store: Store, time: { now: Ms }, addAgain: () => Promise<unknown>) {
  time.now += 2 * DAY - 1;
  await addAgain();
  expect(await take(store)).toEqual([]);
  time.now += 1;
  await addAgain();
  expect((await take(store)).map(({ body }) => body)).toEqual(["again"]);
}

export function defineJobContract(open: OpenStore) {
  describe("a job", () => {
    test("is taken with its body at its due time, and not a moment earlier", async () => {
      const { store, time } = await open();
      await add(store, createJob("a", "l", { at: START_TIME + 499.5 }));
      time.now += 499;
      expect(await take(store)).toEqual([]);
      time.now += 1;
      expect(await take(store)).toMatchObject([{ ...createJob("a", "l"), tries: 1, until: time.now + 1000 }]);
    });

    test("with a known id is not added again: while waiting, taken or dead, and for 2 days after it was done", async () => {
      const { store, time } = await open();
      const again = () => add(store, createJob("a", "other", { body: "again" }));
      await add(store, createJob("a", "l"), createJob("a", "l2"));
      await again();
      const first = await takeOne(store);
      await again();
      await store.acknowledge(first, { dead: "no" });
      await again();
      expect(await take(store)).toEqual([]);
      await store.replay("outbox", "a");
      await again();
      await store.acknowledge(await takeOne(store), { done: true });
      await expectRemembered(store, time, again);
      const short = await open({ remember: 100 });
      await add(short.store, createJob("a", "l"));
      await short.store.acknowledge(await takeOne(short.store), { done: true });
      for (const wait of [99, 1]) {
        short.time.now += wait;
        await add(short.store, createJob("a", "l"));
        expect(await takeIds(short.store)).toEqual(wait === 99 ? [] : ["a"]);
      }
    });

    test("that is dead is discarded once, and its id is remembered like that of a job that was done", async () => {
      const { store, time } = await open();
      const again = () => add(store, createJob("a", "l", { body: "again" }));
      await again();
      expect(await store.discard("outbox", "a")).toBe(false);
      await store.acknowledge(await takeOne(store), { dead: "no" });
      expect([await store.discard("inbox", "a"), await store.discard("outbox", "b")]).toEqual([false, false]);
      expect([await store.discard("outbox", "a"), await store.discard("outbox", "a")]).toEqual([true, false]);
      expect(await store.replay("outbox", "a")).toBe(false);
      expect(await store.listDeadJobs("outbox")).toEqual([]);
      expect((await store.stats()).queues.outbox).toEqual({ pending: 0, dead: 0 });
      await expectRemembered(store, time, again);
    });
  });

  test("dead jobs are listed with their reason, oldest first, up to a limit", async () => {
    const { store, time } = await open();
    const reason = 'it said: "no" \u0000\ud800 \u{1F480}';
    await add(store, createJob("z", "1", { at: 1 }), createJob("a", "2", { at: 2 }));
    for (let i = 0; i < 2; i++) {
      await store.acknowledge(await takeOne(store), { dead: reason });
      time.now += 10;
    }
    expect(await store.listDeadJobs("outbox")).toEqual([
      { ...createJob("z", "1"), reason, at: START_TIME },
      { ...createJob("a", "2"), reason, at: START_TIME + 10 },
    ]);
    expect((await store.listDeadJobs("outbox", 1)).map(({ id }) => id)).toEqual(["z"]);
    expect([await store.listDeadJobs("outbox", 0), await store.listDeadJobs("inbox")]).toEqual([[], []]);
  });

  test("advancing retries makes jobs that wait for longer due at the latest time, and leaves others alone: never taken, being handled, of another queue", async () => {
    const { store, time } = await open();
    const at = time.now + 9 * DAY;
    await add(store, createJob("first", "l"), createJob("second", "l"), createJob("other", "b", { queue: "forward" }));
    for (const queue of ["outbox", "forward"] as const)
      for (const job of await store.take(queue, 1000, 9)) await store.acknowledge(job, { retryAt: at });
    await add(store, createJob("later", "a", { at }), createJob("taken", "b"));
    expect((await store.take("outbox", 9 * DAY, 9)).map(({ id }) => id)).toEqual(["taken"]);
    expect(await store.advanceRetries("outbox", time.now + HOUR)).toBe(1);
    expect(await store.advanceRetries("outbox", time.now + HOUR)).toBe(0);
    time.now += HOUR - 1;
    expect([await take(store), await store.take("forward", 1000, 9)]).toEqual([[], []]);
    time.now += 1;
    expect(await take(store)).toMatchObject([{ id: "first", tries: 2 }]);
  });
}
