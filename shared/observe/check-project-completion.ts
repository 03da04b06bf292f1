import { updateValue, type ValueUpdate } from "../store/update.ts";
import type { ProjectEvent } from "../task/events.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { prepareProjectUpdate } from "./prepare-project-update.ts";
import { toProjectPut } from "./project-record.ts";
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
    const { completedAtBaseline: _, ...rest } = kept;
    return prepareProjectUpdate(deps, { ...rest, completed }, rev, events, correlation);
  });
}

/**
 * Prepares the writes after which `checkProjectCompletion` reports a completion that the baseline found: its last item
 * was closed after the baseline had begun. Undefined when there is none to report.
 */
export async function prepareUnreportedCompletion(
  deps: Pick<ObserveDeps, "store">,
  id: string,
): Promise<Pick<Required<ValueUpdate>, "expect" | "put"> | undefined> {
  const key = observedKeys.project(id);
  const [kept] = await deps.store.read<KeptProject>([key]);
  if (!kept?.value.completedAtBaseline) return undefined;
  const { completedAtBaseline: _, ...rest } = kept.value;
  return { expect: [[key, kept.rev]], put: [toProjectPut({ ...rest, completed: false })] };
}
