import { describe, expect, test } from "vitest";
import type { OpenStore } from "../opened-store.ts";

export function defineCommitContract(open: OpenStore) {
  describe("a commit", () => {
    test("succeeds when every expected revision is unchanged, 0 meaning that nothing is stored", async () => {
      const { store, time } = await open();
      expect(await store.commit({ expect: [["a", 0]], put: [{ key: "a", value: 1, expires: 10 }] })).toBe("committed");
      const rev = (await store.read(["a"]))[0]?.rev ?? 0;
      expect(
        await store.commit({
          expect: [
            ["a", rev],
            ["b", 0],
          ],
          put: [{ key: "b", value: 1 }],
        }),
      ).toBe("committed");
      time.now += 10;
      expect(await store.commit({ expect: [["a", rev]] })).toBe("stale");
      expect(await store.commit({ expect: [["a", 0]] })).toBe("committed");
    });

    test("that is stale changes nothing: no value, no set, no delete, no job", async () => {
      const { store } = await open();
      await store.commit({
        put: [
          { key: "a", value: "old", sets: ["s"] },
          { key: "b", value: "old", sets: ["s"] },
        ],
      });
      const before = await store.read(["a", "b"]);
      const stale = {
        put: [
          { key: "a", value: "new", sets: ["t"] },
          { key: "b", value: undefined },
          { key: "c", value: 1, sets: ["s"] },
        ],
        jobs: [{ id: "j", queue: "outbox" as const, lane: "l", body: 1 }],
      };
      expect(
        await store.commit({
          ...stale,
          expect: [
            ["b", before[1]?.rev ?? 0],
            ["a", 1],
          ],
        }),
      ).toBe("stale");
      expect(await store.commit({ ...stale, expect: [["a", 0]] })).toBe("stale");
      expect(await store.commit({ ...stale, expect: [["none", 7]] })).toBe("stale");
      expect(await store.read(["a", "b", "c"])).toEqual([...before, undefined]);
      expect([await store.count("s"), await store.count("t")]).toEqual([2, 0]);
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      // The id was not seen either.
      await store.commit({ jobs: stale.jobs });
      expect(await store.take("outbox", 1000, 9)).toHaveLength(1);
    });

    test("is the only one to succeed of two that expect the same revision at the same time", async () => {
      const { store } = await open();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.commit({ expect: [["a", 0]], put: [{ key: "a", value: i }] })),
      );
      expect(outcomes.filter((outcome) => outcome === "committed")).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "stale")).toHaveLength(19);
      expect((await store.read(["a"]))[0]?.value).toBe(outcomes.indexOf("committed"));
    });

    test("that contains a key twice stores the later value", async () => {
      const { store } = await open();
      await store.commit({
        put: [
          { key: "a", value: 1, sets: ["s"] },
          { key: "a", value: 2, sets: ["t"] },
        ],
      });
      expect((await store.read(["a"]))[0]?.value).toBe(2);
      expect([await store.count("s"), await store.count("t")]).toEqual([0, 1]);
    });

    test("under a fence succeeds while the lease is held, and afterwards changes nothing", async () => {
      const { store, time } = await open();
      const lease = await store.lease("claim:a", "ann", 1000);
      if (!("fence" in lease)) throw new Error("not leased");
      const fence: [string, number] = ["claim:a", lease.fence];
      expect(await store.commit({ fence, put: [{ key: "a", value: 1 }] })).toBe("committed");
      expect(await store.commit({ fence: ["claim:a", lease.fence - 1], put: [{ key: "a", value: 2 }] })).toBe("fenced");
      expect(await store.commit({ fence: ["claim:none", lease.fence], put: [{ key: "a", value: 2 }] })).toBe("fenced");
      time.now += 999;
      expect(await store.commit({ fence })).toBe("committed");
      time.now += 1;
      const put = [{ key: "a", value: 2 }];
      const jobs = [{ id: "j", queue: "outbox" as const, lane: "l", body: 1 }];
      expect(await store.commit({ fence, put, jobs })).toBe("fenced");
      await store.lease("claim:a", "bob", 1000);
      expect(await store.commit({ fence, put, jobs })).toBe("fenced");
      expect((await store.read(["a"]))[0]?.value).toBe(1);
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
    });

    test("that is both fenced and stale reports fenced, because reading again would not help", async () => {
      const { store } = await open();
      expect(await store.commit({ fence: ["claim:a", 1], expect: [["a", 9]] })).toBe("fenced");
    });

    test("has its own outcome among many simultaneous ones", async () => {
      const { store } = await open();
      const outcomes = await Promise.allSettled([
        store.commit({ put: [{ key: "a", value: 1 }] }),
        store.commit({ expect: [["a", 0]], put: [{ key: "b", value: 1 }] }),
        store.commit({ put: [{ key: "bad key", value: 1 }] }),
        store.commit({ fence: ["claim:x", 5], put: [{ key: "c", value: 1 }] }),
        store.commit({ put: [{ key: "d", value: 1 }] }),
      ]);
      expect(outcomes.map((one) => (one.status === "fulfilled" ? one.value : "rejected"))).toEqual([
        "committed",
        "stale",
        "rejected",
        "fenced",
        "committed",
      ]);
      expect((await store.read(["a", "b", "c", "d"])).map((one) => one?.value)).toEqual([1, undefined, undefined, 1]);
    });
  });

  test("a closed store rejects every call", async () => {
    const { store } = await open();
    await store.close();
    const job = { id: "j", queue: "inbox" as const, lane: "l", body: 1, tries: 1, failures: 0, until: 0, token: "t" };
    const calls = [
      () => store.now(),
      () => store.read(["a"]),
      () => store.scan("s"),
      () => store.count("s"),
      () => store.commit({ put: [{ key: "a", value: 1 }] }),
      () => store.lease("a", "ann", 1),
      () => store.release("a", 1),
      () => store.take("inbox", 1, 1),
      () => store.acknowledge(job, { done: true }),
      () => store.listDeadJobs("inbox"),
      () => store.replay("inbox", "j"),
      () => store.consume("b", 1, 1, 1),
      () => store.pause("b", 1),
      () => store.stats(),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow("The store is closed.");
    await store.close();
  });
}
