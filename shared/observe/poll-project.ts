import { omitUndefined } from "../omit-undefined.ts";
import { shiftPlaneTime, toPlaneTime } from "../plane/time.ts";
import type { Job } from "../store/job-operations.ts";
import { updateValue } from "../store/update.ts";
import { isSameSnapshot } from "../task/merge-observation.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import { MINUTE } from "../time.ts";
import { prepareBaselineJobs } from "./baseline-jobs.ts";
import { countUnreadBlockers } from "./first-look.ts";
import { toItemPut } from "./item-put.ts";
import { itemRowsEndpoint, itemRowsQuery, normalizeItem } from "./normalize.ts";
import { isUnchanged, type ObserveDeps, observeItem } from "./observe-item.ts";
import { resolveOwnership } from "./ownership.ts";
import { getNewSince, isNewProject, toProjectPut } from "./project-record.ts";
import { reconcileIds } from "./reconcile-ids.ts";
import { requestItemDetails } from "./request-details.ts";
import { takeRevisionMark } from "./revision-mark.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/** Result of a pass over one project. */
export interface ProjectPollResult {
  /** The project with `began` set by this pass, if it was unset. */
  project: KeptProject;
  /** Number of items that differed from the stored state. */
  changed: number;
  /** Number of items that the baseline found removed. */
  removed: number;
  /** Items with an unconfirmed loss. The same tick reads them again 2 s later; queued jobs do so if it ends early. */
  unconfirmed: { project: KeptProject; item: string }[];
  pages: number;
  /** Plane's count differs from the number of stored items, so all ids must be compared. */
  hasCountMismatch: boolean;
}

/**
 * Overlap with the previous pass: 10 minutes before the cursor, because Plane may list a change later than its
 * `updated_at`.
 */
const LOOK_BACK_MS = 10 * MINUTE;
const SMALLEST_PAGE = 100;
/** Plane's maximum page size. */
const LARGEST_PAGE = 1000;
/** Limit of snapshots in one commit at a baseline: 200. */
const COMMIT_SIZE = 200;

/**
 * Reads a project's work items, newest first, down to the cursor (observation rule 3) and observes each. The first
 * complete pass is the baseline: its items existed before, except those created since it began (observation rule 9). A
 * list whose length changed between pages may have skipped a row, so the cursor stays and the next pass reads it again.
 */
export async function pollProject(
  deps: ObserveDeps,
  project: KeptProject,
  correlation: string,
): Promise<ProjectPollResult> {
  const mark = await takeRevisionMark(deps, project.id);
  const depth = getReadDepth(project);
  const perPage = project.baseline ? Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, project.window * 2)) : LARGEST_PAGE;
  const result: ProjectPollResult = {
    project,
    changed: 0,
    removed: 0,
    unconfirmed: [],
    pages: 0,
    hasCountMismatch: false,
  };
  const query = { ...itemRowsQuery, per_page: perPage };
  let current = project;
  let began = await deps.store.now();
  let date = "";
  let newest = project.cursor;
  let window = 0;
  const totals = new Set<number>();
  for await (const answer of deps.plane.pages(itemRowsEndpoint, { params: { project: project.id }, query })) {
    if (date === "") {
      date = toPlaneTime(answer.date);
      if (current.began === "") current = await recordProjectStart(deps, current, date, answer.data.total_count);
    }
    const snapshots = await Promise.all(answer.data.results.map((row) => normalizeItem(deps, row)));
    // Plane lists the newest first; events are created in chronological order.
    const recent = snapshots.filter((snapshot) => snapshot.updatedAt >= depth).reverse();
    const readTimes = { since: mark, began, ended: await deps.store.now() };
    await observePage(deps, current, recent, readTimes, correlation, result);
    window += recent.length;
    totals.add(answer.data.total_count);
    result.pages += 1;
    for (const { updatedAt } of recent) if (updatedAt > newest) newest = updatedAt;
    if (recent.length < snapshots.length) break;
    began = await deps.store.now();
  }
  result.project = current;
  const isConsistent = totals.size === 1;
  const { store } = deps;
  const keptCount =
    (await store.count(observedSets.items(project.id))) + (await store.count(observedSets.quiet(project.id)));
  result.hasCountMismatch = !isConsistent || !totals.has(keptCount);
  if (!isConsistent && project.baseline) newest = project.cursor;
  if (!project.baseline && result.hasCountMismatch) {
    // An item that was edited between two pages moved to a page that had been read; it belongs to the baseline as well.
    result.removed = (await reconcileIds(deps, current, correlation)).removed;
    result.hasCountMismatch = false;
  }
  const jobs = project.baseline ? [] : await prepareBaselineJobs(deps, project, correlation);
  await moveCursor(deps, current, { cursor: newest === "" ? date : newest, date, window }, jobs);
  return result;
}

/**
 * Stores the time since which a project's items are new, before its first item is stored, so that a restart keeps it,
 * and how many items there are to read.
 */
