import { expect, test } from "vitest";
import type { SqlDriver } from "../../../../shared/store/sql/database.ts";
import { createSqlSequence } from "../../../../shared/store/sql/sql-store.ts";

/** A database that holds one number. */
function createNumberDriver(stored: number) {
  const state = { kept: stored, reads: 0, writes: 0 };
  const driver: SqlDriver = {
    exec(sql, ...[value]) {
      if (sql.startsWith("SELECT")) {
        state.reads += 1;
        return [{ last: state.kept }];
      }
      state.kept = Number(value);
      state.writes += 1;
      return [];
    },
    transaction: (run) => run(),
    soon: (run) => run(),
    close() {},
  };
  return { driver, state };
}

test("the store's sequence is read and written once for all numbers of a transaction", () => {
  const { driver, state } = createNumberDriver(7);
  const counter = createSqlSequence(driver, () => 0);
  expect([counter.next(), counter.next(), counter.next()]).toEqual([8, 9, 10]);
  counter.save();
  counter.save();
  expect(state).toEqual({ kept: 10, reads: 1, writes: 1 });
});

test("the store's sequence continues from the stored number after a rollback", () => {
  const { driver, state } = createNumberDriver(7);
  const counter = createSqlSequence(driver, () => 0);
  counter.next();
  counter.forget();
  expect(counter.next()).toBe(8);
  counter.save();
  expect(state.kept).toBe(8);
});

test("the store's sequence is at least the time", () => {
  const counter = createSqlSequence(createNumberDriver(7).driver, () => 1_000);
  expect([counter.next(), counter.next()]).toEqual([1_000, 1_001]);
});
