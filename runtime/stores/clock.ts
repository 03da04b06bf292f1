import { uptime } from "node:os";
import type { Ms } from "../../shared/store/port.ts";

/** Linux counts its uptime in steps of 10 ms, and asking for it costs a file read. */
const STEP: Ms = 10;

/**
 * A clock that starts with the wall clock and then follows the machine's uptime, which counts sleep but not the
 * corrections of the wall clock: a clock set an hour forward ends no lease. It goes in steps of 10 to 20 ms.
 */
export function steadyClock(): () => Ms {
  let asked = performance.now();
  let seconds = uptime();
  const start = Date.now() - seconds * 1000;
  return () => {
    if (performance.now() - asked >= STEP) {
      asked = performance.now();
      seconds = uptime();
    }
    return Math.round(start + seconds * 1000);
  };
}
