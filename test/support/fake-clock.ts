import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Ms } from "../../shared/time.ts";

/** libfaketime's library (Debian package faketime), for programs with several threads. */
const [LIBRARY] = globSync("/usr/lib/*/faketime/libfaketimeMT.so.1");

/** Whether libfaketime is installed. Always true in CI, so that tests there fail instead of being skipped. */
export function hasFakeClock(): boolean {
  return Boolean(process.env["CI"]) || LIBRARY !== undefined;
}

/**
 * Creates the environment in which a child process reads a wall clock that tests set. Timers and the uptime are those of
 * the machine, as when a clock is corrected.
 */
export function createFakeClock(folder: string) {
  const file = join(folder, "clock-offset");
  const set = (offset: Ms) => writeFileSync(file, `${offset < 0 ? "" : "+"}${offset / 1_000}\n`);
  set(0);
  return {
    env: {
      LD_PRELOAD: LIBRARY ?? "libfaketimeMT.so.1",
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
    /** Sets the wall clock of all processes with this environment; `offset` is the difference to the machine's clock. */
    set,
  };
}
