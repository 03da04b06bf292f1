import { describe, expect, test } from "vitest";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import { QUEUES, type Store } from "../../../../shared/store/port.ts";
import { DAY, type Ms } from "../../../../shared/time.ts";
import { type OpenStore, START_TIME } from "../opened-store.ts";
import { addJobs, createJob, takeJob, toIds } from "./job-helpers.ts";

export function defineJobContract(open: OpenStore) {
  describe("a job", () => {
    test("is taken with its body, its number of tries and the end of its lease", async () => {
      const { store } = await open();
      await addJobs(store, createJob("a", "l", { body: { n: [1] } }));
      expect(await store.take("outbox", 1000, 5)).toEqual([
        {
          id: "a",
          queue: "outbox",
          lane: "l",
          body: { n: [1] },
          tries: 1,
          failures: 0,
          until: START_TIME + 1000,
          token: expect.any(String),
        },
      ]);
      expect(await store.take("outbox", 1000, 5)).toEqual([]);
    });

    test("is in its own queue only", async () => {
      const { store } = await open();
      await addJobs(store, createJob("a", "l"), createJob("a", "l", { queue: "inbox" }));
      expect(await store.take("observe", 1000, 5)).toEqual([]);
      expect((await store.take("inbox", 1000, 5)).map(({ queue }) => queue)).toEqual(["inbox"]);
      expect((await store.take("outbox", 1000, 5)).map(({ queue }) => queue)).toEqual(["outbox"]);
    });

    test("is not taken before its due time", async () => {
      const { store, time } = await open();
      await addJobs(store, createJob("a", "l", { at: START_TIME + 500 }));
      time.now += 499;
      expect(await store.take("outbox", 1000, 5)).toEqual([]);
      time.now += 1;
      expect(toIds(await store.take("outbox", 1000, 5))).toEqual(["a"]);
    });

    test("with a known id is not added again: while waiting, taken or dead, and for 2 days after it was done", async () => {
      const { store, time } = await open();
      const again = () => addJobs(store, createJob("a", "other", { body: "again" }));
      await addJobs(store, createJob("a", "l"), createJob("a", "l2"));
      await again();
      const first = await takeJob(store);
      await again();
      await store.acknowledge(first, { dead: "no" });
      await again();
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      await store.replay("outbox", "a");
      await again();
      await store.acknowledge(await takeJob(store), { done: true });
      await expectRemembered(store, time, again);
    });

    test("is remembered for the configured time", async () => {
      const { store, time } = await open({ remember: 100 });
      await addJobs(store, createJob("a", "l"));
      await store.acknowledge(await takeJob(store), { done: true });
      time.now += 99;
      await addJobs(store, createJob("a", "l"));
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      time.now += 1;
      await addJobs(store, createJob("a", "l"));
      expect(await store.take("outbox", 1000, 9)).toHaveLength(1);
    });

    test("that is dead is discarded once, and its id is remembered like that of a job that was done", async () => {
      const { store, time } = await open();
      const again = () => addJobs(store, createJob("a", "l", { body: "again" }));
      await again();
      expect(await store.discard("outbox", "a")).toBe(false);
      await store.acknowledge(await takeJob(store), { dead: "no" });
      expect(await store.discard("inbox", "a")).toBe(false);
      expect(await store.discard("outbox", "b")).toBe(false);
      expect(await store.discard("outbox", "a")).toBe(true);
      expect(await store.discard("outbox", "a")).toBe(false);
      expect(await store.replay("outbox", "a")).toBe(false);
      expect(await store.listDeadJobs("outbox")).toEqual([]);
      expect((await store.stats()).queues.outbox).toEqual({ pending: 0, dead: 0 });
      await expectRemembered(store, time, again);
    });

    test("whose lease expired is taken by another, and the first taker's settlement is refused and changes nothing", async () => {
      const { store, time } = await open();
      await addJobs(store, createJob("a", "l"), createJob("b", "l"));
      const first = await takeJob(store);
      time.now += 999;
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      time.now += 1;
      const second = await takeJob(store);
      expect(second).toMatchObject({ id: "a", tries: 2 });
      expect(second.token).not.toBe(first.token);
      for (const how of [{ done: true as const }, { retryAt: 0 }, { dead: "late" }]) {
        expect(await store.acknowledge(first, how)).toBe(false);
      }
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      expect(await store.listDeadJobs("outbox")).toEqual([]);
      expect(await store.acknowledge(second, { done: true })).toBe(true);
      expect(toIds(await store.take("outbox", 1000, 9))).toEqual(["b"]);
    });

    test("is settled by a late settlement that comes before another take", async () => {
      const { store, time } = await open();
      await addJobs(store, createJob("a", "l"));
      const late = await takeJob(store);
      time.now += 5000;
      expect(await store.acknowledge(late, { done: true })).toBe(true);
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
    });

    test("is settled once", async () => {
      const { store } = await open();
      await addJobs(store, createJob("a", "l"));
      const taken = await takeJob(store);
      expect(await store.acknowledge(taken, { done: true })).toBe(true);
      expect(await store.acknowledge(taken, { done: true })).toBe(false);
      expect(await store.acknowledge({ ...taken, id: "never" }, { done: true })).toBe(false);
    });

    test("that is retried keeps its number of tries, and its old lease is invalid", async () => {
      const { store, time } = await open();
      await addJobs(store, createJob("a", "l"));
      const first = await takeJob(store);
      expect(await store.acknowledge(first, { retryAt: START_TIME + 300 })).toBe(true);
      expect(await store.acknowledge(first, { done: true })).toBe(false);
      time.now += 299;
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      time.now += 1;
      expect(await takeJob(store)).toMatchObject({ id: "a", tries: 2, body: { id: "a" } });
    });

    test("that only waited has not failed; its failures are counted separately from its tries and are reset by a requeue", async () => {
      const { store } = await open();
      await addJobs(store, createJob("a", "l"));
      const counts = [];
      for (const failed of [false, true, undefined, true]) {
        const taken = await takeJob(store);
        counts.push([taken.tries, taken.failures]);
        await store.acknowledge(taken, { retryAt: START_TIME, ...omitUndefined({ failed }) });
      }
      expect(counts).toEqual([
        [1, 0],
        [2, 0],
        [3, 1],
        [4, 1],
      ]);
      const last = await takeJob(store);
      expect(last.failures).toBe(2);
      await store.acknowledge(last, { dead: "no" });
      await store.replay("outbox", "a");
      expect(await takeJob(store)).toMatchObject({ tries: 1, failures: 0 });
    });
  });

  test("the statistics count waiting, taken and dead jobs, and contain the due time of the longest-waiting job", async () => {
    const { store, time } = await open();
    const none = { pending: 0, dead: 0 };
    expect(await store.stats()).toEqual({ queues: Object.fromEntries(QUEUES.map((queue) => [queue, none])) });
    await addJobs(
      store,
      createJob("a", "1", { at: START_TIME - 70 }),
      createJob("b", "2"),
      createJob("c", "2"),
      createJob("d", "3", { at: START_TIME + 1 }),
    );
    await addJobs(store, createJob("i", "1", { queue: "inbox", at: START_TIME + 5 }));
    const outbox = async () => (await store.stats()).queues.outbox;
    expect(await outbox()).toEqual({ pending: 4, dead: 0, oldest: START_TIME - 70 });
    expect((await store.stats()).queues.inbox).toEqual({ pending: 1, dead: 0 });
    const a = await takeJob(store, 1000);
    expect(await outbox()).toEqual({ pending: 4, dead: 0, oldest: START_TIME });
    await store.acknowledge(a, { dead: "no" });
    await store.acknowledge(await takeJob(store), { done: true });
    expect(await outbox()).toEqual({ pending: 2, dead: 1, oldest: START_TIME });
    await takeJob(store);
    expect(await outbox()).toEqual({ pending: 2, dead: 1 });
    time.now += 1;
    expect(await outbox()).toEqual({ pending: 2, dead: 1, oldest: START_TIME + 1 });
    await store.replay("outbox", "a");
    expect(await outbox()).toMatchObject({ pending: 3, dead: 0 });
  });
}

/** Checks that a job which `addAgain` adds is refused for 2 days from now, and accepted after that. */
async function expectRemembered(store: Store, time: { now: Ms }, addAgain: () => Promise<unknown>) {
  time.now += 2 * DAY - 1;
  await addAgain();
  expect(await store.take("outbox", 1000, 9)).toEqual([]);
  time.now += 1;
  await addAgain();
  expect((await store.take("outbox", 1000, 9)).map(({ body }) => body)).toEqual(["again"]);
}
