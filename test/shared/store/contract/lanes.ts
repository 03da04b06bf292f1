import { describe, expect, test } from "vitest";
import { type OpenStore, START_TIME } from "../opened-store.ts";
import { addJobs, createJob, takeJob, toIds } from "./job-helpers.ts";

export function defineLaneContract(open: OpenStore) {
  describe("a lane", () => {
    test("waits while its first job waits, for its due time or for a retry", async () => {
      const { store, time } = await open();
      await addJobs(store, createJob("a", "l", { at: START_TIME + 100 }), createJob("b", "l"), createJob("x", "other"));
      expect(toIds(await store.take("outbox", 9000, 9))).toEqual(["x"]);
      time.now += 100;
      const a = await takeJob(store);
      expect(a.id).toBe("a");
      await store.acknowledge(a, { retryAt: time.now + 500 });
      time.now += 499;
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      time.now += 1;
      expect(await takeJob(store)).toMatchObject({ id: "a", tries: 2 });
    });

    test("does not delay other lanes: up to max of them are taken, longest due first", async () => {
      const { store, time } = await open();
      await addJobs(
        store,
        createJob("late", "x", { at: START_TIME - 10 }),
        createJob("early", "y", { at: START_TIME - 30 }),
        createJob("mid", "z", { at: START_TIME - 20 }),
      );
      await addJobs(
        store,
        createJob("never", "w", { at: START_TIME + 9999 }),
        createJob("behind", "y", { at: START_TIME - 99 }),
      );
      expect(await store.take("outbox", 1000, 0)).toEqual([]);
      expect(toIds(await store.take("outbox", 1000, 2))).toEqual(["early", "mid"]);
      expect(toIds(await store.take("outbox", 1000, 2))).toEqual(["late"]);
      time.now += 1000;
      expect((await store.take("outbox", 1000, 9)).map(({ tries }) => tries)).toEqual([2, 2, 2]);
    });

    test("with the same name in another queue is a different lane", async () => {
      const { store } = await open();
      await addJobs(store, createJob("a", "l"), createJob("b", "l", { queue: "forward" }));
      await takeJob(store);
      expect(toIds(await store.take("forward", 1000, 9))).toEqual(["b"]);
    });
  });

  describe("dead jobs", () => {
    test("are listed with their reason, oldest first, up to a limit", async () => {
      const { store, time } = await open();
      const reason = 'it said: "no" \u0000\ud800 \u{1F480}';
      await addJobs(store, createJob("z", "1", { at: 1 }), createJob("a", "2", { at: 2 }));
      for (let i = 0; i < 2; i++) {
        await store.acknowledge(await takeJob(store), { dead: reason });
        time.now += 10;
      }
      expect(await store.listDeadJobs("outbox")).toEqual([
        { id: "z", queue: "outbox", lane: "1", body: { id: "z" }, reason, at: START_TIME },
        { id: "a", queue: "outbox", lane: "2", body: { id: "a" }, reason, at: START_TIME + 10 },
      ]);
      expect((await store.listDeadJobs("outbox", 1)).map(({ id }) => id)).toEqual(["z"]);
      expect(await store.listDeadJobs("outbox", 0)).toEqual([]);
      expect(await store.listDeadJobs("inbox")).toEqual([]);
    });
  });
}
