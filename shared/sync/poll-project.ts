/**
 * One pass over a project's list, newest first, down to the cursor of the last pass. The first pass is the baseline:
 * it stores what exists without events, and requests the dependencies of open items afterwards. Comparing all ids
 * finds what a pass cannot show: items that are missing count as removed only after that is confirmed.
 */

import type { SyncDeps } from "../app/deps.ts";
import { createObserveJob } from "../jobs/observe-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { shiftPlaneTime, toPlaneTime } from "../plane/endpoint.ts";
import { workItemsApi } from "../plane/work-items.ts";
import {
  getNewSince,
  isNewProject,
  type ProjectRecord,
  takeRevisionMark,
  toProjectPut,
} from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import type { Job } from "../store/port.ts";
import { scanPages, scanRows, updateValue } from "../store/records.ts";
import { CONFIRM_LOSS_AFTER_MS, isSameSnapshot, type ReadTimes } from "../task/merge-observation.ts";
import type { ItemRecord, Snapshot } from "../task/snapshot.ts";
import { MINUTE } from "../time.ts";
import { mayContainBlockedByText } from "./dependency-edges.ts";
import { type ObservationSource, resolveOwnership } from "./event-facts.ts";
import { countUnreadBlockers } from "./first-look.ts";
import { prepareDetailsRequest, requestItemDetails, toItemPut, toUnobservedPut } from "./item-record.ts";
import { itemRowsEndpoint, itemRowsQuery, normalizeItem } from "./normalize.ts";
import { isProjectListed, observeItem, readItem } from "./observe-item.ts";
import { hasOnlyClosedItems } from "./projects.ts";

/** Result of a pass over one project. */
export interface ProjectPollResult {
  /** The project with `began` set by this pass, if it was unset. */
  project: ProjectRecord;
  /** Number of items that differed from the stored state. */
  changed: number;
  /** Number of items that the baseline found removed. */
  removed: number;
  /** Items with an unconfirmed loss. The same tick reads them again 2 s later; queued jobs do so if it ends early. */
  unconfirmed: { project: ProjectRecord; item: string }[];
  pages: number;
  /** Plane's count differs from the number of stored items, so all ids must be compared. */
  hasCountMismatch: boolean;
}

/** What one pass over Plane's list has read. */
interface ListPass extends Pick<ProjectPollResult, "project" | "changed" | "unconfirmed" | "pages"> {
  /** Plane's time of the first answer. */
  date: string;
  /** The latest `updated_at` of the items; at least the project's cursor. */
  newest: string;
  /** Number of items down to the depth of the pass. */
  window: number;
  /** Lengths of the list, one of each page; several when it changed between pages. */
  totals: Set<number>;
}

type ReconcileSource = Omit<ObservationSource, "cause">;

interface ListedIds extends ReadTimes {
  ids: Set<string>;
}

const SMALLEST_PAGE = 100;

/** Plane's maximum page size. */
const LARGEST_PAGE = 1000;

/** Limit of snapshots in one commit at a baseline: 200. */
const COMMIT_SIZE = 200;

/**
 * Overlap with the previous pass: 10 minutes before the cursor, because Plane may list a change later than its
 * `updated_at`.
 */
const LOOK_BACK_MS = 10 * MINUTE;

/** Limit of missing items that are read one by one: 5; more are confirmed with a second list. */
const SINGLE_READ_LIMIT = 5;

/** Limit of attempts to read the list: 3. A list that changes between its pages is incomplete and is read again. */
const LIST_ATTEMPTS = 3;

/**
 * Reads a project's work items, newest first, down to the cursor (observation rule 3) and observes each. The first
 * complete pass is the baseline: its items existed before, except those created since it began (observation rule 9). A
 * list whose length changed between pages may have skipped a row, so the cursor stays and the next pass reads it again.
 */
export async function pollProject(
  deps: SyncDeps,
  project: ProjectRecord,
  correlation: string,
): Promise<ProjectPollResult> {
  const pass = await observeListedItems(deps, project, correlation);
  const { changed, unconfirmed, pages } = pass;
  const isConsistent = pass.totals.size === 1;
  let hasCountMismatch = !isConsistent || !pass.totals.has(await countStoredItems(deps, project.id));
  let removed = 0;
  if (!project.baseline && hasCountMismatch) {
    // An item that was edited between two pages moved to a page that had been read; it belongs to the baseline as well.
    ({ removed } = await reconcileIds(deps, pass.project, correlation));
    hasCountMismatch = false;
  }
  const jobs = project.baseline ? [] : await prepareBaselineJobs(deps, project, correlation);
  const newest = !isConsistent && project.baseline ? project.cursor : pass.newest;
  await moveCursor(deps, { ...pass, newest: newest || pass.date }, jobs);
  return { project: pass.project, changed, removed, unconfirmed, pages, hasCountMismatch };
}

