/**
 * Stores the dependencies that a read of an item's relations shows. A relation belongs to both items, and the latest
 * read of either decides; one that existed before the observation began is stored silently.
 */

import type { SyncDeps } from "../app/deps.ts";
import { createObserveJob } from "../jobs/observe-jobs.ts";
import { keepDefined } from "../omit-undefined.ts";
import { type EdgeRecord, getNewSince, type ProjectRecord, type RelationsRecord } from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import type { Put, Revision, StoreKey } from "../store/port.ts";
import { readAllRows, updateValue } from "../store/records.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import { type FoundRelations, isActivitySince, isDependencyActivity, readActivities } from "./activities.ts";
import { compareEdges, readItemEdges } from "./dependency-edges.ts";
import type { ObservationSource } from "./event-facts.ts";
import { CONTINUED_READ_WAIT_MS } from "./spare-reads.ts";

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
 * before the request.
 */
export async function observeRelations(
  deps: SyncDeps,
  item: ItemRecord,
  found: FoundRelations,
  began: number,
  { project, correlation }: ObservationSource,
): Promise<void> {
  const { id } = item.snapshot;
  const key = observedKeys.relations(id);
  const foundEdges = collectEdges(item, found);
  const getOtherEnd = (edge: EdgeRecord) => (edge.blocked === id ? edge.blocker : edge.blocked);
  let isSilent: boolean | undefined;
  await updateValue<RelationsRecord>(deps, key, async (ownRead, rev) => {
    const [stored, { edges, endedRelations }] = await Promise.all([
      readItemEdges(deps, id),
      dropIgnoredDependencies(deps, id, foundEdges),
    ]);
    const others = [...new Set([...edges, ...stored.map(({ value }) => value)].map(getOtherEnd))];
    const otherReads = await deps.store.read<RelationsRecord>(others.map(observedKeys.relations));
    const now = await deps.store.now();
    // A time in the future was stored before the store's clock was set back, so it does not count.
    const isLater = (read: RelationsRecord | undefined) => read !== undefined && read.at > began && read.at <= now;
    if (isLater(ownRead)) return undefined;
    const readLater = new Set(others.filter((_, i) => isLater(otherReads[i]?.value)));
    const isDecided = (edge: EdgeRecord) => !readLater.has(getOtherEnd(edge));
    isSilent ??= ownRead === undefined && !(await hasRelationChangedSince(deps, item, project, edges.length, found));
    const { put, changed } = compareEdges(
      stored.filter(({ value }) => isDecided(value)),
      edges.filter(isDecided).map((edge) => (isSilent ? { ...edge, isInitial: true } : edge)),
      found.source,
    );
    // Its blockers are known from now on, also when there are none.
    if (item.blockersUnknown) changed.add(id);
    return {
      expect: [
        ...others.map((end, i): [StoreKey, Revision] => [observedKeys.relations(end), otherReads[i]?.rev ?? 0]),
        ...stored.map((row): [StoreKey, Revision] => [row.key, row.rev]),
      ],
      put: [{ key, value: { at: began } satisfies RelationsRecord }, ...put, ...endedRelations],
      jobs: [...changed].map((blocked) =>
        createObserveJob({ type: "evaluate_blockers", item: blocked, correlation }, `${id}:${rev}`),
      ),
    };
  });
}

/** Returns the dependencies that an item's relations describe. */
function collectEdges({ snapshot: { id, project } }: ItemRecord, { relations }: FoundRelations): EdgeRecord[] {
  return [
    ...relations.blocked_by.map(({ issue_id, project_id }) => ({
      blocked: id,
      blocker: issue_id,
      blockerProject: project_id,
      sources: [],
    })),
    ...relations.blocking.map(({ issue_id }) => ({
      blocked: issue_id,
      blocker: id,
      blockerProject: project,
      sources: [],
    })),
  ];
}

/**
 * Removes the dependencies that do not count from those of a read. `endedRelations`: the writes that forget ignored
 * dependencies of the item whose relations Plane no longer has.
 */
async function dropIgnoredDependencies(
  deps: Pick<SyncDeps, "store">,
  id: string,
  found: readonly EdgeRecord[],
): Promise<{ edges: EdgeRecord[]; endedRelations: Put[] }> {
  const keys = found.map(({ blocked, blocker }) => observedKeys.ignoredDependency(blocked, blocker));
  const [marks, ignored] = await Promise.all([
    deps.store.read(keys),
    readAllRows<IgnoredDependencyRecord>(deps, observedSets.ignoredDependencies(id)),
  ]);
  return {
    edges: found.filter((_, i) => !marks[i]),
    endedRelations: ignored.flatMap(({ key }) => (keys.includes(key) ? [] : [{ key, value: undefined }])),
  };
}

/** Whether a relation is new on the first read of an item that existed before: only its activities show that. */
async function hasRelationChangedSince(
  deps: SyncDeps,
  { snapshot }: ItemRecord,
  project: ProjectRecord,
  edges: number,
  { source, latestChange }: FoundRelations,
): Promise<boolean> {
  const since = getNewSince(project);
  if (snapshot.createdAt >= since) return true;
  if (edges === 0 || snapshot.updatedAt < since) return false;
  const changes =
    source === "activities"
      ? keepDefined([latestChange])
      : (await readActivities(deps, snapshot, { left: CONTINUED_READ_WAIT_MS })).rows.filter(isDependencyActivity);
  return changes.some((activity) => isActivitySince(activity, since));
}
