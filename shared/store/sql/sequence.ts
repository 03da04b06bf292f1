import type { Ms } from "../../time.ts";
import { nextSequenceNumber } from "../sequence.ts";
import { getNumberColumn, type SqlDriver } from "./driver.ts";

/** The store's one sequence. Within a transaction it is read and written once, however many numbers are given out. */
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

    /** To be called at the end of a transaction. */
    save() {
      if (last !== saved && last !== undefined) driver.exec("UPDATE counter SET last = ?", last);
      saved = last;
    },

    /** The transaction was undone: what was given out in it was not. */
    forget() {
      last = saved = undefined;
    },
  };
}
