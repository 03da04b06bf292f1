import { describe, expect, test } from "vitest";
import type { Json } from "../../../../shared/omit-undefined.ts";
import type { OpenStore } from "../opened-store.ts";

const VALUES: [string, Json][] = [
  ["null", null],
  ["false, which is kept like any value", false],
  ["zero", 0],
  ["an empty string", ""],
  ["a string that looks like a number", "123"],
  ["a string that looks like JSON", '{"a":[]}'],
  ["an empty array", []],
  ["an empty object", {}],
  ["empty ones inside others", { a: [], b: {}, c: [[], {}], d: { e: [] } }],
  ["a __proto__ key", JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}')],
  ["great and small numbers", [1e21, -1e21, 5e-324, 1.7976931348623157e308, 9007199254740991, 0.1, -0.5, 1e-7]],
  ["text of many scripts", "é ñ 漢字 עברית \u202Eabc \u{1F468}\u200D\u{1F469} \u0000 \u001b[31m \u2028 \ufeff"],
  ["lone surrogates", ["\ud800", "a\udc00b", "\udfff\ud800"]],
  ["quotes, backslashes, line ends", "\"'\\\r\n\t`$(id);--"],
  ["deep nesting", Array.from({ length: 500 }).reduce<Json>((inner) => [inner], 1)],
  ["numeric keys", { "2": "b", "1": "a", "": "empty" }],
  ["one megabyte", "x".repeat(1_000_000)],
];

export function defineJsonContract(open: OpenStore) {
  describe("JSON", () => {
    test("is returned exactly as it was stored: as a value, as a job's body and as a dead job's body", async () => {
      const { store } = await open();
      for (const [id, [name, value]] of VALUES.map((row, i) => [`${i}`, row] as const)) {
        const text = JSON.stringify(value);
        const expectStored = (stored: unknown) => expect(JSON.stringify(stored), name).toBe(text);
        await store.commit({
          put: [{ key: id, value, sets: [`set:${id}`] }],
          jobs: [{ id, queue: "inbox", lane: id, body: value }],
        });
        expectStored((await store.read([id]))[0]?.value);
        expectStored((await store.scan(`set:${id}`)).rows[0]?.value);
        const [job] = await store.take("inbox", 1000, 1);
        expectStored(job?.body);
        if (job) await store.acknowledge(job, { dead: "poison" });
        expectStored((await store.listDeadJobs("inbox")).find((dead) => dead.id === id)?.body);
      }
      expect({}).not.toHaveProperty("polluted");
    });

    test("is required for the whole commit: functions, BigInts and circular values are refused", async () => {
      const { store } = await open();
      const circle: unknown[] = [];
      circle.push(circle);
      for (const value of [() => 1, 10n, circle, Symbol("s")]) {
        await expect(
          store.commit({
            put: [
              { key: "a", value: 1 },
              { key: "b", value },
            ],
          }),
        ).rejects.toThrow(TypeError);
      }
      expect(await store.read(["a", "b"])).toEqual([undefined, undefined]);
    });

    test("is created as JSON.stringify does: NaN becomes null, -0 becomes 0, undefined is omitted", async () => {
      const { store } = await open();
      await store.commit({
        put: [{ key: "a", value: { nan: Number.NaN, zero: -0, none: undefined, date: new Date(0) } }],
      });
      expect((await store.read(["a"]))[0]?.value).toStrictEqual({
        nan: null,
        zero: 0,
        date: "1970-01-01T00:00:00.000Z",
      });
    });
  });
}
