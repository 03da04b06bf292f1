import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import type { Commit, Store } from "../../../shared/store/port.ts";
import { readAllRows, scanPages, scanRows, toDescendingKey, updateValue } from "../../../shared/store/records.ts";
import { pickSize } from "../../reliability/random-source.ts";

const KEY = "counter";

const readValue = async (store: Pick<Store, "read">) => (await store.read<number>([KEY]))[0]?.value;

test("a stale commit is computed again from the new value, only the successful attempt has effects, and no change commits nothing", async () => {
  const stored = createMemoryStore({ clock: Date.now });
  const commits: Commit[] = [];
  /** Values that others store between a read and its commit. */
  const others: number[] = [];
  const put = (value: number) => stored.commit({ put: [{ key: KEY, value }] });
  const store: Pick<Store, "read" | "commit"> = {
    read: (keys) => stored.read(keys),
    async commit(commit) {
      commits.push(commit);
      const other = others.shift();
      if (other !== undefined) await put(other);
      return stored.commit(commit);
    },
  };
  const afterCommit = vi.fn();
  await updateValue<number>({ store }, KEY, () => undefined);
  expect(await updateValue<number, string>({ store }, KEY, () => ({ result: "same", afterCommit }))).toBe("same");
  expect(commits).toEqual([]);
  others.push(5);
  const result = await updateValue<number, string>({ store }, KEY, (value) =>
    value === undefined ? { put: [{ key: KEY, value: 1 }], result: "first", afterCommit } : { result: "second" },
  );
  expect([result, commits.length, await readValue(stored)]).toEqual(["second", 1, 5]);
  expect(afterCommit).not.toHaveBeenCalled();
  others.push(10, 100);
  const seen: number[] = [];
  const added = await updateValue<number, number>({ store }, KEY, (value = 0) => {
    seen.push(value);
    return { put: [{ key: KEY, value: value + 1 }], result: value + 1, afterCommit: () => afterCommit(value) };
  });
  expect([seen, added, await readValue(stored)]).toEqual([[5, 10, 100], 101, 101]);
  expect(afterCommit.mock.calls).toEqual([[100]]);
});

test("concurrent updates, in any order of their reads and commits, lose nothing and are each applied once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 5 }),
      fc.scheduler(),
      async (amounts, scheduler) => {
        const stored = createMemoryStore({ clock: Date.now });
        const store: Pick<Store, "read" | "commit"> = {
          read: async <T>(keys: string[]) => {
            const rows = await stored.read<T>(keys);
            await scheduler.schedule(Promise.resolve());
            return rows;
          },
          commit: async (commit) => {
            const outcome = await stored.commit(commit);
            await scheduler.schedule(Promise.resolve());
            return outcome;
          },
        };
        const done: number[] = [];
        const updates = amounts.map((amount) =>
          updateValue<number, number>({ store }, KEY, (value = 0) => ({
            put: [{ key: KEY, value: value + amount }],
            result: value + amount,
            afterCommit: () => void done.push(amount),
          })),
        );
        const results = await scheduler.waitFor(Promise.all(updates));
        const sum = amounts.reduce((total, amount) => total + amount, 0);
        expect(await readValue(stored)).toBe(sum);
        expect(Math.max(...results)).toBe(sum);
        expect(new Set(results).size).toBe(amounts.length);
        expect(done.toSorted()).toEqual(amounts.toSorted());
      },
    ),
    { numRuns: pickSize(200, 40) },
  );
});

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
