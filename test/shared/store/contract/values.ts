import { describe, expect, test } from "vitest";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import type { Store } from "../../../../shared/store/port.ts";
import type { OpenStore } from "../opened-store.ts";

const readSetKeys = async (store: Store, set: string) => (await store.scan(set)).rows.map((row) => row.key);
const readRev = async (store: Store, key = "a") => (await store.read([key]))[0]?.rev ?? 0;
const toKey = (i: number) => `k${String(i).padStart(3, "0")}`;

export function defineValueContract(open: OpenStore) {
  describe("stored values", () => {
    test("are read as copies in the requested order, with undefined where nothing is stored", async () => {
      const { store } = await open();
      const value = { list: [1] };
      const put = ["a", "b"].map((key) => ({ key, value: key === "a" ? value : { n: 2 } }));
      const stored = store.commit({ put });
      value.list.push(2);
      await stored;
      const [b, none, a, again] = await store.read<typeof value>(["b", "none", "a", "b"]);
      expect(b).toEqual({ value: { n: 2 }, rev: expect.any(Number) });
      expect([none, again]).toEqual([undefined, b]);
      a?.value.list.push(3);
      expect((await store.read(["a"]))[0]?.value).toEqual({ list: [1] });
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
      const read = await store.read(["b", "c", "f", "z"]);
      expect(read).toMatchObject([{ value: "b" }, undefined, undefined, { value: 1 }]);
      expect([await store.count("only-f"), await store.trim("none", 0, 5)]).toEqual([0, 0]);
    });

    test("get a greater revision with every commit, and never an earlier one: not after a delete, an expiry or a clock set back", async () => {
      const { store, time } = await open();
      const revs: number[] = [];
      for (const end of ["none", "delete", "expire", "clock"] as const) {
        await store.commit({ put: [{ key: "a", value: 1, expires: 100 }] });
        revs.push(await readRev(store));
        if (end === "delete") await store.commit({ put: [{ key: "a", value: undefined }] });
        if (end === "expire") time.now += 100;
        if (end === "clock") time.now -= 3_600_000;
        await store.commit({ put: [{ key: "a", value: 1 }] });
        revs.push(await readRev(store));
      }
      expect(revs).toEqual([...new Set(revs)].sort((a, b) => a - b));
      expect(revs[0]).toBeGreaterThan(0);
    });

    test("are deleted when they expire, not earlier, and a later put without an expiry keeps them", async () => {
      const { store, time } = await open();
      await store.commit({ put: ["a", "b"].map((key) => ({ key, value: 1, expires: 1000 })) });
      await store.commit({ put: [{ key: "b", value: 2 }] });
      time.now += 999;
      expect((await store.read(["a"]))[0]?.value).toBe(1);
      time.now += 1;
      expect(await store.read(["a", "b"])).toMatchObject([undefined, { value: 2 }]);
    });

    test("have keys without white space or control characters; other keys are refused and nothing is stored", async () => {
      const { store } = await open();
      for (const key of ["", "a b", "a\n", "a\0", "\ud800"]) {
        const put = ["good", key].map((one) => ({ key: one, value: 1 }));
        await expect(store.commit({ put })).rejects.toThrow(TypeError);
      }
      expect(await store.read(["good"])).toEqual([undefined]);
    });
  });

  describe("a set", () => {
    test("lists its members in key order, page by page, 200 by default, and only the last page has no next", async () => {
      const { store } = await open();
      const names = ["k:10", "k:2", "k:é", "k:\u{1F600}", "k:\uFFFD", "k:1", "k:A", "k:a", "k:_"];
      await store.commit({ put: names.map((key) => ({ key, value: key, sets: ["s"] })) });
      const pages: string[][] = [];
      let after: string | undefined;
      do {
        const page = await store.scan<string>("s", after, 3);
        for (const row of page.rows) expect(row.value).toBe(row.key);
        pages.push(page.rows.map((row) => row.key));
        after = page.next;
      } while (after !== undefined);
      const inOrder = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(pages).toEqual([inOrder.slice(0, 3), inOrder.slice(3, 6), inOrder.slice(6)]);
      await store.commit({ put: Array.from({ length: 201 }, (_, i) => ({ key: toKey(i), value: i, sets: ["many"] })) });
      const first = await store.scan("many");
      expect(first.rows).toHaveLength(200);
      expect(await store.scan("many", first.next)).toEqual({ rows: [expect.objectContaining({ value: 200 })] });
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
      expect([second.rows.map((row) => row.key), second.next]).toEqual([["e", "f"], undefined]);
    });

    test("contains a key as its last put says", async () => {
      const { store } = await open();
      const readAll = () => Promise.all(["one", "two", "three"].map((set) => readSetKeys(store, set)));
      const put = [
        { key: "a", value: 1, sets: ["one", "two", "two"] },
        { key: "b", value: 1, sets: ["two"] },
      ];
      await store.commit({ put });
      expect([await store.count("one"), await store.count("two")]).toEqual([1, 2]);
      await store.commit({ put: [{ key: "a", value: 1, sets: ["two", "three"] }] });
      expect(await readAll()).toEqual([[], ["a", "b"], ["a"]]);
      await store.commit({ put: [{ key: "a", value: 1 }] });
      expect(await readAll()).toEqual([[], ["b"], []]);
    });

    test("loses a key that is deleted or has expired, its count is right at once, and its pages are full", async () => {
      const { store, time } = await open();
      const expires = (i: number) => omitUndefined({ expires: i % 10 !== 9 ? 10 : undefined });
      await store.commit({
        put: Array.from({ length: 40 }, (_, i) => ({ key: toKey(i), value: i, sets: ["s"], ...expires(i) })),
      });
      await store.commit({ put: [{ key: toKey(0), value: undefined }] });
      expect(await store.count("s")).toBe(39);
      time.now += 10;
      expect(await store.count("s")).toBe(4);
      const first = await store.scan("s", undefined, 3);
      expect(first.rows.map((row) => row.value)).toEqual([9, 19, 29]);
      expect(await store.scan("s", first.next, 3)).toEqual({ rows: [expect.objectContaining({ value: 39 })] });
      await store.commit({ put: [{ key: toKey(1), value: 1, sets: ["other"] }] });
      expect([await store.count("s"), await store.count("other")]).toEqual([4, 1]);
    });
  });
}
