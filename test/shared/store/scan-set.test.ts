import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { readAllRows, scanPages, scanRows } from "../../../shared/store/records.ts";

/** A store with a set of `count` numbers, and the page sizes that were requested. */
async function createNumberedStore(count: number) {
  const stored = createMemoryStore({ clock: Date.now });
  const put = Array.from({ length: count }, (_, n) => ({
    key: `n:${String(n).padStart(5, "0")}`,
    value: n,
    sets: ["n"],
  }));
  await stored.commit({ put });
  const requestedSizes: (number | undefined)[] = [];
  const store = {
    scan<T>(set: string, after?: string, limit?: number) {
      requestedSizes.push(limit);
      return stored.scan<T>(set, after, limit);
    },
  };
  return { store, requestedSizes };
}

test.each([0, 200, 201, 1000])("each of %i rows is read once and in order", async (count) => {
  const { store } = await createNumberedStore(count);
  const wanted = Array.from({ length: count }, (_, n) => n);
  const walked: number[] = [];
  for await (const { value } of scanRows<number>({ store }, "n")) walked.push(value);
  expect(walked).toEqual(wanted);
  expect((await readAllRows<number>({ store }, "n")).map(({ value }) => value)).toEqual(wanted);
});

test("a page is read only when it is needed, and none after the last one needed", async () => {
  const { store, requestedSizes } = await createNumberedStore(1000);
  for await (const { value } of scanRows<number>({ store }, "n")) if (value === 250) break;
  expect(requestedSizes).toEqual([200, 200]);
  for await (const rows of scanPages<number>({ store }, "n", 400)) if (rows.length < 400) break;
  expect(requestedSizes.slice(2)).toEqual([400, 400, 400]);
});
