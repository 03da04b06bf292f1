import { describe, expect, test } from "vitest";
import { DAY } from "../../../../shared/time.ts";
import { type OpenStore, START_TIME } from "../opened-store.ts";

export function defineLeaseContract(open: OpenStore) {
  test("leases and due times follow the store's clock", async () => {
    const { store, time } = await open();
    expect(await store.now()).toBe(START_TIME);
    time.now += 5;
    expect(await store.now()).toBe(START_TIME + 5);
  });

  describe("a lease", () => {
    test("has only increasing tokens, after a release, after an expiry and after the clock was set back", async () => {
      const { store, time } = await open();
      const fences: number[] = [];
      for (let i = 0; i < 9; i++) {
        const lease = await store.lease("claim:a", `agent-${i}`, 1000);
        if (!("fence" in lease)) throw new Error("not leased");
        fences.push(lease.fence);
        if (i % 3 === 1) time.now += 1000;
        else expect(await store.release("claim:a", lease.fence)).toBe(true);
        if (i % 3 === 2) time.now -= 3_600_000;
      }
      for (const [i, fence] of fences.entries()) expect(fence).toBeGreaterThan(fences[i - 1] ?? 0);
    });

    test("has a token of at least the time in milliseconds, so that a new store starts above the tokens of a lost one", async () => {
      const before = await open();
      const old = await before.store.lease("claim:a", "ann", 1000);
      const after = await open();
      after.time.now = before.time.now + 1;
      const young = await after.store.lease("claim:a", "bob", 1000);
      if (!("fence" in old && "fence" in young)) throw new Error("not leased");
      expect(young.fence).toBeGreaterThan(old.fence);
    });

    test("has greater tokens long after the last one was forgotten", async () => {
      const { store, time } = await open();
      const old = await store.lease("claim:a", "ann", 1000);
      time.now += 30 * DAY;
      for (let i = 0; i < 3; i++) await store.commit({ put: [{ key: "k", value: i }] });
      const young = await store.lease("claim:a", "bob", 1000);
      if (!("fence" in old && "fence" in young)) throw new Error("not leased");
      expect(young.fence).toBeGreaterThan(old.fence);
    });

    test("is released by its token only, once, and not after it expired", async () => {
      const { store, time } = await open();
      const lease = await store.lease("claim:a", "ann", 1000);
      if (!("fence" in lease)) throw new Error("not leased");
      expect(await store.release("claim:a", lease.fence - 1)).toBe(false);
      expect(await store.release("claim:a", lease.fence + 1)).toBe(false);
      expect(await store.release("claim:none", lease.fence)).toBe(false);
      expect(await store.lease("claim:a", "bob", 1000)).toMatchObject({ heldBy: "ann" });
      expect(await store.release("claim:a", lease.fence)).toBe(true);
      expect(await store.release("claim:a", lease.fence)).toBe(false);
      const bob = await store.lease("claim:a", "bob", 1000);
      if (!("fence" in bob)) throw new Error("not leased");
      time.now += 1000;
      expect(await store.release("claim:a", bob.fence)).toBe(false);
    });
  });
}
