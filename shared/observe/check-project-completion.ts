import { updateValue } from "../store/update.ts";
import type { ProjectEvent } from "../task/events.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { prepareProjectUpdate } from "./prepare-project-update.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/**
 * Creates `project_completed` when a project's last open item is done or cancelled, and again after new items were
 * added and closed. Counts the stored items; sends no request to Plane.
 */
export async function checkProjectCompletion(deps: ObserveDeps, id: string, correlation: string): Promise<void> {
  await updateValue<KeptProject>(deps, observedKeys.project(id), async (kept, rev) => {
    if (!kept?.baseline) return undefined;
    const [open, total] = await Promise.all([
      deps.store.count(observedSets.open(id)),
      deps.store.count(observedSets.items(id)),
    ]);
    const completed = open === 0 && total > 0;
    if (completed === kept.completed) return undefined;
    const events: ProjectEvent[] = completed ? [{ kind: "project_completed" }] : [];
    return prepareProjectUpdate(deps, { ...kept, completed }, rev, events, correlation);
  });
}
