import { z } from "zod";
import type { Ms } from "../../time.ts";
import type { BucketHold, BucketSpend } from "../bucket-operations.ts";
import { computeHoldWait, type HoldState, isHoldForgotten, mergeHolds, UNUSED_PROBE_RETENTION_MS } from "../hold.ts";
import { computeWindowWait, type SpentEntry, sumSpent } from "../sliding-window.ts";
import { getNumberColumn, getTextColumn, type SqlDriver } from "./driver.ts";

const holdSchema = z.object({ until: z.number(), probe: z.enum(["none", "needed", "sent"]) });

export function createSqlBuckets({ driver, clock }: { driver: SqlDriver; clock: () => Ms }) {
  function readHold(bucket: string): HoldState | undefined {
    const [row] = driver.exec("SELECT until, probe FROM held WHERE bucket = ?", bucket);
    const hold = row && holdSchema.parse(row);
    return hold && !isHoldForgotten(hold, clock()) ? hold : undefined;
  }

  function writeHold(bucket: string, { until, probe }: HoldState) {
    driver.exec("INSERT OR REPLACE INTO held (bucket, until, probe) VALUES (?, ?, ?)", bucket, until, probe);
  }

  function addSpent({ bucket, n, window }: BucketSpend, now: Ms) {
    driver.exec("INSERT INTO spent (bucket, at, n, gone) VALUES (?, ?, ?, ?)", bucket, now, n, now + window);
  }

  /** Reads what was spent after a time, oldest first. */
  function readSpent(bucket: string, after: Ms): SpentEntry[] {
    return driver
      .exec("SELECT at, n FROM spent WHERE bucket = ? AND at > ? ORDER BY at", bucket, after)
      .map((row) => ({ at: getNumberColumn(row, "at"), n: getNumberColumn(row, "n") }));
  }

  function computeWait({ bucket, n, limit, window }: BucketSpend): Ms {
    const now = clock();
    const hold = readHold(bucket);
    moveFutureEntriesToNow(bucket, now);
    const spent = readSpent(bucket, now - window);
    return Math.max(hold ? computeHoldWait(hold, now) : 0, computeWindowWait(spent, n, limit, window, now));
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
      for (const spend of spends) if (spend.n > 0) addSpent(spend, now);
      return 0;
    },

    hold(bucket: string, wait: Ms, needsProbe: boolean) {
      writeHold(bucket, mergeHolds(readHold(bucket), wait, needsProbe, clock()));
    },

    limitHold(bucket: string, max: Ms): boolean {
      const hold = readHold(bucket);
      const until = clock() + max;
      if (!hold || hold.until <= until) return false;
      writeHold(bucket, { until, probe: "needed" });
      return true;
    },

    takeProbe(spend: BucketSpend, lease: Ms): boolean {
      const now = clock();
      const hold = readHold(spend.bucket);
      if (!hold || hold.probe === "none" || hold.until > now) return false;
      writeHold(spend.bucket, { until: now + lease, probe: "sent" });
      addSpent(spend, now);
      return true;
    },

    endProbe(bucket: string) {
      driver.exec("DELETE FROM held WHERE bucket = ? AND probe = 'sent'", bucket);
    },

    countSpent: (bucket: string, window: Ms): number => sumSpent(readSpent(bucket, clock() - window)),

    listHolds(): BucketHold[] {
      return driver
        .exec("SELECT bucket, until, probe FROM held ORDER BY bucket")
        .map((row) => ({ bucket: getTextColumn(row, "bucket"), hold: holdSchema.parse(row) }))
        .filter(({ hold }) => !isHoldForgotten(hold, clock()))
        .map(({ bucket, hold }) => ({ bucket, until: hold.until, needsProbe: hold.probe !== "none" }));
    },

    /** Deletes at most `limit` expired rows of each table. */
    sweep(limit: number) {
      const now = clock();
      driver.exec("DELETE FROM spent WHERE rowid IN (SELECT rowid FROM spent WHERE gone <= ? LIMIT ?)", now, limit);
      driver.exec(
        `DELETE FROM held WHERE bucket IN
           (SELECT bucket FROM held WHERE until <= ? AND (probe = 'none' OR until <= ?) LIMIT ?)`,
        now,
        now - UNUSED_PROBE_RETENTION_MS,
        limit,
      );
    },
  };
}
