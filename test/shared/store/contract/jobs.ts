import { describe, expect, test } from "vitest";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import type { Store } from "../../../../shared/store/port.ts";
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
