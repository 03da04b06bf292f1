/**
 * Stored dependencies between items, and where each was found: relations, activities, or the `Blocked by:` lines of a
 * description, and the circles among them. Plane before v1.3 has no relations in its API.
 */

import type { SyncDeps } from "../app/deps.ts";
import { createObserveJob } from "../jobs/internal-jobs.ts";
import { limitHtml } from "../markdown/limits.ts";
import { htmlToText } from "../markdown/plain-text.ts";
import { TASK_KEY_SOURCE } from "../names.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { shiftPlaneTime } from "../plane/endpoint.ts";
import type { PlaneActivity, PlaneRelations } from "../plane/work-items.ts";
import {
  type EdgeRecord,
  type EdgeSource,
  getNewSince,
  listReadableProjects,
  type ProjectRecord,
} from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import type { Put, StoredRow } from "../store/port.ts";
import { readAllRows, scanRows, updateValue } from "../store/records.ts";
import type { ItemRecord, Snapshot } from "../task/snapshot.ts";
import { ACTIVITY_DELAY_MS, readActivities } from "./spare-reads.ts";

/** A dependency graph over any names: `blocked → blockers`. */
type WaitGraph = ReadonlyMap<string, readonly string[]>;

interface Visit {
  name: string;
  remaining: string[];
}

/** An item's dependencies in Plane, and where they were found. */
export interface FoundRelations {
  relations: PlaneRelations;
  source: Exclude<EdgeSource, "text">;
  /** Of activities: the latest change of a dependency; absent when there was none. */
  latestChange?: PlaneActivity;
}

type DependencyField = "blocked_by" | "blocking";

/** A related item: its id, and its key at the time when the relation was added. */
interface RelatedItem {
  field: DependencyField;
  id: string;
  key: string;
}

/** Tags that end a line. Line breaks in the HTML source do not. */
const BLOCK_TAGS = /<(?:br|\/?(?:p|div|li|ul|ol|h[1-6]|tr|td|blockquote|pre))\b[^<>]*>/gi;

/** In both languages, whatever LOCALE is: it may have changed, and people write the line themselves. */
const BLOCKED_BY_LINE = /^(?:blocked by|bloquée? par)\s*:\s*(.+)$/i;

/** A paragraph or list item that consists of such a line. */
const BLOCKED_BY_ELEMENT =
  /<(p|li|div)\b[^<>]*>\s*(?:blocked|bloqu\S{1,10})(?:\s|&nbsp;)+(?:by|par)(?:\s|&nbsp;)*:[^<]*<\/\1>/gi;

const TASK_KEY = new RegExp(String.raw`^[\s,;]*(?:(?:and|et)\s+)?(${TASK_KEY_SOURCE})(?![\p{L}\p{N}_-])`, "iu");

/** Limit of a parsed line: 2,000 characters, enough for more than a hundred keys. */
const MAX_LINE_LENGTH = 2_000;

/** The write of a dependency, which is in three sets: all dependencies, those of the item, and those of its blocker. */
export function toEdgePut(edge: EdgeRecord): Put {
  const { blocked, blocker } = edge;
  return {
    key: observedKeys.edge(blocked, blocker),
    value: edge,
    sets: [observedSets.edges, observedSets.blockers(blocked), observedSets.dependants(blocker)],
  };
}

/**
 * Compares the dependencies that were found with the stored ones, and returns the writes and the items whose
 * dependencies have changed. Plane's relations decide about every dependency. The other sources, where there are no
 * relations, decide only about their own, and a dependency ends with its last source.
 */
