import type { FirstLook } from "../health.ts";
import { readAllRows } from "../store/scan-set.ts";
import { BACKFILL_RANK } from "../task/unread-details.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { isReadableProject } from "./project-record.ts";
import { observedSets } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

type FirstLookDeps = Pick<ObserveDeps, "store">;

/** Reads how far the first look at Plane is; undefined when it is complete. */
export async function readFirstLook(deps: FirstLookDeps): Promise<FirstLook | undefined> {
  const [rows, left] = await Promise.all([
    readAllRows<KeptProject>(deps, observedSets.projects),
    countUnreadBlockers(deps),
  ]);
  const projects = rows.map(({ value }) => value).filter(isReadableProject);
  const projects_left = projects.filter(({ baseline }) => !baseline).length;
  const { tasks: tasks_left, items: items_left } = left;
  if (projects_left + tasks_left + items_left === 0) return undefined;
  const itemCounts = await Promise.all(projects.map(({ id }) => deps.store.count(observedSets.items(id))));
  const items_read = itemCounts.reduce((sum, count) => sum + count, 0);
  const shares = projects.map((project, i) => getBaselineShare(project, itemCounts[i] ?? 0));
  const unread = tasks_left + items_left;
  const allUnread = Math.max(unread, ...projects.map(({ unreadBlockers = 0 }) => unreadBlockers));
  const stage = projects_left > 0 ? "projects" : "blockers";
  const share =
    stage === "projects" ? shares.reduce((sum, part) => sum + part, 0) / shares.length : 1 - unread / allUnread;
  return {
    projects_left,
    tasks_left,
    items_left,
    projects: projects.length,
    items_read,
    stage,
    percent: Math.floor(share * 100),
  };
}

/** Counts the items whose blockers the first look has not read yet: tasks of agents, and other items. */
export async function countUnreadBlockers({ store }: FirstLookDeps): Promise<{ tasks: number; items: number }> {
  const [tasks, items] = await Promise.all([
    store.count(observedSets.unknownTasks),
    store.count(observedSets.unreadDetails(BACKFILL_RANK)),
  ]);
  return { tasks, items };
}

/** How much of a project's items was read, from 0 to 1. Items that are created meanwhile count as well. */
function getBaselineShare({ baseline, listed }: KeptProject, itemCount: number): number {
  if (baseline) return 1;
  return listed ? Math.min(1, itemCount / listed) : 0;
}
