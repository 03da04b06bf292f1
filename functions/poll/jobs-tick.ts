import type { Tick } from "../../shared/app/deps.ts";

/**
 * Handles all due jobs until none is left: every minute, and on demand for hosts with their own cron. Between ticks,
 * `deps.kick` starts the same work at once. Job leases separate the work of several processes.
 */
export const jobsTick: Tick = {
  name: "jobs",
  cron: () => "* * * * *",
  sideBySide: true,
  async run(deps) {
    return { settled: await deps.drain() };
  },
};
