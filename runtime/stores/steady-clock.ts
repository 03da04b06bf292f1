import { uptime } from "node:os";
import type { Ms } from "../../shared/time.ts";

/** Linux counts its uptime in steps of 10 ms, and asking for it costs a file read. */
const UPTIME_STEP: Ms = 10;

/**
 * A clock that starts with the wall clock and then follows the machine's uptime, which counts sleep but not the
 * corrections of the wall clock: a clock set an hour forward ends no lease. It goes in steps of 10 to 20 ms.
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
