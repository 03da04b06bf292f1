import type { Tick } from "../../shared/app/deps.ts";

/**
 * Works every job that is due until none is left: each minute, and on demand for hosts with a cron of their own.
 * In between kicks do the same without waiting for it. The queues' leases keep several processes apart.
 */
export const jobsTick: Tick = {
  name: "jobs",
  cron: () => "* * * * *",
  sideBySide: true,
  async run(deps) {
    return { settled: await deps.drain() };
  },
};