/** Reads the pages of a project's list down to its cursor and observes the items of each. */
async function observeListedItems(deps: SyncDeps, project: ProjectRecord, correlation: string): Promise<ListPass> {
  const mark = await takeRevisionMark(deps, project.id);
  const depth = getReadDepth(project);
  const query = { ...itemRowsQuery, per_page: choosePageSize(project) };
  const pass: ListPass = {
    project,
    changed: 0,
    unconfirmed: [],
    pages: 0,
    date: "",
    newest: project.cursor,
    window: 0,
    totals: new Set(),
  };
  let began = await deps.store.now();
  for await (const answer of deps.plane.pages(itemRowsEndpoint, { params: { project: project.id }, query })) {
    if (pass.date === "") {
      pass.date = toPlaneTime(answer.date);
      if (project.began === "")
        pass.project = await recordProjectStart(deps, project, pass.date, answer.data.total_count);
    }
    const snapshots = await Promise.all(answer.data.results.map((row) => normalizeItem(deps, row)));
    // Plane lists the newest first; events are created in chronological order.
    const recent = snapshots.filter((snapshot) => snapshot.updatedAt >= depth).reverse();
    const readTimes = { since: mark, began, ended: await deps.store.now() };
    await observePage(deps, pass, recent, readTimes, correlation);
    pass.window += recent.length;
    pass.totals.add(answer.data.total_count);
    pass.pages += 1;
    for (const { updatedAt } of recent) if (updatedAt > pass.newest) pass.newest = updatedAt;
    if (recent.length < snapshots.length) break;
    began = await deps.store.now();
  }
  return pass;
}

/** Returns Plane's time down to which the next pass reads; empty where it reads everything. */
function getReadDepth(project: ProjectRecord): string {
  if (!project.baseline) return "";
  return project.overlapReadCursor === project.cursor ? project.cursor : shiftPlaneTime(project.cursor, -LOOK_BACK_MS);
}

/** Returns twice what the last pass had to read, so that a pass seldom needs a second page. */
function choosePageSize({ baseline, window }: ProjectRecord): number {
  return baseline ? Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, window * 2)) : LARGEST_PAGE;
}

/**
 * Stores the time since which a project's items are new, before its first item is stored, so that a restart keeps it,
 * and how many items there are to read.
 */
async function recordProjectStart(
  deps: SyncDeps,
  project: ProjectRecord,
  date: string,
  listed: number,
): Promise<ProjectRecord> {
  const key = observedKeys.project(project.id);
  return updateValue<ProjectRecord, ProjectRecord>(deps, key, (stored) => {
    const next = { ...(stored ?? project), began: stored?.began || date, listed };
    return { put: [toProjectPut(next)], result: next };
  });
}

/** Observes the items of one page. Items that existed before a project's baseline are stored without events. */
async function observePage(
  deps: SyncDeps,
  pass: ListPass,
  snapshots: Snapshot[],
  readTimes: ReadTimes,
  correlation: string,
): Promise<void> {
  const { project } = pass;
  const stored = await deps.store.read<ItemRecord>(snapshots.map((snapshot) => observedKeys.item(snapshot.id)));
  const existing: Snapshot[] = [];
  const since = project.baseline ? project.began : getNewSince(project);
  for (const [i, snapshot] of snapshots.entries()) {
    const before = stored[i];
    const { removedAt, pendingLosses, detailsAt = "" } = before?.value ?? {};
    const isSettled = before !== undefined && removedAt === undefined && pendingLosses === undefined;
    if (isSettled && isSameSnapshot(before.value.snapshot, snapshot)) {
      if (detailsAt < snapshot.updatedAt) await requestItemDetails(deps, snapshot.id, { project, correlation });
    } else if (!before && !project.baseline && snapshot.createdAt < since && snapshot.updatedAt < since) {
      existing.push(snapshot);
    } else {
      const source = { project, correlation, cause: `${correlation}:${before?.rev ?? 0}`, newSince: since };
      const { rereadIn } = await observeItem(deps, snapshot.id, { via: "read", snapshot, ...readTimes }, source);
      if (rereadIn !== undefined) pass.unconfirmed.push({ project, item: snapshot.id });
      pass.changed += 1;
    }
  }
  for (let i = 0; i < existing.length; i += COMMIT_SIZE)
    await commitExistingItems(deps, project, existing.slice(i, i + COMMIT_SIZE), readTimes, correlation);
}

