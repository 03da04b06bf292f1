/**
 * One pass over a project's list, newest first, down to the cursor of the last pass. The first pass is the baseline:
 * it stores what exists without events, and requests the dependencies of open items afterwards. Comparing all ids
 * finds what a pass cannot show: items that are missing count as removed only after that is confirmed.
 */

import type { SyncDeps } from "../app/deps.ts";
import { createObserveJob, createWorkJob, toLabelsLane } from "../jobs/internal-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { createListError } from "../plane/client.ts";
import { shiftPlaneTime, toPlaneTime } from "../plane/endpoint.ts";
import { workItemsApi } from "../plane/work-items.ts";
import {
  getNewSince,
  hasOnlyClosedItems,
  isNewProject,
  type ProjectRecord,
  takeRevisionMark,
  toProjectPut,
} from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import type { Job } from "../store/port.ts";
import { scanPages, scanRows, updateValue } from "../store/records.ts";
import { isSameSnapshot, type ReadTimes } from "../task/merge-observation.ts";
import type { ItemRecord, Snapshot } from "../task/snapshot.ts";
import { MINUTE } from "../time.ts";
import { mayContainBlockedByText } from "./dependency-edges.ts";
import { computeOwnership } from "./event-facts.ts";
import {
  countUnreadBlockers,
  prepareDetailsRequest,
  requestItemDetails,
  toItemPut,
  toUnobservedPut,
} from "./item-record.ts";
import { confirmMissingItems, type LossCheck, NOTHING_MISSING } from "./missing-items.ts";
import { itemRowsEndpoint, itemRowsQuery, normalizeItem } from "./normalize.ts";
import { observeItem, readItem } from "./observe-item.ts";

/** Result of a pass over one project. `removed` and the like: of the comparison of all ids, if there was one. */
export interface ProjectPollResult extends LossCheck {
  /** The project with `began` set by this pass, if it was unset. */
  project: ProjectRecord;
  /** Number of items that differed from the stored state. */
  changed: number;
  /** One of them is a change of which Plane sends a webhook, which has not arrived. */
  isUnreported: boolean;
  /** Items with an unconfirmed loss. The same tick reads them again 2 s later; queued jobs do so if it ends early. */
  unconfirmed: { project: ProjectRecord; item: string }[];
  pages: number;
  /** Plane's count differs from the number of stored items, so all ids must be compared. */
  hasCountMismatch: boolean;
}

/** What one pass over Plane's list has read. */
interface ListPass extends Pick<ProjectPollResult, "project" | "changed" | "isUnreported" | "unconfirmed" | "pages"> {
  /** Plane's time of the first answer. */
  date: string;
  /** The latest `updated_at` of the items; at least the project's cursor. */
  newest: string;
  /** Number of items down to the depth of the pass. */
  window: number;
  /** Lengths of the list, one of each page; several when it changed between pages. */
  totals: Set<number>;
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

/** Limit of unknown items that are read one by one: 5; for more, all pages of the list are read. */
const SINGLE_READ_LIMIT = 5;

/** Limit of attempts to read the list: 3. A list that changes between its pages is incomplete and is read again. */
const LIST_ATTEMPTS = 3;

/** What is known of an item that existed before its project was read. */
const EXISTING: Pick<ItemRecord, "blockers" | "blockersUnknown"> = { blockers: [], blockersUnknown: true };

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
  const isConsistent = pass.totals.size === 1;
  const { store } = deps;
  const count =
    (await store.count(observedSets.items(project.id))) + (await store.count(observedSets.quiet(project.id)));
  const hasMismatch = !isConsistent || !pass.totals.has(count);
  // An item that was edited between two pages moved to a page that had been read; it belongs to the baseline as well.
  const isChecked = !project.baseline && hasMismatch;
  const check = isChecked ? await reconcileIds(deps, pass.project, correlation) : NOTHING_MISSING;
  const result = { ...pass, ...check, hasCountMismatch: hasMismatch && !isChecked };
  if (check.isDoubtful) return result;
  const jobs = project.baseline ? [] : await prepareBaselineJobs(deps, project, correlation);
  const newest = !isConsistent && project.baseline ? project.cursor : pass.newest;
  await moveCursor(deps, { ...pass, newest: newest || pass.date }, jobs);
  return result;
}

/** Reads the pages of a project's list down to its cursor, or all of them, and observes the items of each. */
async function observeListedItems(
  deps: SyncDeps,
  project: ProjectRecord,
  correlation: string,
  isFullRead = !project.baseline,
): Promise<ListPass> {
  const mark = await takeRevisionMark(deps, project.id);
  const depth = isFullRead ? "" : getReadDepth(project);
  // Twice what the last pass had to read, so that a pass seldom needs a second page.
  const pageSize = Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, project.window * 2));
  const query = { ...itemRowsQuery, per_page: isFullRead ? LARGEST_PAGE : pageSize };
  let rows = 0;
  const found = { project, changed: 0, isUnreported: false, unconfirmed: [], newest: project.cursor };
  const pass: ListPass = { ...found, pages: 0, date: "", window: 0, totals: new Set() };
  let began = await deps.store.now();
  for await (const answer of deps.plane.pages(itemRowsEndpoint, { params: { project: project.id }, query })) {
    const { results, total_count: total, next_page_results: hasMore } = answer.data;
    if (pass.date === "") {
      pass.date = toPlaneTime(answer.date);
      if (project.began === "") pass.project = await recordProjectStart(deps, project, pass.date, total);
    }
    rows += results.length;
    if (!hasMore) refuseShortList(itemRowsEndpoint, rows, total);
    const snapshots = await Promise.all(results.map((row) => normalizeItem(deps, row)));
    const foreign = snapshots.find((snapshot) => snapshot.project !== project.id);
    if (foreign) throw createListError(itemRowsEndpoint, `has work items of another project (${foreign.project}).`);
    // Plane lists the newest first; events are created in chronological order.
    const recent = snapshots.filter((snapshot) => snapshot.updatedAt >= depth).reverse();
    const readTimes = { since: mark, began, ended: await deps.store.now() };
    await observePage(deps, pass, recent, readTimes, correlation);
    pass.window += recent.length;
    pass.totals.add(total);
    pass.pages += 1;
    for (const { updatedAt } of recent) if (updatedAt > pass.newest) pass.newest = updatedAt;
    if (recent.length < snapshots.length) break;
    began = await deps.store.now();
  }
  return pass;
}

