import { describe, expect, test } from "vitest";
import type { Store } from "../../../../shared/store/port.ts";
import { DAY, HOUR, MINUTE } from "../../../../shared/time.ts";
import type { OpenStore } from "../opened-store.ts";

const SPEND = { bucket: "b", n: 1, limit: 60, window: MINUTE };
const LEASE = MINUTE;
const spend = (store: Store) => store.consumeAll([SPEND]);

export function defineHoldContract(open: OpenStore) {
  describe("a hold that needs a probe", () => {
    test("grants one request at its end, and everything after the success of that request", async () => {
      const { store, time } = await open();
      await store.pause("b", 15 * MINUTE, true);
      expect(await spend(store)).toBe(15 * MINUTE);
      expect(await store.takeProbe(SPEND, LEASE)).toBe(false);
      time.now += 15 * MINUTE;
      expect(await spend(store)).toBe(1_000);
      const granted = await Promise.all(Array.from({ length: 20 }, () => store.takeProbe(SPEND, LEASE)));
      expect(granted.filter(Boolean)).toHaveLength(1);
      expect(await spend(store)).toBe(1_000);
      await store.endProbe("b");
      expect(await store.consume("b", 60, 60, MINUTE)).toBeGreaterThan(0);
      expect(await store.consume("b", 59, 60, MINUTE)).toBe(0);
      expect(await store.listPauses()).toEqual([]);
    });

    test("lasts on when its probe is answered with another hold, even a short one", async () => {
      const { store, time } = await open();
      await store.pause("b", HOUR, true);
      time.now += HOUR;
      expect(await store.takeProbe(SPEND, LEASE)).toBe(true);
      await store.pause("b", 30_000);
      await store.endProbe("b");
      expect(await spend(store)).toBe(30_000);
      expect(await store.takeProbe(SPEND, LEASE)).toBe(false);
      time.now += 30_000;
      expect(await spend(store)).toBe(1_000);
      expect(await store.takeProbe(SPEND, LEASE)).toBe(true);
    });

    test("grants another probe when the first one brought no result within its lease", async () => {
      const { store, time } = await open();
      await store.pause("b", HOUR, true);
      time.now += HOUR;
      expect(await store.takeProbe(SPEND, LEASE)).toBe(true);
      time.now += LEASE - 1;
      expect([await spend(store), await store.takeProbe(SPEND, LEASE)]).toEqual([1, false]);
      time.now += 1;
      expect([await spend(store), await store.takeProbe(SPEND, LEASE)]).toEqual([1_000, true]);
    });

    test("is forgotten when no probe was taken for a day", async () => {
      const { store, time } = await open();
      await store.pause("b", HOUR, true);
      time.now += HOUR + DAY;
      expect(await store.listPauses()).toEqual([]);
      expect(await store.takeProbe(SPEND, LEASE)).toBe(false);
      expect(await spend(store)).toBe(0);
    });

    test("survives other changes and a restart of the store", async () => {
      const opened = await open();
      const { store, time } = opened;
      await store.pause("b", HOUR, true);
      time.now += HOUR;
      for (let i = 0; i < 3; i += 1) {
        await store.commit({ put: [{ key: `k${i}`, value: i }] });
        await store.take("inbox", MINUTE, 1);
        time.now += 1_000;
      }
      await opened.restart?.();
      expect(await spend(opened.store)).toBe(1_000);
      expect(await opened.store.takeProbe(SPEND, LEASE)).toBe(true);
    });
  });

  describe("a hold without a probe", () => {
    test("grants everything at its end: no probe can be taken or ended", async () => {
      const { store, time } = await open();
      await store.pause("b", 30_000);
      await store.endProbe("b");
      expect(await spend(store)).toBe(30_000);
      time.now += 30_000;
      expect(await store.takeProbe(SPEND, LEASE)).toBe(false);
      expect(await spend(store)).toBe(0);
    });
  });

  describe("limiting a hold", () => {
    test("ends it at the limit, from which on it needs a probe", async () => {
      const { store, time } = await open();
      await store.pause("b", 31 * 365 * DAY);
      expect(await store.limitPause("b", HOUR)).toBe(true);
      expect(await store.limitPause("b", HOUR)).toBe(false);
      expect(await spend(store)).toBe(HOUR);
      time.now += HOUR;
      expect(await spend(store)).toBe(1_000);
      expect(await store.takeProbe(SPEND, LEASE)).toBe(true);
    });

    test("leaves a shorter hold and a bucket without one as they are", async () => {
      const { store, time } = await open();
      expect(await store.limitPause("b", 0)).toBe(false);
      await store.pause("b", 30_000);
      expect(await store.limitPause("b", HOUR)).toBe(false);
      time.now += 30_000;
      expect(await spend(store)).toBe(0);
    });
  });

  test("holds are listed with their ends, and whether they need a probe", async () => {
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

  describe("advancing retries", () => {
    test("makes jobs that wait for longer due at the latest time, in the order of their lanes", async () => {
      const { store, time } = await open();
      const jobs = ["first", "second"].map((id) => ({ id, queue: "outbox" as const, lane: "l", body: 1 }));
      await store.commit({ jobs });
      for (const job of await store.take("outbox", MINUTE, 9))
        await store.acknowledge(job, { retryAt: time.now + 9 * DAY });
      expect(await store.advanceRetries("outbox", time.now + HOUR)).toBe(1);
      expect(await store.advanceRetries("outbox", time.now + HOUR)).toBe(0);
      time.now += HOUR - 1;
      expect(await store.take("outbox", MINUTE, 9)).toEqual([]);
      time.now += 1;
      expect(await store.take("outbox", MINUTE, 9)).toMatchObject([{ id: "first", tries: 2 }]);
    });

    test("leaves jobs alone that were never taken, that are being handled, or are in another queue", async () => {
      const { store, time } = await open();
      const at = time.now + 9 * DAY;
      await store.commit({ jobs: [{ id: "later", queue: "outbox", lane: "a", at, body: 1 }] });
      await store.commit({ jobs: [{ id: "taken", queue: "outbox", lane: "b", body: 1 }] });
      await store.commit({ jobs: [{ id: "other", queue: "forward", lane: "b", body: 1 }] });
      expect(await store.take("outbox", HOUR, 9)).toHaveLength(1);
      for (const job of await store.take("forward", MINUTE, 9)) await store.acknowledge(job, { retryAt: at });
      expect(await store.advanceRetries("outbox", time.now)).toBe(0);
      time.now += HOUR - 1;
      expect(await store.take("outbox", HOUR, 9)).toEqual([]);
      expect(await store.take("forward", HOUR, 9)).toEqual([]);
    });
  });
}
