import type { FirstLook } from "../health.ts";
import { readAllRows } from "../store/scan-set.ts";
import { BACKFILL_RANK } from "../task/unread-details.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { isReadableProject } from "./project-record.ts";
import { observedSets } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/** Reads how far the first look at Plane is; undefined when it is complete. */
export async function readFirstLook({ store }: Pick<ObserveDeps, "store">): Promise<FirstLook | undefined> {
  const [projects, tasks_left, items_left] = await Promise.all([
    readAllRows<KeptProject>({ store }, observedSets.projects),
    store.count(observedSets.unknownTasks),
    store.count(observedSets.unreadDetails(BACKFILL_RANK)),
  ]);
  const projects_left = projects.filter(({ value }) => isReadableProject(value) && !value.baseline).length;
  return projects_left + tasks_left + items_left > 0 ? { projects_left, tasks_left, items_left } : undefined;
}