/** Returns Plane's time down to which the next pass after the baseline reads. */
function getReadDepth(project: ProjectRecord): string {
  return project.overlapReadCursor === project.cursor ? project.cursor : shiftPlaneTime(project.cursor, -LOOK_BACK_MS);
}

/**
 * Stores the time since which a project's items are new, before its first item is stored, so that a restart keeps it,
 * and how many items there are to read.
 */
async function recordProjectStart(deps: SyncDeps, project: ProjectRecord, date: string, listed: number) {
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
      // Plane sends no webhook of the item for comments, links and relations, which only move `updated_at`.
      const touched = before && { ...before.value.snapshot, updatedAt: snapshot.updatedAt };
      pass.isUnreported ||= !snapshot.quiet && !(touched && isSameSnapshot(touched, snapshot));
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
    snapshots.map((snapshot) => computeOwnership(deps, { snapshot, ...EXISTING, detailsAt: snapshot.updatedAt })),
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
    const jobs = page.flatMap(({ value, rev }) => {
      const { id: item, ours } = value.snapshot;
      const mirror = { type: "mirror", item, correlation } as const;
      return [
        ...(mayContainBlockedByText(value) ? [createObserveJob({ type: "blocked_by_text", item }, rev)] : []),
        // After the loss of the store, what people change next is compared with the agents that it has now.
        ...(ours && value.owners?.length ? [createWorkJob(`mirror:${item}:${rev}`, toLabelsLane(item), mirror)] : []),
      ];
    });
    if (jobs.length > 0) await deps.store.commit({ jobs });
  }
  const check = createObserveJob({ type: "check_project", project: project.id }, "baseline");
  if (!project.cycles) return [check];
  return [check, createObserveJob({ type: "cycles", project: project.id, correlation }, "baseline")];
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
 * Compares the ids of all items that Plane lists with the stored ones. Unknown items are read; stored items that the
 * list lacks are removed once Plane denies each of them (see `confirmMissingItems`).
 */
export async function reconcileIds(deps: SyncDeps, project: ProjectRecord, correlation: string): Promise<LossCheck> {
  const list = await listIds(deps, project);
  if (!list) return NOTHING_MISSING;
  const { ids, ...readTimes } = list;
  // Whether each stored item was stored before the list was read.
  const stored = new Map<string, boolean>();
  for (const set of [observedSets.items(project.id), observedSets.quiet(project.id)])
    for await (const { value, rev } of scanRows<ItemRecord>(deps, set))
      stored.set(value.snapshot.id, rev < readTimes.since);
  const unknown = [...ids].filter((id) => !stored.has(id));
  const source = { project, correlation, newSince: project.baseline ? project.began : getNewSince(project) };
  if (unknown.length > SINGLE_READ_LIMIT) await observeListedItems(deps, project, correlation, true);
  else for (const id of unknown) await readItem(deps, id, source, { rereads: false });
  const missing = [...stored].filter(([id, isEarlier]) => isEarlier && !ids.has(id)).map(([id]) => id);
  if (missing.length === 0) return NOTHING_MISSING;
  return confirmMissingItems(deps, { ids: missing, known: stored.size, list: readTimes }, source);
}

/** Reads all ids, oldest first so that new items come last; undefined when the list changed during every attempt. */
async function listIds(deps: SyncDeps, project: ProjectRecord) {
  for (let attempt = 0; attempt < LIST_ATTEMPTS; attempt += 1) {
    const since = await takeRevisionMark(deps, project.id);
    const began = await deps.store.now();
    const ids = new Set<string>();
    const totals = new Set<number>();
    const query = { fields: "id", order_by: "created_at", per_page: 1000 };
    for await (const { data } of deps.plane.pages(workItemsApi.ids, { params: { project: project.id }, query })) {
      for (const { id } of data.results) ids.add(id);
      totals.add(data.total_count);
      if (!data.next_page_results) refuseShortList(workItemsApi.ids, ids.size, data.total_count);
    }
    if (totals.size === 1 && totals.has(ids.size)) return { ids, since, began, ended: await deps.store.now() };
  }
  deps.log.warn("id comparison skipped: the list kept changing", { project: project.identifier });
  return undefined;
}

/**
 * Throws when a list has ended with less than half of the rows that it counts. A few may be missing, because Plane
 * counts and reads at different times.
 */
function refuseShortList(endpoint: { operation: string }, rows: number, total: number): void {
  if (rows * 2 < total) throw createListError(endpoint, `ended after ${rows} of ${total} rows.`);
}
