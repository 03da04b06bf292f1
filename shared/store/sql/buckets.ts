/**
 * The rate limits of the SQL engine: what was consumed from a bucket in its window, and pauses. The scripts of Redis
 * (runtime/stores/redis/redis-store.lua) calculate the same.
 */

import { type Ms, SECOND } from "../../time.ts";
import type { BucketPause, Consumption } from "../port.ts";
import { type SqlParts, UNUSED_PROBE_RETENTION } from "./database.ts";

/**
 * A pause, and what follows its end. `none`: everything is granted again. `needed`: only one probe is granted. `sent`:
 * a probe was granted, and the pause lasts until its result is known or its lease has expired.
 */
interface Pause {
  until: Ms;
  probe: "none" | "needed" | "sent";
}

const NO_PAUSE: Pause = { until: 0, probe: "none" };

/** Interval between checks while a probe is needed or its result is not known: 1 s, so that its success counts soon. */
const PROBE_CHECK_MS: Ms = SECOND;

export function createSqlBuckets({ exec, clock }: Pick<SqlParts, "exec" | "clock">) {
  function readPause(bucket: string): Pause {
    const [pause = NO_PAUSE] = exec<Pause>("SELECT until, probe FROM pause WHERE bucket = ?", bucket);
    return isForgotten(pause, clock()) ? NO_PAUSE : pause;
  }

  function writePause(bucket: string, { until, probe }: Pause) {
    exec("INSERT OR REPLACE INTO pause (bucket, until, probe) VALUES (?, ?, ?)", bucket, until, probe);
  }

  function addConsumed({ bucket, n, window }: Consumption, now: Ms) {
    exec("INSERT INTO consumed (bucket, at, n, expires) VALUES (?, ?, ?, ?)", bucket, now, n, now + window);
  }

  /** Reads what was consumed in a window, oldest first. */
  function readConsumed(bucket: string, window: Ms): { at: Ms; n: number }[] {
    return exec("SELECT at, n FROM consumed WHERE bucket = ? AND at > ? ORDER BY at", bucket, clock() - window);
  }

  function computeWait(consumption: Consumption): Ms {
    moveFutureEntriesToNow(consumption.bucket);
    return Math.max(computePauseWait(readPause(consumption.bucket), clock()), computeWindowWait(consumption));
  }

  /**
   * After the clock was set back, a future entry counts as consumed now; else it would count until the clock has caught
   * up.
   */
  function moveFutureEntriesToNow(bucket: string) {
    const now = clock();
    const sql = "UPDATE consumed SET at = ?, expires = expires - at + ? WHERE bucket = ? AND at > ?";
    exec(sql, now, now, bucket, now);
  }

  /** The milliseconds until `n` fit under the limit; a whole window when they exceed it. */
  function computeWindowWait({ bucket, n, limit, window }: Consumption): Ms {
    const consumed = readConsumed(bucket, window);
    let over = n + sum(consumed) - limit;
    if (over <= 0) return 0;
    for (const entry of consumed) {
      over -= entry.n;
      if (over <= 0) return entry.at + window - clock();
    }
    return window;
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
      const { until, probe } = readPause(bucket);
      writePause(bucket, {
        // The later end counts, except that a probe's lease ends with the pause that answered it.
        until: Math.max(probe === "sent" ? 0 : until, clock() + wait),
        probe: needsProbe || probe !== "none" ? "needed" : "none",
      });
    },

    limitPause(bucket: string, max: Ms): boolean {
      const until = clock() + max;
      if (readPause(bucket).until <= until) return false;
      writePause(bucket, { until, probe: "needed" });
      return true;
    },

    takeProbe(consumption: Consumption, lease: Ms): boolean {
      const now = clock();
      const pause = readPause(consumption.bucket);
      if (pause.probe === "none" || pause.until > now) return false;
      writePause(consumption.bucket, { until: now + lease, probe: "sent" });
      addConsumed(consumption, now);
      return true;
    },

    endProbe(bucket: string) {
      exec("DELETE FROM pause WHERE bucket = ? AND probe = 'sent'", bucket);
    },

    countConsumed: (bucket: string, window: Ms): number => sum(readConsumed(bucket, window)),

    listPauses: (): BucketPause[] =>
      exec<Pause & { bucket: string }>("SELECT bucket, until, probe FROM pause ORDER BY bucket")
        .filter((pause) => !isForgotten(pause, clock()))
        .map(({ bucket, until, probe }) => ({ bucket, until, needsProbe: probe !== "none" })),
  };
}

function sum(consumed: readonly { n: number }[]): number {
  return consumed.reduce((total, { n }) => total + n, 0);
}

/** The milliseconds that a request which is no probe has to wait for the pause; 0: the pause is over. */
function computePauseWait({ until, probe }: Pause, now: Ms): Ms {
  const left = Math.max(0, until - now);
  if (probe === "none" || (probe === "needed" && left > 0)) return left;
  return left > 0 ? Math.min(left, PROBE_CHECK_MS) : PROBE_CHECK_MS;
}

/** Whether the pause has no effect any longer, so that it counts as deleted. */
function isForgotten({ until, probe }: Pause, now: Ms): boolean {
  return until + (probe === "none" ? 0 : UNUSED_PROBE_RETENTION) <= now;
}
