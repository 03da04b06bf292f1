/**
 * Stores the dependencies that a read of an item's relations shows. A relation belongs to both items, and the latest
 * read of either decides; one that existed before the observation began is stored silently.
 */

import type { SyncDeps } from "../app/deps.ts";
import { createEvaluateBlockersJob } from "../jobs/observe-jobs.ts";
import { activitiesApi, type PlaneRelations } from "../plane/work-items.ts";
import { type EdgeRecord, getNewSince, type ProjectRecord, type RelationsRecord } from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import type { Job, Put, Revision, StoredRow, StoreKey } from "../store/port.ts";
import { readAllRows } from "../store/records.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import { type ActivityRelations, isActivitySince, isDependencyActivity } from "./activities.ts";
import { addEdgeSource, hasEdgeSource, readItemEdges, removeEdgeSource, toEdgeSets } from "./dependency-edges.ts";
import type { ObservationSource } from "./event-facts.ts";
import { CONTINUED_READ_WAIT_MS } from "./spare-reads.ts";

/** What is stored about an item's dependencies at one time. */
interface RelationState {
  /** Stored dependencies with the item at either end. */
  stored: StoredRow<EdgeRecord>[];
  /** Dependencies from the read, without those that do not count. */
  edges: Map<StoreKey, EdgeRecord>;
  endedRelations: Put[];
  /** Whether the relations of an item were read by a request that began after the present one. */
  wasReadLater(item: string): boolean;
  isFirstRead: boolean;
  /** Revision of the record of the item's own last read. */
  ownRevision: Revision;
  /** Everything that must still be as it was read. */
  expect: [StoreKey, Revision][];
}

interface EdgeDifference {
  added: [StoreKey, EdgeRecord][];
  removed: StoredRow<EdgeRecord>[];
}

/**
 * A relation that exists in Plane and that does not count: an agent removed the dependency, and Plane's API cannot
 * remove relations. It is stored until a read no longer finds the relation in Plane.
 */
export interface IgnoredDependencyRecord {
  blocked: string;
  blocker: string;
}

/**
 * Stores the dependencies from a read of an item's relations. A relation belongs to both items, and the latest read of
 * either one decides (observation rule 7): edges whose other end was read later stay unchanged. `began` is store time
 * before the request. `fromActivities`: the relations were read from activities; a read of them does not remove
 * dependencies that come from "Blocked by" lines.
 */
export async function observeRelations(
  deps: SyncDeps,
  item: ItemRecord,
  relations: Pick<PlaneRelations, "blocked_by" | "blocking">,
  began: number,
  source: ObservationSource,
  fromActivities?: Pick<ActivityRelations, "latestChange">,
): Promise<void> {
  const { id } = item.snapshot;
  const relationEdges = collectEdges(item, relations);
  let isSilent: boolean | undefined;
  for (;;) {
    const state = await readRelationState(deps, id, relationEdges, began);
    if (state.wasReadLater(id)) return;
    isSilent ??=
      state.isFirstRead &&
      !(await hasRelationChangedSince(deps, item, source.project, state.edges.size, fromActivities));
    const difference = compareEdges(id, state, fromActivities !== undefined);
    const put: Put[] = [
      { key: observedKeys.relations(id), value: { at: began } satisfies RelationsRecord },
      ...difference.added.map(([key, edge]): Put => {
        const added = isSilent ? { ...edge, isInitial: true as const } : edge;
        const value = fromActivities ? addActivitySource(added, findEdge(state.stored, key)) : added;
        return { key, value, sets: toEdgeSets(edge) };
      }),
      ...difference.removed.map(({ key, value }): Put => {
        const rest = fromActivities && removeEdgeSource(value, "activities");
        return rest ? { key, value: rest, sets: toEdgeSets(rest) } : { key, value: undefined };
      }),
      ...state.endedRelations,
    ];
    const jobs = createEvaluationJobs(item, difference, state.ownRevision, source.correlation);
    if ((await deps.store.commit({ expect: state.expect, put, jobs })) === "committed") return;
  }
}

/** Returns the dependencies that an item's relations describe, by store key. */
function collectEdges(
  { snapshot: { id, project } }: ItemRecord,
  relations: Pick<PlaneRelations, "blocked_by" | "blocking">,
): Map<StoreKey, EdgeRecord> {
  const edges = new Map<StoreKey, EdgeRecord>();
  for (const { issue_id: blocker, project_id: blockerProject } of relations.blocked_by)
    edges.set(observedKeys.edge(id, blocker), { blocked: id, blocker, blockerProject });
  for (const { issue_id: blocked } of relations.blocking)
    edges.set(observedKeys.edge(blocked, id), { blocked, blocker: id, blockerProject: project });
  return edges;
}