export function compareEdges(
  stored: readonly StoredRow<EdgeRecord>[],
  found: readonly EdgeRecord[],
  source: EdgeSource,
): { put: Put[]; changed: Set<string> } {
  const all = new Map(stored.map(({ key, value }) => [key, value]));
  const isOfSource = ({ sources = [] }: EdgeRecord) => source === "relations" || sources.includes(source);
  const foundKeys = new Set(found.map(({ blocked, blocker }) => observedKeys.edge(blocked, blocker)));
  const put: Put[] = [];
  const changed = new Set<string>();
  for (const edge of found) {
    const before = all.get(observedKeys.edge(edge.blocked, edge.blocker));
    if (before && isOfSource(before)) continue;
    const { sources = [] } = before ?? {};
    put.push(toEdgePut({ ...(before ?? edge), sources: [...sources, source] }));
    changed.add(edge.blocked);
  }
  for (const [key, edge] of all) {
    if (foundKeys.has(key) || !isOfSource(edge)) continue;
    const rest = source === "relations" ? [] : edge.sources.filter((other) => other !== source);
    put.push(rest.length > 0 ? toEdgePut({ ...edge, sources: rest }) : { key, value: undefined });
    changed.add(edge.blocked);
  }
  return { put, changed };
}

/** Reads all edges that have this item at either end. */
export async function readItemEdges(deps: Pick<SyncDeps, "store">, id: string): Promise<StoredRow<EdgeRecord>[]> {
  const [blockerEdges, dependantEdges] = await Promise.all([
    readAllRows<EdgeRecord>(deps, observedSets.blockers(id)),
    readAllRows<EdgeRecord>(deps, observedSets.dependants(id)),
  ]);
  return [...blockerEdges, ...dependantEdges];
}

/** Returns the ids of the items that depend on this item. */
export async function readDependantIds(deps: Pick<SyncDeps, "store">, id: string): Promise<string[]> {
  return (await readAllRows<EdgeRecord>(deps, observedSets.dependants(id))).map((row) => row.value.blocked);
}

/** Deletes all edges of a removed item, as Plane does, and queues an evaluation of each of its dependants. */
export async function dropItemEdges(deps: Pick<SyncDeps, "store">, id: string, correlation: string): Promise<void> {
  const stored = await readItemEdges(deps, id);
  if (stored.length === 0) return;
  const waiting = new Set(stored.map((row) => row.value.blocked).filter((blocked) => blocked !== id));
  await deps.store.commit({
    put: stored.map((row) => ({ key: row.key, value: undefined })),
    jobs: [...waiting].map((item) => createObserveJob({ type: "evaluate_blockers", item, correlation }, correlation)),
  });
}

/**
 * Reads an item's dependencies from its activities: the API of Plane before v1.3 has no relations, but both items of a
 * relation that is added or removed in the browser get an activity.
 */
export async function readActivityRelations(
  deps: Pick<SyncDeps, "plane" | "store" | "wait">,
  item: Snapshot,
): Promise<FoundRelations & { date: string }> {
  const waitBudget = { left: 0 };
  let read = await readActivities(deps, item, waitBudget);
  if (read.date < shiftPlaneTime(item.updatedAt, ACTIVITY_DELAY_MS)) {
    await deps.wait(ACTIVITY_DELAY_MS);
    read = await readActivities(deps, item, waitBudget);
  }
  const related = await findItemProjects(deps, item.project, parseRelatedItems(item.id, read.rows));
  const select = (wanted: DependencyField) => related.filter(({ field }) => field === wanted);
  return {
    relations: { blocked_by: select("blocked_by"), blocking: select("blocking") },
    source: "activities",
    ...omitUndefined({ latestChange: read.rows.filter(isDependencyActivity).at(-1) }),
    date: read.date,
  };
}

/**
 * Returns the related items that an item's activities, oldest first, leave. Where the relation is removed from the
 * other item, Plane writes this item's own id as `old_identifier`, so the key decides as well.
 */
function parseRelatedItems(
  item: string,
  activities: readonly Pick<PlaneActivity, "field" | "verb" | "old_value" | "new_value" | "old_identifier">[],
): RelatedItem[] {
  let related: RelatedItem[] = [];
  for (const activity of activities) {
    if (!isDependencyActivity(activity)) continue;
    const { field, old_identifier: id } = activity;
    if (activity.verb === "deleted") {
      related = related.filter(
        (other) => other.field !== field || (id === item ? other.key !== activity.old_value : other.id !== id),
      );
    } else if (id !== null && id !== item) {
      related = related.filter((other) => other.field !== field || other.id !== id);
      related.push({ field, id, key: activity.new_value ?? "" });
    }
  }
  return related;
}