/** Stores many existing items in one commit; when one of them was stored meanwhile, observes each item instead. */
async function commitExistingItems(
  deps: SyncDeps,
  project: ProjectRecord,
  snapshots: Snapshot[],
  readTimes: ReadTimes,
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
  if (result === "committed") return;
  const source = { project, correlation, cause: correlation, newSince: getNewSince(project) };
  for (const snapshot of snapshots)
    await observeItem(deps, snapshot.id, { via: "read", snapshot, ...readTimes }, source);
}

async function countStoredItems({ store }: SyncDeps, project: string): Promise<number> {
  return (await store.count(observedSets.items(project))) + (await store.count(observedSets.quiet(project)));
}

/**
 * Requests one read of the dependencies of every existing open item, with low priority, unless they were read already,
 * and returns the jobs that must be written together with the end of the baseline. An interrupted baseline starts again
 * and requests all of them again. Reads of relations or "Blocked by" lines that this version of Plane does not use end
 * without a request.
 */
async function prepareBaselineJobs(
  deps: Pick<SyncDeps, "store" | "ruleSets">,
  project: ProjectRecord,
  correlation: string,
): Promise<Job[]> {
  const source = { project, correlation };
  for await (const page of scanPages<ItemRecord>(deps, observedSets.open(project.id))) {
    const relations = await deps.store.read(page.map(({ value }) => observedKeys.relations(value.snapshot.id)));
    const unread = page.filter(({ value }, i) => value.detailsAt !== undefined && !relations[i]);
    const requests = keepDefined(
      await Promise.all(
        unread.map(async ({ value, rev }) => {
          const requested = await prepareDetailsRequest(deps, value, { before: value, rev }, source, "backfill");
          return requested && { ...requested, rev };
        }),
      ),
    );
    const outcome = await deps.store.commit({
      expect: requests.map(({ item, rev }) => [observedKeys.item(item.snapshot.id), rev]),
      put: requests.map(({ item, rev }) => toUnobservedPut(item, rev)),
      jobs: requests.flatMap(({ jobs }) => jobs),
    });
    if (outcome === "stale")
      for (const { item } of requests) await requestItemDetails(deps, item.snapshot.id, source, "backfill");
    const jobs = page.flatMap(({ value, rev }) =>
      mayContainBlockedByText(value)
        ? [createObserveJob({ type: "blocked_by_text", item: value.snapshot.id }, rev)]
        : [],
    );
    if (jobs.length > 0) await deps.store.commit({ jobs });
  }
  const checkJob = createObserveJob({ type: "check_project", project: project.id }, "baseline");
  const cyclesJob = createObserveJob({ type: "cycles", project: project.id, correlation }, "baseline");
  return project.cycles ? [checkJob, cyclesJob] : [checkJob];
}

/** Stores how far a project was read, which ends its baseline, with the jobs that follow from the pass. */
async function moveCursor(
  deps: SyncDeps,
  { project, newest: cursor, date, window }: Pick<ListPass, "project" | "newest" | "date" | "window">,
  jobs: Job[],
): Promise<void> {
  await updateValue<ProjectRecord>(deps, observedKeys.project(project.id), async (stored) => {
    if (!stored) return undefined;
    const { overlapReadCursor: _, listed: __, ...rest } = stored;
    const unread = stored.baseline ? undefined : await countUnreadBlockers(deps);
    const isQuiet = date >= shiftPlaneTime(cursor, LOOK_BACK_MS);
    // A new project's completion is an event, even when its first pass already finds it complete.
    const completedAtBaseline =
      !stored.baseline && !isNewProject(stored) && (await hasOnlyClosedItems(deps, project.id));
    const next: ProjectRecord = {
      ...rest,
      began: stored.began || project.began,
      baseline: true,
      cursor,
      window,
      completed: stored.completed || completedAtBaseline,
      ...omitUndefined({
        overlapReadCursor: isQuiet ? cursor : undefined,
        completedAtBaseline: completedAtBaseline || stored.completedAtBaseline || undefined,
        unreadBlockers: unread ? unread.tasks + unread.items : stored.unreadBlockers,
      }),
    };
    if (JSON.stringify(next) === JSON.stringify(stored)) return undefined;
    return { put: [toProjectPut(next)], jobs };
  });
}

