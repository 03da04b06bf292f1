import { describe, expect, test } from "vitest";
import type { Json } from "../../../../shared/omit-undefined.ts";
import type { Store } from "../../../../shared/store/port.ts";
import { DAY } from "../../../../shared/time.ts";
import { type OpenStore, START_TIME } from "../opened-store.ts";

const JOBS = [{ id: "j", queue: "outbox" as const, lane: "l", body: 1 }];

/** A lease that nobody else has. */
async function lease(store: Store, key = "claim:a", owner = "ann"): Promise<{ fence: number }> {
  const answer = await store.lease(key, owner, 1000);
  return "fence" in answer ? answer : expect.fail("not leased");
}

export function defineCommitContract(open: OpenStore) {
  describe("a commit", () => {
    test("succeeds when every expected revision is unchanged, 0 meaning that nothing is stored", async () => {
      const { store, time } = await open();
      expect(await store.commit({ expect: [["a", 0]], put: [{ key: "a", value: 1, expires: 10 }] })).toBe("committed");
      const a: [string, number] = ["a", (await store.read(["a"]))[0]?.rev ?? 0];
      expect(await store.commit({ expect: [a, ["b", 0]], put: [{ key: "b", value: 1 }] })).toBe("committed");
      time.now += 10;
      expect(await store.commit({ expect: [a] })).toBe("stale");
      expect(await store.commit({ expect: [["a", 0]] })).toBe("committed");
    });

    test("that is stale changes nothing: no value, no set, no delete, no job", async () => {
      const { store } = await open();
      await store.commit({ put: ["a", "b"].map((key) => ({ key, value: "old", sets: ["s"] })) });
      const before = await store.read(["a", "b"]);
      const put = [
        { key: "a", value: "new", sets: ["t"] },
        { key: "b", value: undefined },
        { key: "c", value: 1, sets: ["s"] },
      ];
      const b: [string, number] = ["b", before[1]?.rev ?? 0];
      const wrong: [string, number][][] = [[b, ["a", 1]], [["a", 0]], [["none", 7]]];
      for (const expected of wrong) expect(await store.commit({ put, jobs: JOBS, expect: expected })).toBe("stale");
      expect(await store.read(["a", "b", "c"])).toEqual([...before, undefined]);
      expect([await store.count("s"), await store.count("t")]).toEqual([2, 0]);
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
      // The id was not seen either.
      await store.commit({ jobs: JOBS });
      expect(await store.take("outbox", 1000, 9)).toHaveLength(1);
    });

    test("under a fence succeeds while the lease is held, and afterwards changes nothing", async () => {
      const { store, time } = await open();
      const { fence: number } = await lease(store);
      const fence: [string, number] = ["claim:a", number];
      expect(await store.commit({ fence, put: [{ key: "a", value: 1 }] })).toBe("committed");
      expect(await store.commit({ fence: ["claim:a", number - 1], put: [{ key: "a", value: 2 }] })).toBe("fenced");
      expect(await store.commit({ fence: ["claim:none", number], put: [{ key: "a", value: 2 }] })).toBe("fenced");
      time.now += 999;
      expect(await store.commit({ fence })).toBe("committed");
      time.now += 1;
      const late = { fence, put: [{ key: "a", value: 2 }], jobs: JOBS };
      expect(await store.commit(late)).toBe("fenced");
      await store.lease("claim:a", "bob", 1000);
      // It is stale as well, and reading again would not help.
      expect(await store.commit({ ...late, expect: [["a", 9]] })).toBe("fenced");
      expect((await store.read(["a"]))[0]?.value).toBe(1);
      expect(await store.take("outbox", 1000, 9)).toEqual([]);
    });

    test("has its own outcome among many simultaneous ones, and the later of two values of a key is stored", async () => {
      const { store } = await open();
      const put = (key: string, value = 1, sets: string[] = []) => ({ put: [{ key, value, sets }] });
      const outcomes = await Promise.allSettled([
        store.commit(put("a")),
        store.commit({ expect: [["a", 0]], ...put("b") }),
        store.commit(put("bad key")),
        store.commit({ fence: ["claim:x", 5], ...put("c") }),
        store.commit({ put: [...put("d", 1, ["s"]).put, ...put("d", 2, ["t"]).put] }),
      ]);
      const found = outcomes.map((one) => (one.status === "fulfilled" ? one.value : "rejected"));
      expect(found).toEqual(["committed", "stale", "rejected", "fenced", "committed"]);
      expect((await store.read(["a", "b", "c", "d"])).map((one) => one?.value)).toEqual([1, undefined, undefined, 2]);
      expect([await store.count("s"), await store.count("t")]).toEqual([0, 1]);
    });
  });

  test("a closed store rejects every call", async () => {
    const { store } = await open();
    await store.close();
    const writes = [() => store.commit({ jobs: JOBS }), () => store.lease("a", "ann", 1), () => store.pause("b", 1)];
    const reads = [() => store.now(), () => store.read(["a"]), () => store.take("inbox", 1, 1), () => store.stats()];
    for (const call of [...writes, ...reads]) await expect(call()).rejects.toThrow("The store is closed.");
    await store.close();
  });

  describe("a lease", () => {
    test("has only increasing tokens, after a release, an expiry, a clock set back and long after it was forgotten", async () => {
      const { store, time } = await open();
      expect(await store.now()).toBe(START_TIME);
      const fences: number[] = [];
      for (let i = 0; i < 9; i++) {
        const { fence } = await lease(store, "claim:a", `agent-${i}`);
        fences.push(fence);
        if (i % 3 === 1) time.now += 1000;
        else expect(await store.release("claim:a", fence)).toBe(true);
        if (i % 3 === 2) time.now -= 3_600_000;
      }
      time.now += 30 * DAY;
      for (let i = 0; i < 3; i++) await store.commit({ put: [{ key: "k", value: i }] });
      fences.push((await lease(store)).fence);
      for (const [i, fence] of fences.entries()) expect(fence).toBeGreaterThan(fences[i - 1] ?? 0);
    });

    test("has a token of at least the time in milliseconds, so that a new store starts above the tokens of a lost one", async () => {
      const [before, after] = [await open(), await open()];
      const old = await lease(before.store);
      after.time.now = before.time.now + 1;
      expect((await lease(after.store)).fence).toBeGreaterThan(old.fence);
    });
  });

  describe("JSON", () => {
    test("is returned exactly as it was stored: as a value, as a job's body and as a dead job's body", async () => {
      const { store } = await open();
      for (const [i, [name, value]] of Object.entries(VALUES).entries()) {
        const [id, text] = [`${i}`, JSON.stringify(value)];
        const expectStored = (stored: unknown) => expect(JSON.stringify(stored), name).toBe(text);
        const jobs = [{ id, queue: "inbox" as const, lane: id, body: value }];
        await store.commit({ put: [{ key: id, value, sets: [`set:${id}`] }], jobs });
        expectStored((await store.read([id]))[0]?.value);
        expectStored((await store.scan(`set:${id}`)).rows[0]?.value);
        const [job] = await store.take("inbox", 1000, 1);
        expectStored(job?.body);
        if (job) await store.acknowledge(job, { dead: "poison" });
        expectStored((await store.listDeadJobs("inbox")).find((dead) => dead.id === id)?.body);
      }
      expect({}).not.toHaveProperty("polluted");
    });

    test("is created as JSON.stringify does, and the whole commit is refused for a function, a BigInt or a circle", async () => {
      const { store } = await open();
      const circle: unknown[] = [];
      circle.push(circle);
      for (const value of [() => 1, 10n, circle, Symbol("s")]) {
        const put = ["a", "b"].map((key) => ({ key, value: key === "a" ? 1 : value }));
        await expect(store.commit({ put })).rejects.toThrow(TypeError);
      }
      expect(await store.read(["a", "b"])).toEqual([undefined, undefined]);
      const value = { nan: Number.NaN, zero: -0, none: undefined, date: new Date(0) };
      await store.commit({ put: [{ key: "a", value }] });
      const stored = { nan: null, zero: 0, date: "1970-01-01T00:00:00.000Z" };
      expect((await store.read(["a"]))[0]?.value).toStrictEqual(stored);
    });
  });
}

const VALUES: Record<string, Json> = {
  null: null,
  "false, which is kept like any value": false,
  zero: 0,
  "an empty string": "",
  "a string that looks like a number": "123",
  "a string that looks like JSON": '{"a":[]}',
  "empty ones inside others": { a: [], b: {}, c: [[], {}], d: { e: [] } },
  "a __proto__ key": JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}'),
  "great and small numbers": [1e21, -1e21, 5e-324, 1.7976931348623157e308, 9007199254740991, 0.1, -0.5, 1e-7],
  "text of many scripts": "é ñ 漢字 עברית \u202Eabc \u{1F468}\u200D\u{1F469} \u0000 \u001b[31m \u2028 \ufeff",
  "lone surrogates": ["\ud800", "a\udc00b", "\udfff\ud800"],
  "quotes, backslashes, line ends": "\"'\\\r\n\t`$(id);--",
  "deep nesting": Array.from({ length: 500 }).reduce<Json>((inner) => [inner], 1),
  "numeric keys": { "2": "b", "1": "a", "": "empty" },
  "one megabyte": "x".repeat(1_000_000),
};
