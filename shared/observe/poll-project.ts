import { toPlaneTime } from "../plane/time.ts";
import { updateValue } from "../store/update.ts";
import { prepareBaselineJobs } from "./baseline-jobs.ts";
import { getReadDepth, moveCursor } from "./move-cursor.ts";
import { itemRowsEndpoint, itemRowsQuery, normalizeItem } from "./normalize.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { observePage } from "./observe-page.ts";
import { toProjectPut } from "./project-record.ts";
import { reconcileIds } from "./reconcile-ids.ts";
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

const SMALLEST_PAGE = 100;
/** Plane's maximum page size. */
const LARGEST_PAGE = 1000;

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
  const pass = await observeListedItems(deps, project, correlation);
  const { project: current, date, window, changed, unconfirmed, pages } = pass;
  const isConsistent = pass.totals.size === 1;
  let hasCountMismatch = !isConsistent || !pass.totals.has(await countStoredItems(deps, project.id));
  let removed = 0;
  if (!project.baseline && hasCountMismatch) {
    // An item that was edited between two pages moved to a page that had been read; it belongs to the baseline as well.
    ({ removed } = await reconcileIds(deps, current, correlation));
    hasCountMismatch = false;
  }
  const jobs = project.baseline ? [] : await prepareBaselineJobs(deps, project, correlation);
  const newest = !isConsistent && project.baseline ? project.cursor : pass.newest;
  await moveCursor(deps, current, { cursor: newest === "" ? date : newest, date, window }, jobs);
  return { project: current, changed, removed, unconfirmed, pages, hasCountMismatch };
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

/** Reads the pages of a project's list down to its cursor and observes the items of each. */
async function observeListedItems(deps: ObserveDeps, project: KeptProject, correlation: string): Promise<ListPass> {
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
    const { changed, unconfirmed } = await observePage(deps, pass.project, recent, readTimes, correlation);
    pass.changed += changed;
    pass.unconfirmed.push(...unconfirmed.map((item) => ({ project: pass.project, item })));
    pass.window += recent.length;
    pass.totals.add(answer.data.total_count);
    pass.pages += 1;
    for (const { updatedAt } of recent) if (updatedAt > pass.newest) pass.newest = updatedAt;
    if (recent.length < snapshots.length) break;
    began = await deps.store.now();
  }
  return pass;
}

/** Returns twice what the last pass had to read, so that a pass seldom needs a second page. */
function choosePageSize({ baseline, window }: KeptProject): number {
  return baseline ? Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, window * 2)) : LARGEST_PAGE;
}

async function countStoredItems({ store }: ObserveDeps, project: string): Promise<number> {
  return (await store.count(observedSets.items(project))) + (await store.count(observedSets.quiet(project)));
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
