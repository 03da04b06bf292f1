import { describe, expect, test } from "vitest";
import type { Store } from "../../../../shared/store/port.ts";
import { DAY, HOUR, MINUTE } from "../../../../shared/time.ts";
import type { OpenStore } from "../opened-store.ts";

const SPEND = { bucket: "b", n: 1, limit: 60, window: MINUTE };
const LEASE = MINUTE;
const spend = (store: Store) => store.consumeAll([SPEND]);
const takeProbe = (store: Store) => store.takeProbe(SPEND, LEASE);

export function defineBucketContract(open: OpenStore) {
  describe("a bucket", () => {
    test("grants up to the limit and then returns the time to wait, spending nothing", async () => {
      const { store, time } = await open();
      const consume = (n: number) => store.consume("plane:key", n, 3, MINUTE);
      expect(await consume(2)).toBe(0);
      time.now += 10_000;
      expect(await consume(1)).toBe(0);
      expect([await consume(1), await consume(3), await consume(4)]).toEqual([50_000, 60_000, 60_000]);
      time.now += 49_999;
      expect(await consume(1)).toBe(1);
      time.now += 1;
      expect([await consume(2), await consume(1)]).toEqual([0, 10_000]);
      expect(await store.consume("other", 4, 3, MINUTE)).toBe(MINUTE);
      expect(await store.consume("other", 3, 3, MINUTE)).toBe(0);
    });

    test("is a sliding window: no window of that length exceeds the limit", async () => {
      const { store, time } = await open();
      const spent: { at: number; n: number }[] = [];
      for (let i = 0; i < 120; i++) {
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

    test("grants no more than the limit, or the smallest of several, to many simultaneous callers", async () => {
      const { store } = await open();
      const waits = await Promise.all(Array.from({ length: 40 }, () => store.consume("b", 1, 7, 1000)));
      expect(waits.toSorted()).toEqual([...Array(7).fill(0), ...Array(33).fill(1000)]);
      const both = [
        { bucket: "chat", n: 1, limit: 30, window: 1_000 },
        { bucket: "all", n: 1, limit: 7, window: 5_000 },
      ];
      const all = await Promise.all(Array.from({ length: 20 }, () => store.consumeAll(both)));
      expect(all.filter((wait) => wait === 0)).toHaveLength(7);
      expect(await store.consume("chat", 23, 30, 1_000)).toBe(0);
    });

    test("says what was spent in its window, and reading it changes nothing", async () => {
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

    test("is spent together with others when the amount fits in each, else none is: the longest wait is returned", async () => {
      const { store, time } = await open();
      const chat = { bucket: "chat", n: 1, limit: 1, window: 1_000 };
      const all = { bucket: "all", n: 1, limit: 2, window: 5_000 };
      expect(await store.consumeAll([chat, all])).toBe(0);
      expect(await store.consume("chat", 1, 1, 1_000)).toBe(1_000);
      expect(await store.consume("all", 2, 2, 5_000)).toBe(5_000);
      expect(await store.consume("all", 1, 2, 5_000)).toBe(0);
      expect(await store.consumeAll([chat, all])).toBe(5_000);
      time.now += 1_000;
      expect(await store.consumeAll([chat, all])).toBe(4_000);
      expect(await store.consume("chat", 1, 1, 1_000)).toBe(0);
      time.now += 5_000;
      await store.pause("chat", 30_000);
      expect(await store.consumeAll([all, chat])).toBe(30_000);
      expect(await store.consume("all", 2, 2, 5_000)).toBe(0);
    });

    test("that is on hold grants nothing until the hold that lasts longest ends", async () => {
      const { store, time } = await open();
      await store.pause("b", 30_000);
      await store.pause("b", 10_000);
      expect(await store.consume("b", 1, 60, MINUTE)).toBe(30_000);
      expect(await store.consume("other", 1, 60, MINUTE)).toBe(0);
      time.now += 29_999;
      expect(await store.consume("b", 1, 60, MINUTE)).toBe(1);
      await store.pause("b", 10_000);
      expect(await store.consume("b", 1, 60, MINUTE)).toBe(10_000);
      time.now += 10_000;
      expect(await store.consume("b", 60, 60, MINUTE)).toBe(0);
    });
  });

  describe("a hold that needs a probe", () => {
    test("grants one request at its end, and everything after the success of that request", async () => {
      const { store, time } = await open();
      await store.pause("b", 15 * MINUTE, true);
      expect([await spend(store), await takeProbe(store)]).toEqual([15 * MINUTE, false]);
      time.now += 15 * MINUTE;
      expect(await spend(store)).toBe(1_000);
      const granted = await Promise.all(Array.from({ length: 20 }, () => takeProbe(store)));
      expect(granted.filter(Boolean)).toHaveLength(1);
      expect(await spend(store)).toBe(1_000);
      await store.endProbe("b");
      expect(await store.consume("b", 60, 60, MINUTE)).toBeGreaterThan(0);
      expect(await store.consume("b", 59, 60, MINUTE)).toBe(0);
      expect(await store.listPauses()).toEqual([]);
    });

    test("lasts on when its probe is answered with another hold, even a short one, or brings no result within its lease", async () => {
      const { store, time } = await open();
      await store.pause("b", HOUR, true);
      time.now += HOUR;
      expect(await takeProbe(store)).toBe(true);
      await store.pause("b", 30_000);
      await store.endProbe("b");
      expect([await spend(store), await takeProbe(store)]).toEqual([30_000, false]);
      time.now += 30_000;
      expect([await spend(store), await takeProbe(store)]).toEqual([1_000, true]);
      time.now += LEASE - 1;
      expect([await spend(store), await takeProbe(store)]).toEqual([1, false]);
      time.now += 1;
      expect([await spend(store), await takeProbe(store)]).toEqual([1_000, true]);
    });

    test("survives other changes and a restart of the store, and is forgotten when no probe was taken for a day", async () => {
      const opened = await open();
      const { store, time } = opened;
      for (const bucket of ["b", "old"]) await store.pause(bucket, HOUR, true);
      time.now += HOUR;
      for (let i = 0; i < 3; i += 1) {
        await store.commit({ put: [{ key: `k${i}`, value: i }] });
        await store.take("inbox", MINUTE, 1);
        time.now += 1_000;
      }
      await opened.restart?.();
      expect([await spend(opened.store), await takeProbe(opened.store)]).toEqual([1_000, true]);
      time.now += DAY;
      expect(await opened.store.takeProbe({ ...SPEND, bucket: "old" }, LEASE)).toBe(false);
      expect(await opened.store.consume("old", 1, 60, MINUTE)).toBe(0);
    });

    test("comes of a longer hold that is limited, while a shorter one and one without a probe grant everything at their end", async () => {
      const { store, time } = await open();
      expect(await store.limitPause("b", 0)).toBe(false);
      await store.pause("b", 30_000);
      await store.endProbe("b");
      expect([await store.limitPause("b", HOUR), await spend(store)]).toEqual([false, 30_000]);
      time.now += 30_000;
      expect([await takeProbe(store), await spend(store)]).toEqual([false, 0]);
      await store.pause("b", 31 * 365 * DAY);
      expect([await store.limitPause("b", HOUR), await store.limitPause("b", HOUR)]).toEqual([true, false]);
      expect(await spend(store)).toBe(HOUR);
      time.now += HOUR;
      expect([await spend(store), await takeProbe(store)]).toEqual([1_000, true]);
    });

    test("is listed with other holds, with their ends", async () => {
      const { store, time } = await open();
      await store.pause("plane:key", HOUR, true);
      await store.pause("chat", 30_000);
      await store.consume("other", 1, 1, MINUTE);
      expect(await store.listPauses()).toEqual([
        { bucket: "chat", until: time.now + 30_000, needsProbe: false },
        { bucket: "plane:key", until: time.now + HOUR, needsProbe: true },
      ]);
      time.now += HOUR;
      expect(await store.listPauses()).toEqual([{ bucket: "plane:key", until: time.now, needsProbe: true }]);
    });
  });
}
