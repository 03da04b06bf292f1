import type { Job } from "../store/port.ts";
import { pages } from "../store/walk.ts";
import { sameSnapshot } from "../task/accept.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import { rows, rowsQuery, snapshotOf } from "./door.ts";
import { itemPut, type ObserveDeps, observeItem, saysNothingNew } from "./item.ts";
import { cyclesJob, detailsJob, fillJob, linesJob, projectCheckJob } from "./jobs.ts";
import type { KeptProject } from "./kept.ts";
import { keys, sets } from "./keys.ts";
import { mayNameBlockers } from "./lines.ts";
import { withHands } from "./owners.ts";
import { isNewProject, newSince, planeDate, projectPut, shifted } from "./projects.ts";

/** What a pass over one project found. */
export interface PassResult {
  /** The project with the times this pass gave it. */
  project: KeptProject;
  /** Items that were not as they are kept. */
  changed: number;
  /** Items that one read saw lose something: to be read again 2 s later, in the same tick (and queued, should it end early). */
  doubtful: { project: KeptProject; item: string }[];
  pages: number;
  /** Plane's count and ours differ: a full id pass must find out why. */
  differs: boolean;
}

/** A pass reads so far past the cursor: Plane may show a change later than its `updated_at` says. */
const LOOK_BACK_MS = 600_000;
const SMALLEST_PAGE = 100;
/** Plane's own maximum. */
const LARGEST_PAGE = 1000;
/** How many kept snapshots are put in one commit at a baseline. */
const CHUNK = 200;

/**
 * Reads a project's work items newest first down to the cursor (rule 3) and observes each. The first complete pass
 * is the baseline: what it finds was there before us, except what was created since it began (rule 9).
 * A list whose length changed from page to page may have skipped a row: the cursor stays, and the next pass reads it again.
 */
export async function passProject(deps: ObserveDeps, project: KeptProject, correlation: string): Promise<PassResult> {
  const mark = await takeMark(deps, project.id);
  const depth = depthOf(project);
  const perPage = project.baseline ? Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, project.window * 2)) : LARGEST_PAGE;
  const result: PassResult = { project, changed: 0, doubtful: [], pages: 0, differs: false };
  const query = { ...rowsQuery, per_page: perPage };
  let current = project;
  let began = await deps.store.now();
  let date = "";
  let newest = project.cursor;
  let window = 0;
  const totals = new Set<number>();
  for await (const answer of deps.plane.pages(rows, { params: { project: project.id }, query })) {
    if (date === "") {
      date = planeDate(answer.date);
      if (current.began === "") current = await begin(deps, current, date);
    }
    const snapshots = await Promise.all(answer.data.results.map((row) => snapshotOf(deps, row)));
    // Plane lists the newest first; people are told in the order in which it happened.
    const wanted = snapshots.filter((snapshot) => snapshot.updatedAt >= depth).reverse();
    const seen = { since: mark, began, ended: await deps.store.now() };
    await observePage(deps, current, wanted, seen, correlation, result);
    window += wanted.length;
    totals.add(answer.data.total_count);
    result.pages += 1;
    for (const { updatedAt } of wanted) if (updatedAt > newest) newest = updatedAt;
    if (wanted.length < snapshots.length) break;
    began = await deps.store.now();
  }
  result.project = current;
  const isWhole = totals.size === 1;
  const { store } = deps;
  const kept = (await store.count(sets.items(project.id))) + (await store.count(sets.quiet(project.id)));
  result.differs = !isWhole || !totals.has(kept);
  if (!isWhole && project.baseline) newest = project.cursor;
  const jobs: Job[] = [];
  if (!project.baseline) {
    // Before the baseline is over: one that ends here is begun again, with all it asks for.
    await queueFill(deps, project.id, correlation);
    jobs.push(projectCheckJob(project.id, "baseline"));
    if (project.cycles) jobs.push(cyclesJob(project.id, "baseline", correlation));
  }
  await moveCursor(deps, current, { cursor: newest === "" ? date : newest, date, window }, jobs);
  return result;
}

/** From when on a project's items are new, kept before the first of them is: a restart must not move it. */
async function begin(deps: ObserveDeps, project: KeptProject, date: string): Promise<KeptProject> {
  const key = keys.project(project.id);
  for (;;) {
    const [kept] = await deps.store.read<KeptProject>([key]);
    const next = { ...(kept?.value ?? project), began: kept?.value.began || date };
    if ((await deps.store.commit({ expect: [[key, kept?.rev ?? 0]], put: [projectPut(next)] })) === "kept") return next;
  }
}

