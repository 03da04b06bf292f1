import type { Tick } from "../../shared/app/deps.ts";
import { readCycles } from "../../shared/observe/cycles.ts";
import { isReadableProject } from "../../shared/observe/project-record.ts";
import { readProjects } from "../../shared/observe/read-projects.ts";

/** Reads the cycles of every project once an hour: Plane sends no webhook when a cycle starts or ends by its dates. */
export const cyclesTick: Tick = {
  name: "cycles",
  cron: () => "7 * * * *",
  async run(deps) {
    const correlation = `cycles-${deps.newId()}`;
    const { projects } = await readProjects(deps, correlation);
    const watched = projects.filter((project) => isReadableProject(project) && project.cycles && project.began !== "");
    for (const project of watched) await readCycles(deps, project, correlation);
    deps.kick();
    return { projects: watched.length };
  },
};
