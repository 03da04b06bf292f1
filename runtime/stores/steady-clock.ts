import { uptime } from "node:os";
import type { Ms } from "../../shared/time.ts";

/** Interval between reads of the uptime: 10 ms, because Linux counts it in steps of 10 ms and each read opens a file. */
const UPTIME_STEP: Ms = 10;

/**
 * Creates a clock that starts at the wall clock's time and then follows the machine's uptime. The uptime includes sleep
 * but no corrections of the wall clock, so setting the clock an hour forward ends no leases. It advances in steps of 10
 * to 20 ms.
 */
export function createSteadyClock(): () => Ms {
  let readAt = performance.now();
  let seconds = uptime();
  const start = Date.now() - seconds * 1000;
  return () => {
    if (performance.now() - readAt >= UPTIME_STEP) {
      readAt = performance.now();
      seconds = uptime();
    }
    return Math.round(start + seconds * 1000);
  };
}
