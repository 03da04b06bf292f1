import {
  createBackfillRelationsJob,
  createBlockedByTextJob,
  createDetailsJobs,
  createProjectCheckJob,
  createReadCyclesJob,
} from "../jobs/observe-jobs.ts";
import { keepDefined } from "../keep-defined.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/port.ts";
import { scanPages } from "../store/scan-set.ts";
import { updateValue } from "../store/update.ts";
import { isSameSnapshot } from "../task/merge-observation.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import { MINUTE } from "../time.ts";
import { mayContainBlockedByText } from "./blocked-by-text.ts";
import { itemRowsEndpoint, itemRowsQuery, normalizeItem } from "./normalize.ts";
import { isUnchanged, type ObserveDeps, observeItem, toItemPut } from "./observe-item.ts";
import { resolveOwnership } from "./ownership.ts";
import { getNewSince, isNewProject, shiftPlaneTime, toPlaneTime, toProjectPut } from "./projects.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/** What a pass over one project found. */
export interface ProjectPollResult {
  /** The project with the times this pass gave it. */
  project: KeptProject;
  /** Items that were not as they are kept. */
  changed: number;
  /** Items that one read saw lose something: to be read again 2 s later, in the same tick (and queued, should it end early). */
  unconfirmed: { project: KeptProject; item: string }[];
  pages: number;
  /** Plane's count and ours differ: a full id pass must find out why. */
  hasCountMismatch: boolean;
}

/** A pass reads so far past the cursor: Plane may show a change later than its `updated_at` says. */
const LOOK_BACK_MS = 10 * MINUTE;
const SMALLEST_PAGE = 100;
/** Plane's own maximum. */
const LARGEST_PAGE = 1000;
/** How many kept snapshots are put in one commit at a baseline. */
const COMMIT_SIZE = 200;

/**
 * Reads a project's work items newest first down to the cursor (rule 3) and observes each. The first complete pass
 * is the baseline: what it finds was there before us, except what was created since it began (rule 9).
 * A list whose length changed from page to page may have skipped a row: the cursor stays, and the next pass reads it again.
 */
export async function pollProject(
  deps: ObserveDeps,
  project: KeptProject,
  correlation: string,
): Promise<ProjectPollResult> {
  const mark = await takeRevisionMark(deps, project.id);
  const depth = getReadDepth(project);
  const perPage = project.baseline ? Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, project.window * 2)) : LARGEST_PAGE;
  const result: ProjectPollResult = { project, changed: 0, unconfirmed: [], pages: 0, hasCountMismatch: false };
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
      if (current.began === "") current = await recordProjectStart(deps, current, date);
    }
    const snapshots = await Promise.all(answer.data.results.map((row) => normalizeItem(deps, row)));
    // Plane lists the newest first; people are told in the order in which it happened.
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
  const jobs: Job[] = [];
  if (!project.baseline) {
    // Before the baseline is over: one that ends here is begun again, with all it asks for.
    await queueBackfill(deps, project.id, correlation);
    jobs.push(createProjectCheckJob(project.id, "baseline"));
    if (project.cycles) jobs.push(createReadCyclesJob(project.id, "baseline", correlation));
  }
  await moveCursor(deps, current, { cursor: newest === "" ? date : newest, date, window }, jobs);
  return result;
}

/** From when on a project's items are new, kept before the first of them is: a restart must not move it. */
async function recordProjectStart(deps: ObserveDeps, project: KeptProject, date: string): Promise<KeptProject> {
  const key = observedKeys.project(project.id);
  return updateValue<KeptProject, KeptProject>(deps, key, (kept) => {
    const next = { ...(kept ?? project), began: kept?.began || date };
    return { put: [toProjectPut(next)], result: next };
  });
}

/** A revision that everything kept from now on exceeds: what has a greater one was kept after the pass began. */
export async function takeRevisionMark(deps: Pick<ObserveDeps, "store" | "newId">, project: string): Promise<number> {
  const key = observedKeys.mark(project);
  await deps.store.commit({ put: [{ key, value: deps.newId() }] });
  const [mark] = await deps.store.read([key]);
  return mark?.rev ?? 0;
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
  const details = [];
  const since = project.baseline ? project.began : getNewSince(project);
  for (const [i, snapshot] of snapshots.entries()) {
    const before = kept[i];
    if (isUnchanged(before?.value, (other) => isSameSnapshot(other, snapshot))) {
      details.push(...createDetailsJobs(before.value, correlation));
    } else if (!before && !project.baseline && snapshot.createdAt < since) {
      existing.push(snapshot);
    } else {
      const source = { project, correlation, cause: `${correlation}:${before?.rev ?? 0}`, newSince: since };
      const outcome = await observeItem(deps, snapshot.id, { via: "read", snapshot, ...readTimes }, source);
      if (outcome.rereadIn !== undefined) result.unconfirmed.push({ project, item: snapshot.id });
      result.changed += 1;
    }
  }
  if (details.length > 0) await deps.store.commit({ jobs: details });
  for (let i = 0; i < existing.length; i += COMMIT_SIZE)
    await commitExistingItems(deps, project, existing.slice(i, i + COMMIT_SIZE), readTimes, correlation);
}

/** Keeps many items that were there before us in one commit; when one was kept meanwhile, each goes through the door. */
async function commitExistingItems(
  deps: ObserveDeps,
  project: KeptProject,
  snapshots: Snapshot[],
  readTimes: PageReadTimes,
  correlation: string,
): Promise<void> {
  const items = await Promise.all(
    snapshots.map((snapshot) =>
      resolveOwnership(deps, undefined, { snapshot, blockers: [], detailsAt: snapshot.updatedAt }),
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
    const { settled: _, ...rest } = kept;
    const isQuiet = update.date >= shiftPlaneTime(update.cursor, LOOK_BACK_MS);
    const next: KeptProject = {
      ...rest,
      began: kept.began || project.began,
      baseline: true,
      cursor: update.cursor,
      window: update.window, // Of a project that is new to everyone, the end is news too, also when its first pass already finds it.
      completed: kept.baseline || isNewProject(kept) ? kept.completed : await hasOnlyClosedItems(deps, project.id),
      ...omitUndefined({ settled: isQuiet ? update.cursor : undefined }),
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

/**
 * Who waits for whom among the open items that were there before us: read once, when there is quota to spare. What this
 * Plane does not have, relations or lines, is left alone by the one who works it: nothing is asked for here.
 */
async function queueBackfill(deps: ObserveDeps, project: string, correlation: string): Promise<void> {
  for await (const page of scanPages<KeptItem>(deps, observedSets.open(project))) {
    const jobs = page.flatMap(({ value, rev }) =>
      keepDefined([
        value.detailsAt === undefined ? undefined : createBackfillRelationsJob(value.snapshot, correlation),
        mayContainBlockedByText(value) ? createBlockedByTextJob(value.snapshot, rev) : undefined,
      ]),
    );
    await deps.store.commit({ jobs });
  }
}
