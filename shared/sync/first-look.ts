/** How far the first look at Plane is: the share of the projects' items that were read, and then of the blockers. */

import type { SyncDeps } from "../app/deps.ts";
import { isReadableProject, type ProjectRecord } from "../records/plane-records.ts";
import { observedSets } from "../records/store-keys.ts";
import { readAllRows } from "../store/records.ts";
import { BACKFILL_RANK } from "../task/unread-details.ts";

/** What the first look at Plane has not read yet. */
export interface FirstLook {
  /** Projects whose items were not all read. */
  projects_left: number;
  /** Agents' open tasks whose blockers are unknown. */
  tasks_left: number;
  /** Other open items whose blockers are read because a notification or forwarding rule could match them. */
  items_left: number;
  /** All projects. */
  projects: number;
  /** Work items that were read so far, in all projects. */
  items_read: number;
  /** What is read now: the projects' items, and when those of all projects are known, blockers. */
  stage: "projects" | "blockers";
  /** How much of this stage is done, from 0 to 100. */
  percent: number;
}

type FirstLookDeps = Pick<SyncDeps, "store">;

/** Reads how far the first look at Plane is; undefined when it is complete. */
export async function readFirstLook(deps: FirstLookDeps): Promise<FirstLook | undefined> {
  const [rows, left] = await Promise.all([
    readAllRows<ProjectRecord>(deps, observedSets.projects),
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

/** How much of a project's items was read, from 0 to 1. Items that are created meanwhile count as well. */
function getBaselineShare({ baseline, listed }: ProjectRecord, itemCount: number): number {
  if (baseline) return 1;
  return listed ? Math.min(1, itemCount / listed) : 0;
}

/** Counts the items whose blockers the first look has not read yet: tasks of agents, and other items. */
export async function countUnreadBlockers({ store }: FirstLookDeps): Promise<{ tasks: number; items: number }> {
  const [tasks, items] = await Promise.all([
    store.count(observedSets.unknownTasks),
    store.count(observedSets.unreadDetails(BACKFILL_RANK)),
  ]);
  return { tasks, items };
}