/**
 * Compares the ids of all items that Plane lists with the stored ones. Unknown items are read; stored items that two
 * reads at least 2 s apart do not find are removed (observation rule 4). Returns the number of each.
 */
export async function reconcileIds(
  deps: SyncDeps,
  project: ProjectRecord,
  correlation: string,
): Promise<{ found: number; removed: number }> {
  const first = await listIds(deps, project);
  if (!first) return { found: 0, removed: 0 };
  const { stored, pendingRemoval } = await readStoredIds(deps, project.id);
  const source = { project, correlation, newSince: project.baseline ? project.began : getNewSince(project) };
  const unknown = [...first.ids].filter((id) => !stored.has(id));
  for (const id of unknown) await readItem(deps, id, source, { rereads: false });

  const missing = [...stored].filter((id) => !first.ids.has(id));
  if (missing.length === 0) return { found: unknown.length, removed: 0 };
  // For items pending removal this is the second read. An archived project lists no items at all (observation rule 5).
  if (missing.some((id) => pendingRemoval.has(id)) && !(await isProjectListed(deps, project.id)))
    return { found: unknown.length, removed: 0 };
  await observeAbsences(deps, missing, first, source);
  await deps.wait(CONFIRM_LOSS_AFTER_MS);
  return { found: unknown.length, removed: await confirmRemovals(deps, project, missing, source) };
}

/** Reads all ids, oldest first so that new items come last; undefined when the list changed during every attempt. */
async function listIds(deps: SyncDeps, project: ProjectRecord): Promise<ListedIds | undefined> {
  for (let attempt = 0; attempt < LIST_ATTEMPTS; attempt += 1) {
    const since = await takeRevisionMark(deps, project.id);
    const began = await deps.store.now();
    const ids = new Set<string>();
    const totals = new Set<number>();
    const query = { fields: "id", order_by: "created_at", per_page: 1000 };
    for await (const { data } of deps.plane.pages(workItemsApi.ids, { params: { project: project.id }, query })) {
      for (const { id } of data.results) ids.add(id);
      totals.add(data.total_count);
    }
    if (totals.size === 1 && totals.has(ids.size)) return { ids, since, began, ended: await deps.store.now() };
  }
  deps.log.warn("id comparison skipped: the list kept changing", { project: project.identifier });
  return undefined;
}

/** Returns the ids of all stored items, and of those that an earlier read did not find. */
async function readStoredIds(
  deps: SyncDeps,
  project: string,
): Promise<{ stored: Set<string>; pendingRemoval: Set<string> }> {
  const stored = new Set<string>();
  const pendingRemoval = new Set<string>();
  for (const set of [observedSets.items(project), observedSets.quiet(project)]) {
    for await (const { value } of scanRows<ItemRecord>(deps, set)) {
      stored.add(value.snapshot.id);
      if (value.pendingLosses?.removal !== undefined) pendingRemoval.add(value.snapshot.id);
    }
  }
  return { stored, pendingRemoval };
}

/** Observes that a read found none of these items. Returns how many of them are removed now. */
async function observeAbsences(
  deps: SyncDeps,
  ids: string[],
  { since, began, ended }: ReadTimes,
  source: ReconcileSource,
): Promise<number> {
  let removed = 0;
  for (const id of ids) {
    const itemSource = { ...source, cause: `${since}.${began}` };
    const observation = { via: "absence", since, began, ended } as const;
    const { events } = await observeItem(deps, id, observation, itemSource, { rereads: false });
    if (events.some(({ kind }) => kind === "removed")) removed += 1;
  }
  return removed;
}

async function confirmRemovals(
  deps: SyncDeps,
  project: ProjectRecord,
  missing: string[],
  source: ReconcileSource,
): Promise<number> {
  if (missing.length > SINGLE_READ_LIMIT) {
    const second = await listIds(deps, project);
    if (!second || !(await isProjectListed(deps, project.id))) return 0;
    const stillMissing = missing.filter((id) => !second.ids.has(id));
    return observeAbsences(deps, stillMissing, second, source);
  }
  let removed = 0;
  for (const id of missing) {
    const { events } = await readItem(deps, id, source);
    if (events.some(({ kind }) => kind === "removed")) removed += 1;
  }
  return removed;
}
