import { describe, expect, test } from "vitest";
import { type OpenStore, START_TIME } from "../opened-store.ts";
import { addJobs, createJob, takeJob, toIds } from "./job-helpers.ts";

export function defineLaneContract(open: OpenStore) {
  describe("a lane", () => {
    test("returns its jobs one at a time, in the order they were added", async () => {
      const { store } = await open();
      await addJobs(store, createJob("3", "l"), createJob("1", "l"));
      await addJobs(store, createJob("2", "l", { at: 1 }));
      const order: string[] = [];
      for (let i = 0; i < 3; i++) {
        const taken = await takeJob(store);
        order.push(taken.id);
        expect(await store.take("outbox", 1000, 9)).toEqual([]);
        await store.acknowledge(taken, { done: true });
      }
      expect(order).toEqual(["3", "1", "2"]);
    });

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

    test("continues after a dead job", async () => {
      const { store } = await open();
      await addJobs(store, createJob("a", "l"), createJob("b", "l"));
      await store.acknowledge(await takeJob(store), { dead: "poison" });
      expect(toIds(await store.take("outbox", 1000, 9))).toEqual(["b"]);
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

    test("is never taken by two at once, however many take jobs", async () => {
      const { store } = await open();
      await addJobs(store, ...Array.from({ length: 40 }, (_, i) => createJob(`j${i}`, `lane ${i % 4}`)));
      const done: string[] = [];
      while (done.length < 40) {
        const taken = (await Promise.all(Array.from({ length: 8 }, () => store.take("outbox", 1000, 3)))).flat();
        expect(new Set(taken.map(({ lane }) => lane)).size).toBe(taken.length);
        expect(taken.length).toBe(4);
        await Promise.all(taken.map((one) => store.acknowledge(one, { done: true })));
        done.push(...toIds(taken));
      }
      for (let lane = 0; lane < 4; lane++) {
        const ofLane = done.filter((id) => Number(id.slice(1)) % 4 === lane).map((id) => Number(id.slice(1)));
        expect(ofLane).toEqual([...ofLane].sort((a, b) => a - b));
      }
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

    test("are requeued once, at the end of their lane, with their tries reset", async () => {
      const { store } = await open();
      await addJobs(store, createJob("a", "l"), createJob("b", "l"));
      await store.acknowledge(await takeJob(store), { dead: "no" });
      expect(await store.replay("inbox", "a")).toBe(false);
      expect(await store.replay("outbox", "a")).toBe(true);
      expect(await store.replay("outbox", "a")).toBe(false);
      expect(await store.replay("outbox", "b")).toBe(false);
      expect(await store.listDeadJobs("outbox")).toEqual([]);
      const b = await takeJob(store);
      expect(b.id).toBe("b");
      await store.acknowledge(b, { done: true });
      const a = await takeJob(store);
      expect(a).toMatchObject({ id: "a", lane: "l", body: { id: "a" }, tries: 1 });
      await store.acknowledge(a, { done: true });
      expect(await store.replay("outbox", "a")).toBe(false);
    });
  });
}
