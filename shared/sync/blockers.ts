/**
 * An item's open blockers: its relations are read, and the blockers are evaluated from the stored dependencies and
 * snapshots whenever one of them changes. A dependency that an agent removed and Plane's API cannot remove is ignored.
 */

import type { SyncDeps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { PlaneClient } from "../plane/endpoint.ts";
import { relationsApi } from "../plane/work-items.ts";
import {
  type EdgeRecord,
  isReadableProject,
  type ProjectRecord,
  type RelationsRecord,
} from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import type { Put, StoredRow } from "../store/port.ts";
import { readAllRows, scanRows, updateValue } from "../store/records.ts";
import { diff } from "../task/events.ts";
import { type ItemRecord, isBlockingOthers, type Snapshot } from "../task/snapshot.ts";
import { type FoundRelations, readActivityRelations } from "./activities.ts";
import { toEdgePut } from "./dependency-edges.ts";
import type { ObservationSource } from "./event-facts.ts";
import { prepareItemUpdate, readItem } from "./observe-item.ts";
import { type IgnoredDependencyRecord, observeRelations } from "./relations.ts";
import { readForTask, readWithIdleKeys, toReadTarget, toReadTime } from "./spare-reads.ts";

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
 * Stores dependencies that Groundcrew has just written to Plane: the new item `id` depends on `blockers` (item id to
 * project id). `began` is store time before the write; reads of the relations that began earlier do not undo it.
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
    const put = added.map(([blocker, blockerProject]) =>
      toEdgePut({ blocked: id, blocker, blockerProject, sources: ["relations"] }),
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
async function readUnknownBlockers(
  deps: SyncDeps,
  unknown: StoredRow<EdgeRecord>[],
  correlation: string,
): Promise<boolean> {
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
      const value: IgnoredDependencyRecord = { blocked, blocker };
      const mark: Put = {
        key: observedKeys.ignoredDependency(blocked, blocker),
        value,
        sets: [observedSets.ignoredDependencies(blocked)],
      };
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
