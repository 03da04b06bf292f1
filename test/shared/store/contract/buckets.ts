import { describe, expect, test } from "vitest";
import { MINUTE } from "../../../../shared/time.ts";
import type { OpenStore } from "../opened-store.ts";

export function defineBucketContract(open: OpenStore) {
  describe("a bucket", () => {
    test("grants up to the limit and then returns the time to wait, spending nothing", async () => {
      const { store, time } = await open();
      expect(await store.consume("plane:key", 2, 3, MINUTE)).toBe(0);
      time.now += 10_000;
      expect(await store.consume("plane:key", 1, 3, MINUTE)).toBe(0);
      expect(await store.consume("plane:key", 1, 3, MINUTE)).toBe(50_000);
      expect(await store.consume("plane:key", 3, 3, MINUTE)).toBe(60_000);
      time.now += 49_999;
      expect(await store.consume("plane:key", 1, 3, MINUTE)).toBe(1);
      time.now += 1;
      expect(await store.consume("plane:key", 2, 3, MINUTE)).toBe(0);
      expect(await store.consume("plane:key", 1, 3, MINUTE)).toBe(10_000);
      expect(await store.consume("other", 3, 3, MINUTE)).toBe(0);
    });

    test("is a sliding window: no window of that length exceeds the limit", async () => {
      const { store, time } = await open();
      const spent: { at: number; n: number }[] = [];
      for (let i = 0; i < 300; i++) {
        const n = 1 + ((i * 7) % 3);
        const wait = await store.consume("b", n, 10, 1000);
        if (wait === 0) spent.push({ at: time.now, n });
        // Ask again too early now and then, as a second caller would.
        else time.now += i % 4 === 0 ? Math.ceil(wait / 2) : wait;
        time.now += (i * 13) % 40;
      }
      for (const { at } of spent) {
        const inWindow = spent.filter((other) => other.at > at - 1000 && other.at <= at);
        expect(inWindow.reduce((sum, other) => sum + other.n, 0)).toBeLessThanOrEqual(10);
      }
      expect(spent.length).toBeGreaterThan(50);
    });

    test("can be spent as soon as the returned wait is over", async () => {
      const { store, time } = await open();
      for (let i = 0; i < 5; i++) {
        time.now += 17 * i;
        await store.consume("b", 1, 5, 1000);
      }
      for (let i = 0; i < 10; i++) {
        const wait = await store.consume("b", 2, 5, 1000);
        expect(wait).toBeGreaterThan(0);
        time.now += wait - 1;
        expect(await store.consume("b", 2, 5, 1000)).toBe(1);
        time.now += 1;
        expect(await store.consume("b", 2, 5, 1000)).toBe(0);
        await store.consume("b", 1, 5, 1000);
        time.now += 3;
      }
    });

    test("waits at most one window after the clock was set back, and still grants no more than the limit", async () => {
      const { store, time } = await open();
      expect(await store.consume("b", 3, 3, MINUTE)).toBe(0);
      time.now -= 60 * MINUTE;
      expect(await store.consume("b", 1, 3, MINUTE)).toBe(MINUTE);
      time.now += MINUTE - 1;
      expect(await store.consume("b", 1, 3, MINUTE)).toBe(1);
      time.now += 1;
      expect(await store.consume("b", 3, 3, MINUTE)).toBe(0);
    });

    test("tells without spending whether anything was spent, for nothing of a limit of 0", async () => {
      const { store, time } = await open();
      const nothing = { bucket: "b", n: 0, limit: 0, window: MINUTE };
      expect(await store.consumeAll([{ bucket: "a", n: 1, limit: 9, window: MINUTE }, nothing])).toBe(0);
      const unlimited = { bucket: "b", n: 1, limit: Number.MAX_SAFE_INTEGER, window: MINUTE };
      for (let i = 0; i < 3; i += 1) expect(await store.consumeAll([unlimited])).toBe(0);
      time.now += 20_000;
      expect(await store.consumeAll([{ bucket: "a", n: 1, limit: 9, window: MINUTE }, nothing])).toBe(40_000);
      time.now += 40_000;
      expect(await store.consumeAll([{ bucket: "a", n: 9, limit: 9, window: MINUTE }, nothing])).toBe(0);
    });

    test("returns a whole window for an amount above the limit", async () => {
      const { store } = await open();
      expect(await store.consume("b", 4, 3, 1000)).toBe(1000);
      expect(await store.consume("b", 3, 3, 1000)).toBe(0);
    });

    test("grants no more than the limit to many simultaneous callers", async () => {
      const { store } = await open();
      const waits = await Promise.all(Array.from({ length: 40 }, () => store.consume("b", 1, 7, 1000)));
      expect(waits.filter((wait) => wait === 0)).toHaveLength(7);
      expect(waits.filter((wait) => wait === 1000)).toHaveLength(33);
    });

    test("that is on hold grants nothing until the hold ends", async () => {
      const { store, time } = await open();
      await store.pause("b", 30_000);
      expect(await store.consume("b", 1, 60, MINUTE)).toBe(30_000);
      expect(await store.consume("other", 1, 60, MINUTE)).toBe(0);
      time.now += 29_999;
      expect(await store.consume("b", 1, 60, MINUTE)).toBe(1);
      time.now += 1;
      expect(await store.consume("b", 60, 60, MINUTE)).toBe(0);
    });

    test("keeps the hold that ends later", async () => {
      const { store, time } = await open();
      await store.pause("b", 30_000);
      await store.pause("b", 10_000);
      expect(await store.consume("b", 1, 9, 1000)).toBe(30_000);
      time.now += 25_000;
      await store.pause("b", 10_000);
      expect(await store.consume("b", 1, 9, 1000)).toBe(10_000);
    });
  });

  describe("the amount spent from a bucket", () => {
    test("is what counts in the window, and reading it changes nothing", async () => {
      const { store, time } = await open();
      expect(await store.countConsumed("b", 10_000)).toBe(0);
      await store.consume("b", 3, 5, 10_000);
      time.now += 4_000;
      await store.consume("b", 1, 5, 10_000);
      expect(await store.consume("b", 2, 5, 10_000)).toBeGreaterThan(0);
      expect([await store.countConsumed("b", 10_000), await store.countConsumed("other", 10_000)]).toEqual([4, 0]);
      expect(await store.countConsumed("b", 4_000)).toBe(1);
      time.now += 6_000;
      expect(await store.countConsumed("b", 10_000)).toBe(1);
      expect(await store.consume("b", 4, 5, 10_000)).toBe(0);
    });
  });

  describe("several buckets spent at once", () => {
    const chat = { bucket: "chat", n: 1, limit: 1, window: 1_000 };
    const all = { bucket: "all", n: 1, limit: 2, window: 5_000 };

    test("are spent when the amount fits in each", async () => {
      const { store } = await open();
      expect(await store.consumeAll([chat, all])).toBe(0);
      expect(await store.consume("chat", 1, 1, 1_000)).toBe(1_000);
      expect(await store.consume("all", 2, 2, 5_000)).toBe(5_000);
    });

    test("are not spent when one is exhausted: the longest wait is returned", async () => {
      const { store, time } = await open();
      await store.consume("all", 2, 2, 5_000);
      await store.consume("chat", 1, 1, 1_000);
      expect(await store.consumeAll([chat, all])).toBe(5_000);
      time.now += 1_000;
      expect(await store.consumeAll([chat, all])).toBe(4_000);
      expect(await store.consume("chat", 1, 1, 1_000)).toBe(0);
    });

    test("wait for a hold on one of them", async () => {
      const { store } = await open();
      await store.pause("chat", 30_000);
      expect(await store.consumeAll([all, chat])).toBe(30_000);
      expect(await store.consume("all", 2, 2, 5_000)).toBe(0);
    });

    test("grant no more than the smallest limit to many simultaneous callers", async () => {
      const { store } = await open();
      const consumptions = [
        { ...chat, limit: 30 },
        { ...all, limit: 7 },
      ];
      const waits = await Promise.all(Array.from({ length: 20 }, () => store.consumeAll(consumptions)));
      expect(waits.filter((wait) => wait === 0)).toHaveLength(7);
      expect(await store.consume("chat", 23, 30, 1_000)).toBe(0);
    });
  });
}
