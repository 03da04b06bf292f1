import type { ValueUpdate } from "../store/update.ts";
import type { ProjectEvent } from "../task/events.ts";
import { decideActions } from "./decide-actions.ts";
import { toProjectFacts } from "./event-facts.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { toProjectPut } from "./project-record.ts";
import { readProjectTotals } from "./project-totals.ts";
import { observedKeys } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/** Prepares one commit of a project's next state and the jobs for its events. */
export async function prepareProjectUpdate(
  deps: ObserveDeps,
  project: KeptProject,
  rev: number,
  events: ProjectEvent[],
  correlation: string,
): Promise<ValueUpdate> {
  const key = observedKeys.project(project.id);
  const decision = await decideActions(deps, {
    key,
    rev,
    events,
    correlation,
    via: "read",
    facts: async ({ kind }) => ({
      ...toProjectFacts(deps, project, project.createdAt),
      ...(kind === "project_completed" ? { totals: await readProjectTotals(deps, project.id) } : {}),
    }),
  });
  const put = [toProjectPut(project), ...decision.put];
  return { put, jobs: decision.jobs, afterCommit: decision.publish };
}
