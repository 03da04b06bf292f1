/** The rate limits of the SQL engine. */

import { z } from "zod";
import type { Ms } from "../../time.ts";
import type { BucketPause, Consumption } from "../port.ts";
import {
  type ConsumedEntry,
  computePauseWait,
  computeWindowWait,
  isPauseForgotten,
  mergePauses,
  type PauseState,
  sumConsumed,
  UNUSED_PROBE_RETENTION_MS,
} from "../rate-limits.ts";
import { getNumberColumn, getTextColumn, type SqlDriver } from "./database.ts";

const pauseSchema = z.object({ until: z.number(), probe: z.enum(["none", "needed", "sent"]) });

export function createSqlBuckets({ driver, clock }: { driver: SqlDriver; clock: () => Ms }) {
  function readPause(bucket: string): PauseState | undefined {
    const [row] = driver.exec("SELECT until, probe FROM pause WHERE bucket = ?", bucket);
    const pause = row && pauseSchema.parse(row);
    return pause && !isPauseForgotten(pause, clock()) ? pause : undefined;
  }

  function writePause(bucket: string, { until, probe }: PauseState) {
    driver.exec("INSERT OR REPLACE INTO pause (bucket, until, probe) VALUES (?, ?, ?)", bucket, until, probe);
  }

  function addConsumed({ bucket, n, window }: Consumption, now: Ms) {
    driver.exec("INSERT INTO consumed (bucket, at, n, expires) VALUES (?, ?, ?, ?)", bucket, now, n, now + window);
  }

  /** Reads what was consumed after a time, oldest first. */
  function readConsumed(bucket: string, after: Ms): ConsumedEntry[] {
    return driver
      .exec("SELECT at, n FROM consumed WHERE bucket = ? AND at > ? ORDER BY at", bucket, after)
      .map((row) => ({ at: getNumberColumn(row, "at"), n: getNumberColumn(row, "n") }));
  }

  function computeWait({ bucket, n, limit, window }: Consumption): Ms {
    const now = clock();
    const pause = readPause(bucket);
    moveFutureEntriesToNow(bucket, now);
    const consumed = readConsumed(bucket, now - window);
    return Math.max(pause ? computePauseWait(pause, now) : 0, computeWindowWait(consumed, n, limit, window, now));
  }

  /**
   * After the clock was set back, a future entry counts as consumed now; else it would count until the clock has caught
   * up.
   */
  function moveFutureEntriesToNow(bucket: string, now: Ms) {
    driver.exec(
      "UPDATE consumed SET at = ?, expires = expires - at + ? WHERE bucket = ? AND at > ?",
      now,
      now,
      bucket,
      now,
    );
  }

  return {
    consume(consumptions: Consumption[]): Ms {
      const wait = Math.max(...consumptions.map(computeWait));
      if (wait > 0) return wait;
      const now = clock();
      for (const consumption of consumptions) if (consumption.n > 0) addConsumed(consumption, now);
      return 0;
    },

    pause(bucket: string, wait: Ms, needsProbe: boolean) {
      writePause(bucket, mergePauses(readPause(bucket), wait, needsProbe, clock()));
    },

    limitPause(bucket: string, max: Ms): boolean {
      const pause = readPause(bucket);
      const until = clock() + max;
      if (!pause || pause.until <= until) return false;
      writePause(bucket, { until, probe: "needed" });
      return true;
    },

    takeProbe(consumption: Consumption, lease: Ms): boolean {
      const now = clock();
      const pause = readPause(consumption.bucket);
      if (!pause || pause.probe === "none" || pause.until > now) return false;
      writePause(consumption.bucket, { until: now + lease, probe: "sent" });
      addConsumed(consumption, now);
      return true;
    },

    endProbe(bucket: string) {
      driver.exec("DELETE FROM pause WHERE bucket = ? AND probe = 'sent'", bucket);
    },

    countConsumed: (bucket: string, window: Ms): number => sumConsumed(readConsumed(bucket, clock() - window)),

    listPauses(): BucketPause[] {
      return driver
        .exec("SELECT bucket, until, probe FROM pause ORDER BY bucket")
        .map((row) => ({ bucket: getTextColumn(row, "bucket"), pause: pauseSchema.parse(row) }))
        .filter(({ pause }) => !isPauseForgotten(pause, clock()))
        .map(({ bucket, pause }) => ({ bucket, until: pause.until, needsProbe: pause.probe !== "none" }));
    },

    /** Deletes at most `limit` expired rows of each table. */
    sweep(limit: number) {
      const now = clock();
      driver.exec(
        "DELETE FROM consumed WHERE rowid IN (SELECT rowid FROM consumed WHERE expires <= ? LIMIT ?)",
        now,
        limit,
      );
      driver.exec(
        `DELETE FROM pause WHERE bucket IN
           (SELECT bucket FROM pause WHERE until <= ? AND (probe = 'none' OR until <= ?) LIMIT ?)`,
        now,
        now - UNUSED_PROBE_RETENTION_MS,
        limit,
      );
    },
  };
}