/** Adds the project of each related item: of the stored item, else by its key, else the item's own project. */
async function findItemProjects(deps: Pick<SyncDeps, "store">, ownProject: string, related: readonly RelatedItem[]) {
  if (related.length === 0) return [];
  const items = await deps.store.read<ItemRecord>(related.map(({ id }) => observedKeys.item(id)));
  const projects = await readAllRows<ProjectRecord>(deps, observedSets.projects);
  return related.map(({ field, id, key }, i) => {
    const identifier = key.slice(0, key.lastIndexOf("-"));
    const byKey = projects.find(({ value }) => value.identifier === identifier)?.value.id;
    return { field, issue_id: id, project_id: items[i]?.value.snapshot.project ?? byKey ?? ownProject };
  });
}

/** Whether an activity adds or removes a dependency. */
export function isDependencyActivity<Activity extends Pick<PlaneActivity, "field">>(
  activity: Activity,
): activity is Activity & { field: DependencyField } {
  return activity.field === "blocked_by" || activity.field === "blocking";
}

/**
 * Stores the dependencies that an item's description names: Plane before v1.3 has no relations. Keys of unknown items
 * are ignored until the item is observed. Sends no request to Plane.
 */
export async function observeBlockedByText(deps: SyncDeps, id: string, correlation: string): Promise<void> {
  if ((await deps.plane.capabilities()).relations) return;
  await updateValue<ItemRecord>(deps, observedKeys.item(id), async (item, rev) => {
    if (!item || item.removedAt !== undefined) return undefined;
    const stored = await readAllRows<EdgeRecord>(deps, observedSets.blockers(id));
    const blockerProjects = await findItemsByKey(deps, parseBlockedByText(item.snapshot.description));
    blockerProjects.delete(id);
    const { project: projectId, createdAt, updatedAt } = item.snapshot;
    const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(projectId)]);
    const since = project?.value.began ? getNewSince(project.value) : "";
    // What has not changed since the observation of its project began is stored silently.
    const mark = createdAt < since && updatedAt < since ? { isInitial: true as const } : {};
    const found = [...blockerProjects].map(
      ([blocker, blockerProject]): EdgeRecord => ({ blocked: id, blocker, blockerProject, sources: [], ...mark }),
    );
    const { put } = compareEdges(stored, found, "text");
    if (put.length === 0) return undefined;
    const cause = `blocked_by_text:${rev}:${correlation}`;
    const jobs = [createObserveJob({ type: "evaluate_blockers", item: id, correlation }, cause)];
    return { expect: stored.map(({ key, rev }) => [key, rev]), put, jobs };
  });
}

/** Returns the ids of the stored items with these keys, each with its project's id. */
async function findItemsByKey(deps: SyncDeps, keys: string[]): Promise<Map<string, string>> {
  const projectsByItem = new Map<string, string>();
  if (keys.length === 0) return projectsByItem;
  const projects = await readAllRows<ProjectRecord>(deps, observedSets.projects);
  for (const key of keys) {
    const [identifier, number] = key.split("-");
    const project = projects.find(({ value }) => value.identifier.toUpperCase() === identifier)?.value.id;
    if (project === undefined) continue;
    const { rows } = await deps.store.scan<ItemRecord>(observedSets.numbered(project, Number(number)), undefined, 1);
    for (const { value } of rows) projectsByItem.set(value.snapshot.id, project);
  }
  return projectsByItem;
}

/**
 * Evaluates the "Blocked by" lines of all open items and all items with dependencies: finds keys of items that became
 * known since, and repairs what a lost job left out of date (observation rule 10).
 */