/** A revision that everything kept from now on exceeds: what has a greater one was kept after the pass began. */
export async function takeMark(deps: Pick<ObserveDeps, "store" | "newId">, project: string): Promise<number> {
  const key = keys.mark(project);
  await deps.store.commit({ put: [{ key, value: deps.newId() }] });
  const [mark] = await deps.store.read([key]);
  return mark?.rev ?? 0;
}

function depthOf(project: KeptProject): string {
  if (!project.baseline) return "";
  return project.settled === project.cursor ? project.cursor : shifted(project.cursor, -LOOK_BACK_MS);
}

interface PageSeen {
  since: number;
  began: number;
  ended: number;
}

async function observePage(
  deps: ObserveDeps,
  project: KeptProject,
  snapshots: Snapshot[],
  seen: PageSeen,
  correlation: string,
  result: PassResult,
): Promise<void> {
  const kept = await deps.store.read<KeptItem>(snapshots.map((snapshot) => keys.item(snapshot.id)));
  const told: Snapshot[] = [];
  const details = [];
  const since = project.baseline ? project.began : newSince(project);
  for (const [i, snapshot] of snapshots.entries()) {
    const before = kept[i];
    if (saysNothingNew(before?.value, (other) => sameSnapshot(other, snapshot))) {
      details.push(...detailsJob(before.value, correlation));
    } else if (!before && !project.baseline && snapshot.createdAt < since) {
      told.push(snapshot);
    } else {
      const source = { project, correlation, cause: `${correlation}:${before?.rev ?? 0}`, newSince: since };
      const outcome = await observeItem(deps, snapshot.id, { via: "read", snapshot, ...seen }, source);
      if (outcome.rereadIn !== undefined) result.doubtful.push({ project, item: snapshot.id });
      result.changed += 1;
    }
  }
  if (details.length > 0) await deps.store.commit({ jobs: details });
  for (let i = 0; i < told.length; i += CHUNK)
    await keepKnown(deps, project, told.slice(i, i + CHUNK), seen, correlation);
}

/** Keeps many items that were there before us in one commit; when one was kept meanwhile, each goes through the door. */
async function keepKnown(
  deps: ObserveDeps,
  project: KeptProject,
  snapshots: Snapshot[],
  seen: PageSeen,
  correlation: string,
): Promise<void> {
  const items = await Promise.all(
    snapshots.map((snapshot) => withHands(deps, undefined, { snapshot, blockers: [], detailsAt: snapshot.updatedAt })),
  );
  const result = await deps.store.commit({
    expect: snapshots.map((snapshot) => [keys.item(snapshot.id), 0]),
    put: items.map(itemPut),
  });
  if (result === "kept") return;
  for (const snapshot of snapshots) {
    const source = { project, correlation, cause: correlation, newSince: newSince(project) };
    await observeItem(deps, snapshot.id, { via: "read", snapshot, ...seen }, source);
  }
}

interface Moved {
  cursor: string;
  date: string;
  window: number;
}

async function moveCursor(deps: ObserveDeps, read: KeptProject, moved: Moved, jobs: Job[]): Promise<void> {
  const key = keys.project(read.id);
  for (;;) {
    const [kept] = await deps.store.read<KeptProject>([key]);
    if (!kept) return;
    const { settled: _, ...rest } = kept.value;
    const quiet = moved.date >= shifted(moved.cursor, LOOK_BACK_MS);
    const next: KeptProject = {
      ...rest,
      began: kept.value.began || read.began,
      baseline: true,
      cursor: moved.cursor,
      window: moved.window,
      // Of a project that is new to everyone, the end is news too, also when its first pass already finds it.
      completed: kept.value.baseline || isNewProject(kept.value) ? kept.value.completed : await allDone(deps, read.id),
      ...(quiet && { settled: moved.cursor }),
    };
    if (JSON.stringify(next) === JSON.stringify(kept.value)) return;
    if ((await deps.store.commit({ expect: [[key, kept.rev]], put: [projectPut(next)], jobs })) === "kept") return;
  }
}

async function allDone(deps: ObserveDeps, project: string): Promise<boolean> {
  const [open, all] = await Promise.all([deps.store.count(sets.open(project)), deps.store.count(sets.items(project))]);
  return open === 0 && all > 0;
}

/**
 * Who waits for whom among the open items that were there before us: read once, when there is quota to spare. What this
 * Plane does not have, relations or lines, is left alone by the one who works it: nothing is asked for here.
 */
async function queueFill(deps: ObserveDeps, project: string, correlation: string): Promise<void> {
  for await (const page of pages<KeptItem>(deps, sets.open(project))) {
    const jobs = page.flatMap(({ value, rev }) => [
      ...(value.detailsAt === undefined ? [] : [fillJob(value.snapshot, correlation)]),
      ...(mayNameBlockers(value) ? [linesJob(value.snapshot, rev)] : []),
    ]);
    await deps.store.commit({ jobs });
  }
}
