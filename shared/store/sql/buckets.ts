import type { Ms } from "../../time.ts";
import type { BucketSpend } from "../port.ts";
import { computeWindowWait } from "../sliding-window.ts";
import { getNumberColumn, type SqlDriver } from "./driver.ts";

export function createSqlBuckets({ driver, clock }: { driver: SqlDriver; clock: () => Ms }) {
  function computeWait({ bucket, n, limit, window }: BucketSpend): Ms {
    const now = clock();
    const [held] = driver.exec("SELECT until FROM held WHERE bucket = ?", bucket);
    moveFutureEntriesToNow(bucket, now);
    const spent = driver
      .exec("SELECT at, n FROM spent WHERE bucket = ? AND at > ? ORDER BY at", bucket, now - window)
      .map((row) => ({ at: getNumberColumn(row, "at"), n: getNumberColumn(row, "n") }));
    return Math.max(
      0,
      held ? getNumberColumn(held, "until") - now : 0,
      computeWindowWait(spent, n, limit, window, now),
    );
  }

  /**
   * After the clock was set back, a future entry counts as spent now; else it would count until the clock has caught
   * up.
   */
  function moveFutureEntriesToNow(bucket: string, now: Ms) {
    driver.exec("UPDATE spent SET at = ?, gone = gone - at + ? WHERE bucket = ? AND at > ?", now, now, bucket, now);
  }

  return {
    spend(spends: BucketSpend[]): Ms {
      const wait = Math.max(...spends.map(computeWait));
      if (wait > 0) return wait;
      const now = clock();
      for (const { bucket, n, window } of spends) {
        if (n > 0)
          driver.exec("INSERT INTO spent (bucket, at, n, gone) VALUES (?, ?, ?, ?)", bucket, now, n, now + window);
      }
      return 0;
    },

    hold(bucket: string, wait: Ms) {
      driver.exec(
        `INSERT INTO held (bucket, until) VALUES (?, ?)
         ON CONFLICT (bucket) DO UPDATE SET until = max(until, excluded.until)`,
        bucket,
        clock() + wait,
      );
    },

    /** Deletes at most `limit` expired rows of each table. */
    sweep(limit: number) {
      const now = clock();
      driver.exec("DELETE FROM spent WHERE rowid IN (SELECT rowid FROM spent WHERE gone <= ? LIMIT ?)", now, limit);
      driver.exec("DELETE FROM held WHERE bucket IN (SELECT bucket FROM held WHERE until <= ? LIMIT ?)", now, limit);
    },
  };
}
