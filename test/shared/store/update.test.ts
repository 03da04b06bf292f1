import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import type { Commit, Store } from "../../../shared/store/port.ts";
import { updateValue } from "../../../shared/store/records.ts";

const KEY = "counter";

/** A memory store, its commits, and a hook for concurrent changes between a read and its commit. */
function createObservedStore() {
  const stored = createMemoryStore({ clock: Date.now });
  const commits: Commit[] = [];
  const others: (() => Promise<unknown>)[] = [];
  const store: Pick<Store, "read" | "commit"> = {
    read: (keys) => stored.read(keys),
    async commit(commit) {
      commits.push(commit);
      await others.shift()?.();
      return stored.commit(commit);
    },
  };
  const put = (key: string, value: unknown) => stored.commit({ put: [{ key, value }] });
  return { kept: stored, store, commits, others, put };
}

async function readValue(store: Pick<Store, "read">, key = KEY) {
  const [row] = await store.read<number>([key]);
  return row?.value;
}

test("a stale commit is computed again from the new value, and only the successful attempt has effects", async () => {
  const { kept: stored, store, others, put } = createObservedStore();
  await put(KEY, 1);
  others.push(
    () => put(KEY, 10),
    () => put(KEY, 100),
  );
  const seen: unknown[] = [];
  const committed: number[] = [];
  const result = await updateValue<number, number>({ store }, KEY, (value = 0) => {
    seen.push(value);
    return { put: [{ key: KEY, value: value + 1 }], result: value + 1, afterCommit: () => void committed.push(value) };
  });
  expect({ seen, committed, result }).toEqual({ seen: [1, 10, 100], committed: [100], result: 101 });
  expect(await readValue(stored)).toBe(101);
});

test("no change commits nothing, with or without a result, also at the second attempt", async () => {
  const { kept: stored, store, commits, others, put } = createObservedStore();
  const afterCommit = vi.fn();
  await updateValue<number>({ store }, KEY, () => undefined);
  expect(await updateValue<number, string>({ store }, KEY, () => ({ result: "same", afterCommit }))).toBe("same");
  expect(commits).toEqual([]);
  others.push(() => put(KEY, 5));
  const result = await updateValue<number, string>({ store }, KEY, (value) =>
    value === undefined ? { put: [{ key: KEY, value: 1 }], result: "first", afterCommit } : { result: "second" },
  );
  expect({ result, commits: commits.length, value: await readValue(stored) }).toEqual({
    result: "second",
    commits: 1,
    value: 5,
  });
  expect(afterCommit).not.toHaveBeenCalled();
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
    { numRuns: 200 },
  );
});
