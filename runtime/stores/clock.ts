import { uptime } from "node:os";
import type { Ms } from "../../shared/store/port.ts";

/**
 * A clock that starts with the wall clock and then follows the machine's uptime (steps of 10 ms), which counts
 * sleep but not the corrections of the wall clock: a clock set an hour forward ends no lease.
 */
export function steadyClock(): () => Ms {
  const start = Date.now() - uptime() * 1000;
  return () => Math.round(start + uptime() * 1000);
}
