import { describe, expect, test } from "vitest";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import type { Store } from "../../../../shared/store/port.ts";
import type { OpenStore } from "../opened-store.ts";

const readSetKeys = async (store: Store, set: string) => (await store.scan(set)).rows.map((row) => row.key);

export function defineValueContract(open: OpenStore) {
  describe("stored values", () => {
    test("are read in the requested order, with undefined where nothing is stored", async () => {
      const { store } = await open();
      await store.commit({
        put: [
          { key: "a", value: 1 },
          { key: "b", value: { n: 2 } },
        ],
      });
      const [b, none, a, again] = await store.read(["b", "none", "a", "b"]);
      expect(b).toEqual({ value: { n: 2 }, rev: expect.any(Number) });
      expect(none).toBeUndefined();
      expect(a?.value).toBe(1);
      expect(again).toEqual(b);
      expect(await store.read([])).toEqual([]);
    });

    test("beyond the first keys of a set are trimmed from its end, a limited number at a time", async () => {
      const { store, time } = await open();
      const keys = ["a", "b", "c", "d", "e", "f"];
      await store.commit({ put: keys.map((key) => ({ key, value: key, sets: ["s", `only-${key}`] })) });
      await store.commit({ put: [{ key: "expired", value: 1, sets: ["s"], expires: 10 }] });
      await store.commit({ put: [{ key: "z", value: 1, sets: ["other"] }] });
      time.now += 10;
      expect(await store.trim("s", 6, 10)).toBe(0);
      expect(await store.trim("s", 2, 3)).toBe(3);
      expect(await readSetKeys(store, "s")).toEqual(["a", "b", "c"]);
      expect(await store.trim("s", 2, 3)).toBe(1);
      expect(await store.trim("s", 2, 3)).toBe(0);
      expect(await readSetKeys(store, "s")).toEqual(["a", "b"]);
      expect(await store.read(["b", "c", "f", "z"])).toMatchObject([
        { value: "b" },
        undefined,
        undefined,
        { value: 1 },
      ]);
      expect(await Promise.all([store.count("only-f"), store.count("none"), store.trim("none", 0, 5)])).toEqual([
        0, 0, 0,
      ]);
    });

    test("are copies: changing an object that was written or read does not change the stored value", async () => {
      const { store } = await open();
      const value = { list: [1] };
      const stored = store.commit({ put: [{ key: "a", value }] });
      value.list.push(2);
      await stored;
      const [read] = await store.read<typeof value>(["a"]);
      read?.value.list.push(3);
      expect((await store.read(["a"]))[0]?.value).toEqual({ list: [1] });
    });

    test("get a greater revision with every commit, even with an equal value", async () => {
      const { store } = await open();
      const revs: number[] = [];
      for (let i = 0; i < 5; i++) {
        await store.commit({ put: [{ key: "a", value: "same" }] });
        revs.push((await store.read(["a"]))[0]?.rev ?? 0);
      }
      expect(revs).toEqual([...new Set(revs)].sort((a, b) => a - b));
      expect(revs[0]).toBeGreaterThan(0);
    });

    test("never get an earlier revision again, not after a delete, an expiry or a clock set back", async () => {
      const { store, time } = await open();
      const seen = new Set<number>();
      for (const end of ["delete", "expire", "clock"] as const) {
        await store.commit({ put: [{ key: "a", value: 1, expires: 100 }] });
        seen.add((await store.read(["a"]))[0]?.rev ?? 0);
        if (end === "delete") await store.commit({ put: [{ key: "a", value: undefined }] });
        else if (end === "expire") time.now += 100;
        else time.now -= 3_600_000;
        await store.commit({ put: [{ key: "a", value: 1 }] });
        seen.add((await store.read(["a"]))[0]?.rev ?? 0);
      }
      expect(seen.size).toBe(6);
      expect(Math.min(...seen)).toBeGreaterThan(0);
    });

    test("are deleted when they expire, not earlier, and a later put without an expiry keeps them", async () => {
      const { store, time } = await open();
      await store.commit({
        put: [
          { key: "a", value: 1, expires: 1000 },
          { key: "b", value: 1, expires: 1000 },
        ],
      });
      await store.commit({ put: [{ key: "b", value: 2 }] });
      time.now += 999;
      expect((await store.read(["a"]))[0]?.value).toBe(1);
      time.now += 1;
      expect((await store.read(["a"]))[0]).toBeUndefined();
      expect((await store.read(["b"]))[0]?.value).toBe(2);
    });

    test("have keys without white space or control characters; other keys are refused and nothing is stored", async () => {
      const { store } = await open();
      for (const key of ["", "a b", "a\n", "a\0", "\ud800"]) {
        await expect(
          store.commit({
            put: [
              { key: "good", value: 1 },
              { key, value: 1 },
            ],
          }),
        ).rejects.toThrow(TypeError);
      }
      expect(await store.read(["good"])).toEqual([undefined]);
    });
  });

  describe("a set", () => {
    test("lists its members in key order, page by page, and only the last page has no next", async () => {
      const { store } = await open();
      const names = ["k:10", "k:2", "k:é", "k:\u{1F600}", "k:\uFFFD", "k:1", "k:A", "k:a", "k:_"];
      await store.commit({ put: names.map((key) => ({ key, value: key, sets: ["s"] })) });
      const inOrder = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const seen: string[] = [];
      const sizes: number[] = [];
      let after: string | undefined;
      do {
        const page = await store.scan<string>("s", after, 3);
        for (const row of page.rows) expect(row.value).toBe(row.key);
        seen.push(...page.rows.map((row) => row.key));
        sizes.push(page.rows.length);
        after = page.next;
      } while (after !== undefined);
      expect(seen).toEqual(inOrder);
      expect(sizes).toEqual([3, 3, 3]);
    });

    test("returns 200 members per page by default", async () => {
      const { store } = await open();
      const put = Array.from({ length: 201 }, (_, i) => ({
        key: `k${String(i).padStart(3, "0")}`,
        value: i,
        sets: ["s"],
      }));
      await store.commit({ put });
      const first = await store.scan("s");
      expect(first.rows).toHaveLength(200);
      const second = await store.scan("s", first.next);
      expect(second.rows.map((row) => row.value)).toEqual([200]);
      expect(second.next).toBeUndefined();
    });

    test("is scanned completely while members are added and removed between the pages", async () => {
      const { store } = await open();
      const put = (key: string) => ({ key, value: 1, sets: ["s"] });
      await store.commit({ put: ["b", "d", "f", "h"].map(put) });
      const first = await store.scan("s", undefined, 2);
      expect(first.rows.map((row) => row.key)).toEqual(["b", "d"]);
      // The last key of the page goes, one comes before it, one after, and a later one goes.
      await store.commit({ put: [{ key: "d", value: undefined }, put("a"), put("e"), { key: "h", value: undefined }] });
      const second = await store.scan("s", first.next, 9);
      expect(second.rows.map((row) => row.key)).toEqual(["e", "f"]);
      expect(second.next).toBeUndefined();
    });

    test("contains a key as its last put says", async () => {
      const { store } = await open();
      await store.commit({
        put: [
          { key: "a", value: 1, sets: ["one", "two", "two"] },
          { key: "b", value: 1, sets: ["two"] },
        ],
      });
      expect([await store.count("one"), await store.count("two")]).toEqual([1, 2]);
      await store.commit({ put: [{ key: "a", value: 1, sets: ["two", "three"] }] });
      expect(await readSetKeys(store, "one")).toEqual([]);
      expect(await readSetKeys(store, "two")).toEqual(["a", "b"]);
      expect(await readSetKeys(store, "three")).toEqual(["a"]);
      await store.commit({ put: [{ key: "a", value: 1 }] });
      expect(await readSetKeys(store, "two")).toEqual(["b"]);
      expect(await store.count("three")).toBe(0);
    });

    test("loses a key that is deleted or has expired, and its count is right at once", async () => {
      const { store, time } = await open();
      await store.commit({
        put: [
          { key: "deleted", value: 1, sets: ["s"] },
          { key: "expiring", value: 1, sets: ["s"], expires: 50 },
          { key: "kept", value: 1, sets: ["s"] },
        ],
      });
      await store.commit({ put: [{ key: "deleted", value: undefined }] });
      expect(await store.count("s")).toBe(2);
      time.now += 50;
      expect(await store.count("s")).toBe(1);
      expect(await readSetKeys(store, "s")).toEqual(["kept"]);
      await store.commit({ put: [{ key: "expiring", value: 1, sets: ["other"] }] });
      expect([await store.count("s"), await store.count("other")]).toEqual([1, 1]);
    });

    test("fills its pages although members between have expired", async () => {
      const { store, time } = await open();
      const put = Array.from({ length: 40 }, (_, i) => ({
        key: `k${String(i).padStart(2, "0")}`,
        value: i,
        sets: ["s"],
        ...omitUndefined({ expires: i % 10 !== 9 ? 10 : undefined }),
      }));
      await store.commit({ put });
      time.now += 10;
      const first = await store.scan("s", undefined, 3);
      expect(first.rows.map((row) => row.value)).toEqual([9, 19, 29]);
      expect(await store.scan("s", first.next, 3)).toEqual({ rows: [expect.objectContaining({ value: 39 })] });
    });
  });
}