export async function observeAllBlockedByText(deps: SyncDeps, correlation: string): Promise<void> {
  if ((await deps.plane.capabilities()).relations) return;
  const ids = new Set((await readAllRows<EdgeRecord>(deps, observedSets.edges)).map(({ value }) => value.blocked));
  for (const project of await listReadableProjects(deps)) {
    for await (const { value } of scanRows<ItemRecord>(deps, observedSets.open(project.id)))
      if (mayContainBlockedByText(value)) ids.add(value.snapshot.id);
  }
  for (const id of ids) await observeBlockedByText(deps, id, correlation);
}

/** Whether a description may contain a "Blocked by" line. Cheap, because it runs for every observed item. */
export function mayContainBlockedByText(item: ItemRecord | undefined): boolean {
  return (
    item !== undefined &&
    /(?:blocked|bloqu\S{1,10})(?:\s|&nbsp;)+(?:by|par)/i.test(limitHtml(item.snapshot.description))
  );
}

/** Returns a description without its paragraphs and list items that are "Blocked by" lines. */
export function removeBlockedByLines(html: string): string {
  return html.replace(BLOCKED_BY_ELEMENT, "");
}

/**
 * Returns the task keys in the lines `Blocked by: ONB-3, ONB-4` of a description (its first 100,000 characters, which
 * are all that agents read), in upper case, without duplicates.
 */
export function parseBlockedByText(html: string): string[] {
  const keys = new Set<string>();
  for (const line of limitHtml(html).replace(/\s+/g, " ").replace(BLOCK_TAGS, "\n").split("\n")) {
    let remaining = BLOCKED_BY_LINE.exec(htmlToText(line, MAX_LINE_LENGTH).normalize("NFC"))?.[1] ?? "";
    for (let key = TASK_KEY.exec(remaining); key; key = TASK_KEY.exec(remaining)) {
      keys.add((key[1] ?? "").toUpperCase());
      remaining = remaining.slice(key[0].length);
    }
  }
  return [...keys];
}

/**
 * Finds disjoint cycles in a dependency graph. Each is a path in which every node waits for the next one; it starts
 * with the node whose name sorts first and ends with that node again. Pure; the result does not depend on the order of
 * the input. Linear in the number of edges.
 */
export function findDependencyCycles(waits: WaitGraph): string[][] {
  const cycles: string[][] = [];
  const visited = new Set<string>();
  for (const start of [...waits.keys()].sort()) {
    let cycle = visited.has(start) ? undefined : findCycleFrom(waits, start, visited);
    while (cycle) {
      cycles.push(rotateCycle(cycle));
      // The nodes reachable from this one may contain further cycles.
      cycle = visited.has(start) ? undefined : findCycleFrom(waits, start, visited);
    }
  }
  return cycles;
}

/** Depth-first search for one cycle. Nodes without a cycle, and those of the cycle found, are added to `visited`. */
function findCycleFrom(waits: WaitGraph, start: string, visited: Set<string>): string[] | undefined {
  const path: Visit[] = [createVisit(waits, start)];
  const onPath = new Set([start]);
  for (let last = path.at(-1); last; last = path.at(-1)) {
    const next = last.remaining.shift();
    if (next === undefined) {
      path.pop();
      onPath.delete(last.name);
      visited.add(last.name);
    } else if (onPath.has(next)) {
      const names = path.map(({ name }) => name);
      const cycle = names.slice(names.indexOf(next));
      for (const name of cycle) visited.add(name);
      return cycle;
    } else if (!visited.has(next)) {
      path.push(createVisit(waits, next));
      onPath.add(next);
    }
  }
  return undefined;
}

function createVisit(waits: WaitGraph, name: string): Visit {
  return { name, remaining: [...(waits.get(name) ?? [])].sort() };
}

function rotateCycle(cycle: string[]): string[] {
  const first = cycle.indexOf([...cycle].sort()[0] ?? "");
  const path = [...cycle.slice(first), ...cycle.slice(0, first)];
  return [...path, ...path.slice(0, 1)];
}
