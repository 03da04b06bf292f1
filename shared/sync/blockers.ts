/**
 * An item's open blockers: its relations are read and stored, and the blockers are evaluated from the stored
 * dependencies and snapshots whenever one of them changes. A relation belongs to both items, and the latest read of
 * either decides. A dependency that an agent removed and Plane's API cannot remove is ignored.
 */

import type { SyncDeps } from "../app/deps.ts";
import { createObserveJob } from "../jobs/internal-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import type { PlaneClient } from "../plane/endpoint.ts";
import { relationsApi } from "../plane/work-items.ts";
import {
  type EdgeRecord,
  getNewSince,
  isReadableProject,
  type ProjectRecord,
  type RelationsRecord,
} from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import type { Put, Revision, StoredRow, StoreKey } from "../store/port.ts";
import { readAllRows, scanRows, updateValue } from "../store/records.ts";
import { diff } from "../task/events.ts";
import { type ItemRecord, isBlockingOthers, type Snapshot } from "../task/snapshot.ts";
import {
  compareEdges,
  type FoundRelations,
  isDependencyActivity,
  readActivityRelations,
  readItemEdges,
  toEdgePut,
} from "./dependency-edges.ts";
import { isActivitySince, type ObservationSource } from "./event-facts.ts";
import { prepareItemUpdate, readItem } from "./observe-item.ts";
import {
  CONTINUED_READ_WAIT_MS,
  readActivities,
  readForTask,
  readWithIdleKeys,
  toReadTarget,
  toReadTime,
} from "./spare-reads.ts";

/**
 * Reads an item's relations and stores its dependencies. The API of Plane before v1.3 has no relations; there they are
 * read from the item's activities. With `idle` Groundcrew's own quota is left to others. Returns Plane's time before
 * which every change was seen.
 */
export async function readRelations(
  deps: SyncDeps,
  item: ItemRecord,
  source: ObservationSource,
  keys: "own" | "idle" = "own",
): Promise<string> {
  const began = await deps.store.now();
  const hasRelations = (await deps.plane.capabilities()).relations;
  const readList = (plane: PlaneClient) =>
    hasRelations ? readRelationList(plane, item.snapshot) : readActivityRelations({ ...deps, plane }, item.snapshot);
  const { date, ...found } =
    keys === "own"
      ? await readForTask(deps, item, readList)
      : await readWithIdleKeys(deps, toReadTarget(item), relationsApi.list.operation, readList);
  const readAt = toReadTime(date, (await deps.store.now()) - began);
  await observeRelations(deps, item, found, began, source);
  return readAt;
}

async function readRelationList(
  plane: PlaneClient,
  { id, project }: Snapshot,
): Promise<FoundRelations & { date: string }> {
  const { data, date } = await plane.call(relationsApi.list, { params: { project, item: id }, priority: "spare" });
  return { relations: data, source: "relations", date };
}

/**
 * Stores the dependencies from a read of an item's relations. A relation belongs to both items, and the latest read of
 * either one decides (observation rule 7): edges whose other end was read later stay unchanged. `began` is store time
 * before the request.
 */
