import { describe, expect, test } from "vitest";
import type { Job, Leased, Queue, Store } from "../../../../shared/store/port.ts";
import { type Open, START } from "../engine.ts";

const DAY = 24 * 60 * 60 * 1000;

const job = (id: string, lane: string, more: Partial<Job> = {}): Job => ({
  id,
  queue: "outbox",
  lane,
  body: { id },
  ...more,
});
const add = (store: Store, ...jobs: Job[]) => store.commit({ jobs });
const idsOf = (jobs: Leased[]) => jobs.map(({ id }) => id);

async function takeOne(store: Store, ttl = 1000, queue: Queue = "outbox"): Promise<Leased> {
  const [taken] = await store.take(queue, ttl, 1);
  if (!taken) throw new Error("nothing to take");
  return taken;
}

export function jobContract(open: Open) {
  describe("a job", () => {
    test("is taken with its body, its try and the end of its lease", async () => {
      const { store } = await open();
      await add(store, job("a", "l", { body: { n: [1] } }));
      expect(await store.take("outbox", 1000, 5)).toEqual([
        {
          id: "a",
          queue: "outbox",
          lane: "l",
          body: { n: [1] },
          tries: 1,
          until: START + 1000,
          token: expect.any(String),
        },
      ]);
      expect(await store.take("outbox", 1000, 5)).toEqual([]);
    });

    test("is in its own queue and no other", async () => {
      const { store } = await open();
      await add(store, job("a", "l"), job("a", "l", { queue: "inbox" }));
      expect(await store.take("observe", 1000, 5)).toEqual([]);
      expect((await store.take("inbox", 1000, 5)).map(({ queue }) => queue)).toEqual(["inbox"]);
      expect((await store.take("outbox", 1000, 5)).map(({ queue }) => queue)).toEqual(["outbox"]);
    });

    test("is not taken before its time", async () => {
      const { store, time } = await open();
      await add(store, job("a", "l", { at: START + 500 }));
      time.now += 499;
      expect(await store.take("outbox", 1000, 5)).toEqual([]);
      time.now += 1;
      expect(idsOf(await store.take("outbox", 1000, 5))).toEqual(["a"]);
    });

    test("whose id was seen before is not added again: while waiting, taken, dead, and 2 days after it was done", async () => {
      const { store, time } = await open();
      const again = () => add(store, job("a", "other", { body: "again" }));
      await add(store, job("a", "l"), job("a", "l2"));
      await again();
      const first = await takeOne(store);
      await again();
      await store.settle(first, { dead: "no" });
      await again();
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      await store.replay("outbox", "a");
      await again();
      await store.settle(await takeOne(store), { done: true });
      time.now += 2 * DAY - 1;
      await again();
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      time.now += 1;
      await again();
      expect((await store.take("outbox", 1000, 9)).map(({ body }) => body)).toEqual(["again"]);
    });

    test("is remembered for as long as the engine was told", async () => {
      const { store, time } = await open({ remember: 100 });
      await add(store, job("a", "l"));
      await store.settle(await takeOne(store), { done: true });
      time.now += 99;
      await add(store, job("a", "l"));
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      time.now += 1;
      await add(store, job("a", "l"));
      expect(await store.take("outbox", 1000, 9)).toHaveLength(1);
    });

    test("whose lease ran out is taken by another, and the first one's settling is refused and changes nothing", async () => {
      const { store, time } = await open();
      await add(store, job("a", "l"), job("b", "l"));
      const first = await takeOne(store);
      time.now += 999;
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      time.now += 1;
      const second = await takeOne(store);
      expect(second).toMatchObject({ id: "a", tries: 2 });
      expect(second.token).not.toBe(first.token);
      for (const how of [{ done: true as const }, { retryAt: 0 }, { dead: "late" }]) {
        expect(await store.settle(first, how)).toBe(false);
      }
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      expect(await store.dead("outbox")).toEqual([]);
      expect(await store.settle(second, { done: true })).toBe(true);
      expect(idsOf(await store.take("outbox", 1000, 9))).toEqual(["b"]);
    });

    test("settled late, but before anybody else took it, is settled", async () => {
      const { store, time } = await open();
      await add(store, job("a", "l"));
      const late = await takeOne(store);
      time.now += 5000;
      expect(await store.settle(late, { done: true })).toBe(true);
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
    });

    test("is settled once", async () => {
      const { store } = await open();
      await add(store, job("a", "l"));
      const taken = await takeOne(store);
      expect(await store.settle(taken, { done: true })).toBe(true);
      expect(await store.settle(taken, { done: true })).toBe(false);
      expect(await store.settle({ ...taken, id: "never" }, { done: true })).toBe(false);
    });

    test("tried again later keeps count of its tries, and its old lease is worth nothing", async () => {
      const { store, time } = await open();
      await add(store, job("a", "l"));
      const first = await takeOne(store);
      expect(await store.settle(first, { retryAt: START + 300 })).toBe(true);
      expect(await store.settle(first, { done: true })).toBe(false);
      time.now += 299;
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      time.now += 1;
      expect(await takeOne(store)).toMatchObject({ id: "a", tries: 2, body: { id: "a" } });
    });
  });

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

  test("the figures count what waits, what is taken and what is dead, and since when the longest due has been due", async () => {
    const { store, time } = await open();
    const none = { pending: 0, dead: 0 };
    expect(await store.stats()).toEqual({ queues: { inbox: none, observe: none, outbox: none, forward: none } });
    await add(store, job("a", "1", { at: START - 70 }), job("b", "2"), job("c", "2"), job("d", "3", { at: START + 1 }));
    await add(store, job("i", "1", { queue: "inbox", at: START + 5 }));
    const outbox = async () => (await store.stats()).queues.outbox;
    expect(await outbox()).toEqual({ pending: 4, dead: 0, oldest: START - 70 });
    expect((await store.stats()).queues.inbox).toEqual({ pending: 1, dead: 0 });
    const a = await takeOne(store, 1000);
    expect(await outbox()).toEqual({ pending: 4, dead: 0, oldest: START });
    await store.settle(a, { dead: "no" });
    await store.settle(await takeOne(store), { done: true });
    expect(await outbox()).toEqual({ pending: 2, dead: 1, oldest: START });
    await takeOne(store);
    expect(await outbox()).toEqual({ pending: 2, dead: 1 });
    time.now += 1;
    expect(await outbox()).toEqual({ pending: 2, dead: 1, oldest: START + 1 });
    await store.replay("outbox", "a");
    expect(await outbox()).toMatchObject({ pending: 3, dead: 0 });
  });
}
