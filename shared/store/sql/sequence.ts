import type { Ms } from "../../time.ts";
import { nextSequenceNumber } from "../sequence.ts";
import { getNumberColumn, type SqlDriver } from "./driver.ts";

/** The store's sequence of numbers. A transaction reads and writes it once, however many numbers it uses. */
export function createSqlSequence(driver: SqlDriver, clock: () => Ms) {
  let last: number | undefined;
  let saved: number | undefined;

  return {
    next(): number {
      if (last === undefined) {
        const [row = {}] = driver.exec("SELECT last FROM counter");
        last = saved = getNumberColumn(row, "last");
      }
      last = nextSequenceNumber(last, clock());
      return last;
    },

    /** Writes the last used number and the time; called at the end of a transaction. */
    save() {
      if (last !== saved && last !== undefined) driver.exec("UPDATE counter SET last = ?, at = ?", last, clock());
      saved = last;
    },

    /** Discards the cached number after a rollback, so that it is read from the table again. */
    forget() {
      last = saved = undefined;
    },
  };
}