async function recordProjectStart(
  deps: ObserveDeps,
  project: KeptProject,
  date: string,
  listed: number,
): Promise<KeptProject> {
  const key = observedKeys.project(project.id);
  return updateValue<KeptProject, KeptProject>(deps, key, (kept) => {
    const next = { ...(kept ?? project), began: kept?.began || date, listed };
    return { put: [toProjectPut(next)], result: next };
  });
}

function getReadDepth(project: KeptProject): string {
  if (!project.baseline) return "";
  return project.settled === project.cursor ? project.cursor : shiftPlaneTime(project.cursor, -LOOK_BACK_MS);
}

interface PageReadTimes {
  since: number;
  began: number;
  ended: number;
}

async function observePage(
  deps: ObserveDeps,
  project: KeptProject,
  snapshots: Snapshot[],
  readTimes: PageReadTimes,
  correlation: string,
  result: ProjectPollResult,
): Promise<void> {
  const kept = await deps.store.read<KeptItem>(snapshots.map((snapshot) => observedKeys.item(snapshot.id)));
  const existing: Snapshot[] = [];
  const since = project.baseline ? project.began : getNewSince(project);
  for (const [i, snapshot] of snapshots.entries()) {
    const before = kept[i];
    if (isUnchanged(before?.value, (other) => isSameSnapshot(other, snapshot))) {
      if ((before.value.detailsAt ?? "") < snapshot.updatedAt)
        await requestItemDetails(deps, snapshot.id, { project, correlation });
    } else if (!before && !project.baseline && snapshot.createdAt < since && snapshot.updatedAt < since) {
      existing.push(snapshot);
    } else {
      const source = { project, correlation, cause: `${correlation}:${before?.rev ?? 0}`, newSince: since };
      const outcome = await observeItem(deps, snapshot.id, { via: "read", snapshot, ...readTimes }, source);
      if (outcome.rereadIn !== undefined) result.unconfirmed.push({ project, item: snapshot.id });
      result.changed += 1;
    }
  }
  for (let i = 0; i < existing.length; i += COMMIT_SIZE)
    await commitExistingItems(deps, project, existing.slice(i, i + COMMIT_SIZE), readTimes, correlation);
}

/** Stores many existing items in one commit; when one of them was stored meanwhile, observes each item instead. */
async function commitExistingItems(
  deps: ObserveDeps,
  project: KeptProject,
  snapshots: Snapshot[],
  readTimes: PageReadTimes,
  correlation: string,
): Promise<void> {
  const items = await Promise.all(
    snapshots.map((snapshot) =>
      resolveOwnership(deps, undefined, {
        snapshot,
        blockers: [],
        blockersUnknown: true,
        detailsAt: snapshot.updatedAt,
      }),
    ),
  );
  const result = await deps.store.commit({
    expect: snapshots.map((snapshot) => [observedKeys.item(snapshot.id), 0]),
    put: items.map(toItemPut),
  });
  if (result === "kept") return;
  for (const snapshot of snapshots) {
    const source = { project, correlation, cause: correlation, newSince: getNewSince(project) };
    await observeItem(deps, snapshot.id, { via: "read", snapshot, ...readTimes }, source);
  }
}

interface CursorUpdate {
  cursor: string;
  date: string;
  window: number;
}

async function moveCursor(deps: ObserveDeps, project: KeptProject, update: CursorUpdate, jobs: Job[]): Promise<void> {
  const key = observedKeys.project(project.id);
  await updateValue<KeptProject>(deps, key, async (kept) => {
    if (!kept) return undefined;
    const { settled: _, listed: __, ...rest } = kept;
    const unread = kept.baseline ? undefined : await countUnreadBlockers(deps);
    const isQuiet = update.date >= shiftPlaneTime(update.cursor, LOOK_BACK_MS);
    // A new project's completion is an event, even when its first pass already finds it complete.
    const completedAtBaseline = !kept.baseline && !isNewProject(kept) && (await hasOnlyClosedItems(deps, project.id));
    const next: KeptProject = {
      ...rest,
      began: kept.began || project.began,
      baseline: true,
      cursor: update.cursor,
      window: update.window,
      completed: kept.completed || completedAtBaseline,
      ...omitUndefined({
        settled: isQuiet ? update.cursor : undefined,
        completedAtBaseline: completedAtBaseline || kept.completedAtBaseline ? true : undefined,
        unreadBlockers: unread ? unread.tasks + unread.items : kept.unreadBlockers,
      }),
    };
    if (JSON.stringify(next) === JSON.stringify(kept)) return undefined;
    return { put: [toProjectPut(next)], jobs };
  });
}

async function hasOnlyClosedItems(deps: ObserveDeps, project: string): Promise<boolean> {
  const [open, total] = await Promise.all([
    deps.store.count(observedSets.open(project)),
    deps.store.count(observedSets.items(project)),
  ]);
  return open === 0 && total > 0;
}
