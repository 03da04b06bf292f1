import { type Ms, SECOND } from "../../time.ts";
import { getNumberColumn, type SqlDriver } from "./driver.ts";

/** Smaller differences remain: the clock advances in steps, and a second delays nothing noticeably. */
const MIN_SHIFT: Ms = SECOND;

/** Columns with store times that are compared with the current time. A released lease has the time 0. */
const TIME_COLUMNS = [
  ["kept", "expires"],
  ["member", "expires"],
  ["lease", "until"],
  ["lease", "forget"],
  ["job", "at"],
  ["lane", "due"],
  ["done", "forget"],
  ["spent", "at"],
  ["spent", "gone"],
  ["held", "until"],
] as const;

/**
 * Moves the stored times back when the clock is behind the time of the last change, as when the machine's clock was set
 * back while the store was closed. Otherwise jobs would wait, and leases and expiring values last, until the clock has
 * caught up. Returns the number of milliseconds; 0 when the clock is not behind.
 */
export function shiftTimesAfterClockSetBack(driver: SqlDriver, clock: () => Ms): Ms {
  const [row = {}] = driver.exec("SELECT at FROM counter");
  const now = clock();
  const shift = getNumberColumn(row, "at") - now;
  if (shift < MIN_SHIFT) return 0;
  for (const [table, column] of TIME_COLUMNS)
    driver.exec(`UPDATE ${table} SET ${column} = ${column} - ? WHERE ${column} > 0`, shift);
  driver.exec("UPDATE counter SET at = ?", now);
  return shift;
}
