import { createEvaluateBlockersJob } from "../jobs/observe-jobs.ts";
import { activitiesApi } from "../plane/activities-links.ts";
import type { PlaneRelations } from "../plane/relations.ts";
import type { Job } from "../store/job-operations.ts";
import type { Put, Revision, StoredRow, StoreKey } from "../store/port.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { type ActivityRelations, isDependencyActivity } from "./activity-relations.ts";
import { addEdgeSource, hasEdgeSource, readItemEdges, removeEdgeSource, toEdgeSets } from "./dependency-edges.ts";
import { CONTINUED_READ_WAIT_MS } from "./details-calls.ts";
import { dropIgnoredDependencies, forgetEndedRelations } from "./ignored-dependencies.ts";
import type { ObservationSource, ObserveDeps } from "./observe-item.ts";
import { getNewSince } from "./project-record.ts";
import { observedKeys } from "./store-keys.ts";
import type { KeptEdge, KeptProject, KeptRelations } from "./stored-records.ts";
import { isActivitySince } from "./undo-activities.ts";

/**
 * Stores the dependencies from a read of an item's relations. A relation belongs to both items, and the latest read of
 * either one decides (observation rule 7): edges whose other end was read later stay unchanged. `began` is store time
 * before the request. `fromActivities`: the relations were read from activities; a read of them does not remove
 * dependencies that come from "Blocked by" lines.
 */
export async function observeRelations(
  deps: ObserveDeps,
  item: KeptItem,
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
      { key: observedKeys.relations(id), value: { at: began } satisfies KeptRelations },
      ...difference.added.map(([key, edge]): Put => {
        const added = isSilent ? { ...edge, unsaid: true as const } : edge;
        const value = fromActivities ? addActivitySource(added, findEdge(state.kept, key)) : added;
        return { key, value, sets: toEdgeSets(edge) };
      }),
      ...difference.removed.map(({ key, value }): Put => {
        const rest = fromActivities && removeEdgeSource(value, "activities");
        return rest ? { key, value: rest, sets: toEdgeSets(rest) } : { key, value: undefined };
      }),
      ...state.endedRelations,
    ];
    const jobs = createEvaluationJobs(item, difference, state.ownRevision, source.correlation);
    if ((await deps.store.commit({ expect: state.expect, put, jobs })) === "kept") return;
  }
}

/** What is stored about an item's dependencies at one time. */
interface RelationState {
  /** Stored dependencies with the item at either end. */
  kept: StoredRow<KeptEdge>[];
  /** Dependencies from the read, without those that do not count. */
  edges: Map<StoreKey, KeptEdge>;
  endedRelations: Put[];
  /** Whether the relations of an item were read by a request that began after the present one. */
  wasReadLater(item: string): boolean;
  isFirstRead: boolean;
  /** Revision of the record of the item's own last read. */
  ownRevision: Revision;
  /** Everything that must still be as it was read. */
  expect: [StoreKey, Revision][];
}

async function readRelationState(
  deps: ObserveDeps,
  id: string,
  relationEdges: Map<StoreKey, KeptEdge>,
  began: number,
): Promise<RelationState> {
  const [kept, edges, endedRelations] = await Promise.all([
    readItemEdges(deps, id),
    dropIgnoredDependencies(deps, relationEdges),
    forgetEndedRelations(deps, id, relationEdges),
  ]);
  const allEdges = [...edges.values(), ...kept.map(({ value }) => value)];
  const ends = [id, ...new Set(allEdges.map((edge) => getOtherEnd(edge, id)))];
  const reads = await deps.store.read<KeptRelations>(ends.map(observedKeys.relations));
  const now = await deps.store.now();
  // A time in the future was stored before the store's clock was set back, so it does not count.
  const readLater = new Set(
    ends.filter((_, i) => {
      const readAt = reads[i]?.value.at;
      return readAt !== undefined && readAt > began && readAt <= now;
    }),
  );
  return {
    kept,
    edges,
    endedRelations,
    wasReadLater: (end) => readLater.has(end),
    isFirstRead: reads[0] === undefined,
    ownRevision: reads[0]?.rev ?? 0,
    expect: [
      ...ends.map((end, i): [StoreKey, Revision] => [observedKeys.relations(end), reads[i]?.rev ?? 0]),
      ...kept.map(({ key, rev }): [StoreKey, Revision] => [key, rev]),
    ],
  };
}

interface EdgeDifference {
  added: [StoreKey, KeptEdge][];
  removed: StoredRow<KeptEdge>[];
}

/** Compares the dependencies that were read with the stored ones, as far as this read decides. */
function compareEdges(id: string, state: RelationState, isFromActivities: boolean): EdgeDifference {
  const isFromThisRead = (edge: KeptEdge) => !state.wasReadLater(getOtherEnd(edge, id));
  const known = state.kept.filter(({ value }) => !isFromActivities || hasEdgeSource(value, "activities"));
  return {
    added: [...state.edges].filter(([key, edge]) => isFromThisRead(edge) && findEdge(known, key) === undefined),
    removed: known.filter(({ key, value }) => isFromThisRead(value) && !state.edges.has(key)),
  };
}

function findEdge(rows: readonly StoredRow<KeptEdge>[], key: StoreKey): KeptEdge | undefined {
  return rows.find((row) => row.key === key)?.value;
}

/** Returns a dependency that activities show; `before` is the stored one, which has another source. */
function addActivitySource(added: KeptEdge, before: KeptEdge | undefined): KeptEdge {
  return before ? addEdgeSource(before, "activities") : { ...added, sources: ["activities"] };
}

/** Creates a job for each item whose blockers have changed or are known for the first time. */
function createEvaluationJobs(
  item: KeptItem,
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

/** Returns the dependencies that an item's relations describe, by store key. */
function collectEdges(
  { snapshot: { id, project } }: KeptItem,
  relations: Pick<PlaneRelations, "blocked_by" | "blocking">,
): Map<StoreKey, KeptEdge> {
  const edges = new Map<StoreKey, KeptEdge>();
  for (const { issue_id: blocker, project_id: blockerProject } of relations.blocked_by)
    edges.set(observedKeys.edge(id, blocker), { blocked: id, blocker, blockerProject });
  for (const { issue_id: blocked } of relations.blocking)
    edges.set(observedKeys.edge(blocked, id), { blocked, blocker: id, blockerProject: project });
  return edges;
}

/** Whether a relation is new on the first read of an item that existed before: only its activities show that. */
async function hasRelationChangedSince(
  deps: ObserveDeps,
  item: KeptItem,
  project: KeptProject,
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

function getOtherEnd(edge: KeptEdge, id: string): string {
  return edge.blocked === id ? edge.blocker : edge.blocked;
}