async function observeRelations(
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
    const foundKeys = edges.map(({ blocked, blocker }) => observedKeys.edge(blocked, blocker));
    const mayBeLacking = ({ key, value: { writtenAt } }: StoredRow<EdgeRecord>) =>
      !foundKeys.includes(key) && writtenAt !== undefined && writtenAt >= began && writtenAt <= now;
    isSilent ??= ownRead === undefined && !(await hasRelationChangedSince(deps, item, project, edges.length, found));
    const { put, changed } = compareEdges(
      stored.filter((row) => isDecided(row.value) && !mayBeLacking(row)),
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
  const { blocked_by, blocking } = relations;
  return [
    ...blocked_by.map((end) => ({ blocked: id, blocker: end.issue_id, blockerProject: end.project_id, sources: [] })),
    ...blocking.map((end) => ({ blocked: end.issue_id, blocker: id, blockerProject: project, sources: [] })),
  ];
}

/**
 * Removes the dependencies that do not count from those of a read. `endedRelations`: the writes that forget ignored
 * dependencies of the item whose relations Plane no longer has.
 */
async function dropIgnoredDependencies(deps: Pick<SyncDeps, "store">, id: string, found: readonly EdgeRecord[]) {
  const keys = found.map(({ blocked, blocker }) => observedKeys.ignoredDependency(blocked, blocker));
  const [marks, ignored] = await Promise.all([
    deps.store.read(keys),
    readAllRows(deps, observedSets.ignoredDependencies(id)),
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

/**
 * Stores dependencies that Groundcrew has just written to Plane: the new item `id` depends on `blockers` (item id to
 * project id). `began` is store time before the write; reads that began before its end do not undo it.
 */
export async function observeNewBlockers(
  deps: SyncDeps,
  id: string,
  blockers: ReadonlyMap<string, string>,
  began: number,
  correlation: string,
): Promise<void> {
  const key = observedKeys.relations(id);
  await updateValue<RelationsRecord>(deps, key, async (ownRead) => {
    const stored = await readAllRows<EdgeRecord>(deps, observedSets.blockers(id));
    const added = [...blockers].filter(([blocker]) => !stored.some(({ value }) => value.blocker === blocker));
    const value: RelationsRecord = { at: Math.max(ownRead?.at ?? 0, began) };
    const writtenAt = await deps.store.now();
    const put = added.map(([blocker, blockerProject]) =>
      toEdgePut({ blocked: id, blocker, blockerProject, sources: ["relations"], writtenAt }),
    );
    return { put: [{ key, value }, ...put] };
  });
  await evaluateBlockers(deps, id, correlation);
}

/**
 * Computes an item's open blockers from the stored relations and snapshots. An unknown blocker is read once if its
 * project can be read; otherwise no request is sent to Plane. Changes that come only from relations that existed before
 * the observation began cause no events: until such a blocker has been observed, it is unknown whether it was open.
 */
export async function evaluateBlockers(deps: SyncDeps, id: string, correlation: string): Promise<void> {
  await updateValue<ItemRecord>(deps, observedKeys.item(id), async (stored, rev) => {
    if (!stored || stored.removedAt !== undefined) return undefined;
    const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(stored.snapshot.project)]);
    if (!project || !isReadableProject(project.value)) return undefined;
    const rows = await readAllRows<EdgeRecord>(deps, observedSets.blockers(id));
    const items = await deps.store.read<ItemRecord>(rows.map(({ value }) => observedKeys.item(value.blocker)));
    const edges = rows.map((row, i) => ({ ...row, blocker: items[i]?.value }));
    const unknown = edges.filter(({ value, blocker }) => !blocker && !value.isBlockerMissing);
    if (await readUnknownBlockers(deps, unknown, correlation)) {
      // The values read above are older than the reads from Plane, so the evaluation starts over.
      await evaluateBlockers(deps, id, correlation);
      return undefined;
    }
    // A blocker that cannot be read yet counts as open, because starting too early is worse than waiting.
    const open = edges.filter(
      ({ value, blocker }) =>
        (blocker || !value.isBlockerMissing) && isBlockingOthers(blocker, deps.settings.done.dependants_wait),
    );
    const blockers = open.map(({ value }) => value.blocker).sort();
    const changed = [
      ...blockers.filter((blocker) => !stored.blockers.includes(blocker)),
      ...stored.blockers.filter((blocker) => !blockers.includes(blocker)),
    ];
    const evaluatedEdges = edges.filter(({ value, blocker }) => value.isInitial && (blocker || value.isBlockerMissing));
    const [relations] = stored.blockersUnknown ? await deps.store.read([observedKeys.relations(id)]) : [];
    if (changed.length === 0 && evaluatedEdges.length === 0 && !relations) return undefined;

    const { blockersUnknown, ...rest } = stored;
    const next: ItemRecord = {
      ...rest,
      blockers,
      ...omitUndefined({ blockersUnknown: relations ? undefined : blockersUnknown }),
    };
    const isSilent = changed.every((id) => edges.some(({ value }) => value.blocker === id && value.isInitial));
    // A task whose blocker was cancelled is not unblocked: it stays blocked because of the cancellation (OPENCLAW-14).
    const hasCancelledBlocker =
      deps.settings.agents.length > 0 &&
      edges.some(({ value, blocker }) => blocker?.snapshot.status === "cancelled" && changed.includes(value.blocker));
    return prepareItemUpdate(deps, {
      before: stored,
      rev,
      next,
      events: isSilent ? [] : diff(stored, next).filter(({ kind }) => kind !== "unblocked" || !hasCancelledBlocker),
      source: { project: project.value, correlation, cause: correlation },
      via: "relations",
      extraWrites: {
        expect: evaluatedEdges.map((row) => [row.key, row.rev]),
        put: evaluatedEdges.map(({ value: { isInitial: _, ...edge } }) => toEdgePut(edge)),
      },
    });
  });
}

/**
 * Reads unknown blockers of projects that have a baseline, for example archived items, which no list contains. True
 * when it read any.
 */
async function readUnknownBlockers(deps: SyncDeps, unknown: StoredRow<EdgeRecord>[], correlation: string) {
  const projects = await deps.store.read<ProjectRecord>(
    unknown.map((row) => observedKeys.project(row.value.blockerProject)),
  );
  let hasRead = false;
  for (const [i, { key, value, rev }] of unknown.entries()) {
    const project = projects[i]?.value;
    if (!project?.baseline || !isReadableProject(project)) continue;
    hasRead = true;
    await readItem(deps, value.blocker, { project, correlation });
    const [found] = await deps.store.read([observedKeys.item(value.blocker)]);
    if (found) continue;
    await deps.store.commit({ expect: [[key, rev]], put: [toEdgePut({ ...value, isBlockerMissing: true })] });
  }
  return hasRead;
}

/**
 * Evaluates the blockers of all items with dependencies: repairs what a lost job left out of date (observation rule
 * 10).
 */
export async function evaluateAllBlockers(deps: SyncDeps, correlation: string): Promise<void> {
  const ids = new Set((await readAllRows<EdgeRecord>(deps, observedSets.edges)).map(({ value }) => value.blocked));
  for await (const { value } of scanRows<ItemRecord>(deps, observedSets.waiting)) ids.add(value.snapshot.id);
  for (const id of ids) await evaluateBlockers(deps, id, correlation);
}

/** Drops stored dependencies from now on, although Plane keeps their relations. Repeating the call has no effect. */
export async function ignoreDependencies(
  deps: SyncDeps,
  blocked: string,
  blockers: readonly string[],
  correlation: string,
): Promise<void> {
  for (const blocker of blockers) {
    await updateValue<EdgeRecord>(deps, observedKeys.edge(blocked, blocker), (edge) => {
      const key = observedKeys.ignoredDependency(blocked, blocker);
      const mark: Put = { key, value: { blocked, blocker }, sets: [observedSets.ignoredDependencies(blocked)] };
      return { put: edge ? [mark, { key: observedKeys.edge(blocked, blocker), value: undefined }] : [mark] };
    });
  }
  await evaluateBlockers(deps, blocked, correlation);
}

/** Lets dependencies count again, before they are added again. */
export async function restoreDependencies(
  { store }: Pick<SyncDeps, "store">,
  blocked: string,
  blockers: readonly string[],
): Promise<void> {
  const keys = blockers.map((blocker) => observedKeys.ignoredDependency(blocked, blocker));
  const ignored = await store.read(keys);
  const put = keys.flatMap((key, i) => (ignored[i] ? [{ key, value: undefined }] : []));
  if (put.length > 0) await store.commit({ put });
}
