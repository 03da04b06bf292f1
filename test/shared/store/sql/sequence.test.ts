import { expect, test } from "vitest";
import type { SqlParts } from "../../../../shared/store/sql/database.ts";
import { createSqlSequence } from "../../../../shared/store/sql/sql-store.ts";

/** A database that holds one number. */
function createNumberDatabase(stored: number, now = 0) {
  const state = { kept: stored, reads: 0, writes: 0 };
  const exec = (sql: string, ...[value]: unknown[]) => {
    const isRead = sql.startsWith("SELECT");
    state[isRead ? "reads" : "writes"] += 1;
    if (!isRead) state.kept = Number(value);
    return isRead ? [{ last: state.kept }] : [];
  };
  return { counter: createSqlSequence({ exec: exec as SqlParts["exec"], clock: () => now }), state };
}

test("the store's sequence is read and written once for all numbers of a transaction", () => {
  const { counter, state } = createNumberDatabase(7);
  expect([counter.next(), counter.next(), counter.next()]).toEqual([8, 9, 10]);
  counter.save();
  counter.save();
  expect(state).toEqual({ kept: 10, reads: 1, writes: 1 });
});

test("the store's sequence continues from the stored number after a rollback", () => {
  const { counter, state } = createNumberDatabase(7);
  counter.next();
  counter.forget();
  expect(counter.next()).toBe(8);
  counter.save();
  expect(state.kept).toBe(8);
});

test("the store's sequence is at least the time", () => {
  const { counter } = createNumberDatabase(7, 1_000);
  expect([counter.next(), counter.next()]).toEqual([1_000, 1_001]);
});
