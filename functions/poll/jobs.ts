import type { Tick } from "../../shared/deps.ts";

/** Works every job that is due, each second and on demand; a kick does the same without waiting for it. */
export const jobs: Tick = {
  name: "jobs",
  cron: () => "* * * * * *",
  async run(deps) {
    return { settled: await deps.drain() };
  },
};