async function readRelationState(
  deps: SyncDeps,
  id: string,
  relationEdges: Map<StoreKey, EdgeRecord>,
  began: number,
): Promise<RelationState> {
  const [stored, edges, endedRelations] = await Promise.all([
    readItemEdges(deps, id),
    dropIgnoredDependencies(deps, relationEdges),
    forgetEndedRelations(deps, id, relationEdges),
  ]);
  const allEdges = [...edges.values(), ...stored.map(({ value }) => value)];
  const ends = [id, ...new Set(allEdges.map((edge) => getOtherEnd(edge, id)))];
  const reads = await deps.store.read<RelationsRecord>(ends.map(observedKeys.relations));
  const now = await deps.store.now();
  // A time in the future was stored before the store's clock was set back, so it does not count.
  const readLater = new Set(
    ends.filter((_, i) => {
      const readAt = reads[i]?.value.at;
      return readAt !== undefined && readAt > began && readAt <= now;
    }),
  );
  return {
    stored,
    edges,
    endedRelations,
    wasReadLater: (end) => readLater.has(end),
    isFirstRead: reads[0] === undefined,
    ownRevision: reads[0]?.rev ?? 0,
    expect: [
      ...ends.map((end, i): [StoreKey, Revision] => [observedKeys.relations(end), reads[i]?.rev ?? 0]),
      ...stored.map(({ key, rev }): [StoreKey, Revision] => [key, rev]),
    ],
  };
}

/** Removes the dependencies that do not count from those of a read. */
async function dropIgnoredDependencies(
  { store }: Pick<SyncDeps, "store">,
  edges: ReadonlyMap<StoreKey, EdgeRecord>,
): Promise<Map<StoreKey, EdgeRecord>> {
  const entries = [...edges];
  const ignored = await store.read(
    entries.map(([, { blocked, blocker }]) => observedKeys.ignoredDependency(blocked, blocker)),
  );
  return new Map(entries.filter((_, i) => !ignored[i]));
}

/** The puts that forget ignored dependencies of an item whose relations Plane no longer has. */
async function forgetEndedRelations(
  deps: Pick<SyncDeps, "store">,
  blocked: string,
  edges: ReadonlyMap<StoreKey, EdgeRecord>,
): Promise<Put[]> {
  const ignored = await readAllRows<IgnoredDependencyRecord>(deps, observedSets.ignoredDependencies(blocked));
  return ignored
    .filter(({ value }) => !edges.has(observedKeys.edge(blocked, value.blocker)))
    .map(({ key }) => ({ key, value: undefined }));
}

function getOtherEnd(edge: EdgeRecord, id: string): string {
  return edge.blocked === id ? edge.blocker : edge.blocked;
}

/** Whether a relation is new on the first read of an item that existed before: only its activities show that. */
async function hasRelationChangedSince(
  deps: SyncDeps,
  item: ItemRecord,
  project: ProjectRecord,
  edges: number,
  fromActivities: Pick<ActivityRelations, "latestChange"> | undefined,
): Promise<boolean> {
  const { snapshot } = item;
  const since = getNewSince(project);
  if (snapshot.createdAt >= since) return true;
  if (edges === 0 || snapshot.updatedAt < since) return false;
  if (fromActivities)
    return fromActivities.latestChange !== undefined && isActivitySince(fromActivities.latestChange, since);
  const params = { project: snapshot.project, item: snapshot.id };
  const waitBudget = { left: CONTINUED_READ_WAIT_MS };
  for await (const { data } of deps.plane.pages(activitiesApi.list, { params, priority: "spare", waitBudget })) {
    if (data.results.some((activity) => isDependencyActivity(activity) && isActivitySince(activity, since)))
      return true;
  }
  return false;
}

/** Compares the dependencies that were read with the stored ones, as far as this read decides. */
function compareEdges(id: string, state: RelationState, isFromActivities: boolean): EdgeDifference {
  const isFromThisRead = (edge: EdgeRecord) => !state.wasReadLater(getOtherEnd(edge, id));
  const known = state.stored.filter(({ value }) => !isFromActivities || hasEdgeSource(value, "activities"));
  return {
    added: [...state.edges].filter(([key, edge]) => isFromThisRead(edge) && findEdge(known, key) === undefined),
    removed: known.filter(({ key, value }) => isFromThisRead(value) && !state.edges.has(key)),
  };
}

function findEdge(rows: readonly StoredRow<EdgeRecord>[], key: StoreKey): EdgeRecord | undefined {
  return rows.find((row) => row.key === key)?.value;
}

/** Returns a dependency that activities show; `before` is the stored one, which has another source. */
function addActivitySource(added: EdgeRecord, before: EdgeRecord | undefined): EdgeRecord {
  return before ? addEdgeSource(before, "activities") : { ...added, sources: ["activities"] };
}

/** Creates a job for each item whose blockers have changed or are known for the first time. */
function createEvaluationJobs(
  item: ItemRecord,
  { added, removed }: EdgeDifference,
  ownRevision: Revision,
  correlation: string,
): Job[] {
  const { id } = item.snapshot;
  const changed = [...added.map(([, edge]) => edge), ...removed.map(({ value }) => value)];
  const waiting = new Set(changed.map(({ blocked }) => blocked));
  // Its blockers are known from now on, also when there are none.
  if (item.blockersUnknown) waiting.add(id);
  return [...waiting].map((blocked) => createEvaluateBlockersJob(blocked, `${id}:${ownRevision}`, correlation));
}
