import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { readAllRows, scanPages, scanRows, toDescendingKey } from "../../../shared/store/records.ts";

test("each row of a set is read once and in order, a page only when it is needed, and the entries of a log newest first", async () => {
  const stored = createMemoryStore({ clock: Date.now });
  const sizes: (number | undefined)[] = [];
  const store = {
    scan<T>(set: string, after?: string, limit?: number) {
      sizes.push(limit);
      return stored.scan<T>(set, after, limit);
    },
  };
  for (const count of [0, 200, 201, 1000]) {
    const wanted = Array.from({ length: count }, (_, n) => n);
    const put = wanted.map((n) => ({ key: `n:${String(n).padStart(5, "0")}`, value: n, sets: [`n${count}`] }));
    await stored.commit({ put });
    const walked: number[] = [];
    for await (const { value } of scanRows<number>({ store }, `n${count}`)) walked.push(value);
    expect(walked).toEqual(wanted);
    expect((await readAllRows<number>({ store }, `n${count}`)).map(({ value }) => value)).toEqual(wanted);
  }
  sizes.length = 0;
  for await (const { value } of scanRows<number>({ store }, "n1000")) if (value === 250) break;
  for await (const rows of scanPages<number>({ store }, "n1000", 400)) if (rows.length < 400) break;
  expect(sizes).toEqual([200, 200, 400, 400, 400]);
  const log = [2, 10, 1].map((at) => ({ key: `log:${toDescendingKey(at)}`, value: at, sets: ["log"] }));
  await stored.commit({ put: log });
  expect((await readAllRows<number>({ store: stored }, "log")).map(({ value }) => value)).toEqual([10, 2, 1]);
});
