import { describe, expect, test } from "vitest";
import { type Open, START } from "../engine.ts";
import { add, idsOf, job, takeOne } from "./job.ts";

export function laneContract(open: Open) {
  describe("a lane", () => {
    test("gives its jobs one at a time, in the order they were put in", async () => {
      const { store } = await open();
      await add(store, job("3", "l"), job("1", "l"));
      await add(store, job("2", "l", { at: 1 }));
      const order: string[] = [];
      for (let i = 0; i < 3; i++) {
        const taken = await takeOne(store);
        order.push(taken.id);
        expect(await store.take("outbox", 1000, 9)).toEqual([]);
        await store.settle(taken, { done: true });
      }
      expect(order).toEqual(["3", "1", "2"]);
    });

    test("waits for a job of its that waits, whether for its first time or to be tried again", async () => {
      const { store, time } = await open();
      await add(store, job("a", "l", { at: START + 100 }), job("b", "l"), job("x", "other"));
      expect(idsOf(await store.take("outbox", 9000, 9))).toEqual(["x"]);
      time.now += 100;
      const a = await takeOne(store);
      expect(a.id).toBe("a");
      await store.settle(a, { retryAt: time.now + 500 });
      time.now += 499;
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      time.now += 1;
      expect(await takeOne(store)).toMatchObject({ id: "a", tries: 2 });
    });

    test("goes on behind a job that is dead", async () => {
      const { store } = await open();
      await add(store, job("a", "l"), job("b", "l"));
      await store.settle(await takeOne(store), { dead: "poison" });
      expect(idsOf(await store.take("outbox", 1000, 9))).toEqual(["b"]);
    });

    test("is no hindrance to other lanes: up to max of them are taken, longest due first", async () => {
      const { store, time } = await open();
      await add(
        store,
        job("late", "x", { at: START - 10 }),
        job("early", "y", { at: START - 30 }),
        job("mid", "z", { at: START - 20 }),
      );
      await add(store, job("never", "w", { at: START + 9999 }), job("behind", "y", { at: START - 99 }));
      expect(await store.take("outbox", 1000, 0)).toEqual([]);
      expect(idsOf(await store.take("outbox", 1000, 2))).toEqual(["early", "mid"]);
      expect(idsOf(await store.take("outbox", 1000, 2))).toEqual(["late"]);
      time.now += 1000;
      expect((await store.take("outbox", 1000, 9)).map(({ tries }) => tries)).toEqual([2, 2, 2]);
    });

    test("of the same name in another queue is another lane", async () => {
      const { store } = await open();
      await add(store, job("a", "l"), job("b", "l", { queue: "forward" }));
      await takeOne(store);
      expect(idsOf(await store.take("forward", 1000, 9))).toEqual(["b"]);
    });

    test("is never taken by two at once, however many ask", async () => {
      const { store } = await open();
      await add(store, ...Array.from({ length: 40 }, (_, i) => job(`j${i}`, `lane ${i % 4}`)));
      const done: string[] = [];
      while (done.length < 40) {
        const taken = (await Promise.all(Array.from({ length: 8 }, () => store.take("outbox", 1000, 3)))).flat();
        expect(new Set(taken.map(({ lane }) => lane)).size).toBe(taken.length);
        expect(taken.length).toBe(4);
        await Promise.all(taken.map((one) => store.settle(one, { done: true })));
        done.push(...idsOf(taken));
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
      await add(store, job("z", "1", { at: 1 }), job("a", "2", { at: 2 }));
      for (let i = 0; i < 2; i++) {
        await store.settle(await takeOne(store), { dead: reason });
        time.now += 10;
      }
      expect(await store.dead("outbox")).toEqual([
        { id: "z", queue: "outbox", lane: "1", body: { id: "z" }, reason, at: START },
        { id: "a", queue: "outbox", lane: "2", body: { id: "a" }, reason, at: START + 10 },
      ]);
      expect((await store.dead("outbox", 1)).map(({ id }) => id)).toEqual(["z"]);
      expect(await store.dead("outbox", 0)).toEqual([]);
      expect(await store.dead("inbox")).toEqual([]);
    });

    test("are replayed once, at the end of their lane, with their tries counted anew", async () => {
      const { store } = await open();
      await add(store, job("a", "l"), job("b", "l"));
      await store.settle(await takeOne(store), { dead: "no" });
      expect(await store.replay("inbox", "a")).toBe(false);
      expect(await store.replay("outbox", "a")).toBe(true);
      expect(await store.replay("outbox", "a")).toBe(false);
      expect(await store.replay("outbox", "b")).toBe(false);
      expect(await store.dead("outbox")).toEqual([]);
      const b = await takeOne(store);
      expect(b.id).toBe("b");
      await store.settle(b, { done: true });
      const a = await takeOne(store);
      expect(a).toMatchObject({ id: "a", lane: "l", body: { id: "a" }, tries: 1 });
      await store.settle(a, { done: true });
      expect(await store.replay("outbox", "a")).toBe(false);
    });
  });
}
