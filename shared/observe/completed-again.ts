import type { PlaneActivity } from "../plane/activities-links.ts";
import { updateValue } from "../store/update.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { toStatus } from "../task/status.ts";
import { readActivities } from "./activities.ts";
import { findNamedState } from "./name-cache.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { prepareItemUpdate } from "./prepare-item-update.ts";
import { observedKeys } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

interface Completion {
  item: string;
  /** Plane's time of the last observation before. */
  since: string;
  /** The item's new `completed_at`. */
  completed: string;
  correlation: string;
}

/**
 * Creates the `completed` event of an item that was done at two observations, if its activities show that it was
 * reopened and completed again between them. It is created once for each `completed_at`.
 */
export async function checkCompletedAgain(
  deps: ObserveDeps,
  project: KeptProject,
  completion: Completion,
): Promise<void> {
  const { item: id, correlation } = completion;
  const { activities } = await readActivities(deps, { id, project: project.id });
  if (!(await hasReopenedSince(deps, project.id, activities, completion.since))) return;
  await updateValue<KeptItem>(deps, observedKeys.item(id), async (kept, rev) => {
    const isCurrent = kept?.gone === undefined && kept?.snapshot.completedAt === completion.completed;
    if (!kept || !isCurrent || kept.completedAgainAt === completion.completed) return undefined;
    return prepareItemUpdate(deps, {
      before: kept,
      rev,
      next: { ...kept, completedAgainAt: completion.completed },
      events: [{ kind: "completed" }],
      source: { project, correlation, cause: correlation },
      via: "read",
      jobs: [],
    });
  });
}

/** Whether the state was changed to one that is not done, and then changed again. */
async function hasReopenedSince(
  deps: ObserveDeps,
  project: string,
  activities: readonly PlaneActivity[],
  since: string,
): Promise<boolean> {
  const changes = activities.filter(
    ({ field, created_at }) => (field === "state" || field === "state_id") && created_at > since,
  );
  for (const { new_identifier } of changes.slice(0, -1)) {
    const state = new_identifier === null ? undefined : await findNamedState(deps, project, new_identifier);
    if (state && toStatus(state, [], deps.settings.states) !== "done") return true;
  }
  return false;
}
