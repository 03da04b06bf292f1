import { createEvaluateBlockersJob } from "../jobs/observe-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { activitiesApi } from "../plane/activities-links.ts";
import { type PlaneRelations, relationsApi as relationCalls } from "../plane/relations.ts";
import type { Job, Put, Revision, StoredRow, StoredValue, StoreKey } from "../store/port.ts";
import { readAllRows, scanRows } from "../store/scan-set.ts";
import { updateValue } from "../store/update.ts";
import { diff, isBlockingOthers } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { readItemEdges, toEdgeSets } from "./dependency-edges.ts";
import { type ObservationSource, type ObserveDeps, prepareItemUpdate } from "./observe-item.ts";
import { getNewSince, isReadableProject } from "./projects.ts";
import { readItem } from "./read-item.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptEdge, KeptProject, KeptRelations } from "./stored-records.ts";

/** Reads an item's relations, where Plane has them (not on v1.2), and takes over who waits for whom. */
export async function readRelations(deps: ObserveDeps, item: KeptItem, source: ObservationSource): Promise<void> {
  if (!(await deps.plane.capabilities()).relations) return;
  const began = await deps.store.now();
  const params = { project: item.snapshot.project, item: item.snapshot.id };
  const { data } = await deps.plane.call(relationCalls.list, { params, priority: "spare" });
  await observeRelations(deps, item, data, began, source);
}

/**
 * A relation belongs to the pair, and the latest reading of either end wins (rule 7): an edge is taken from this
 * reading unless the other end was read later. `began` is store time before the request.
 */
export async function observeRelations(
  deps: ObserveDeps,
  item: KeptItem,
  relations: Pick<PlaneRelations, "blocked_by" | "blocking">,
  began: number,
  source: ObservationSource,
): Promise<void> {
  const { id, project } = item.snapshot;
  const edges = new Map<StoreKey, KeptEdge>();
  for (const end of relations.blocked_by) {
    edges.set(observedKeys.edge(id, end.issue_id), {
      blocked: id,
      blocker: end.issue_id,
      blockerProject: end.project_id,
    });
  }
  for (const end of relations.blocking) {
    edges.set(observedKeys.edge(end.issue_id, id), { blocked: end.issue_id, blocker: id, blockerProject: project });
  }
  let isSilent: boolean | undefined;
  for (;;) {
    const kept = await readItemEdges(deps, id);
    const others = [
      ...new Set([...edges.values(), ...kept.map((row) => row.value)].map((edge) => getOtherEnd(edge, id))),
    ];
    const readings = await deps.store.read<KeptRelations>([id, ...others].map(observedKeys.relations));
    const [ownRead, ...otherReads] = readings;
    const now = await deps.store.now();
    // One from times to come was before the store's clock was set back.
    const isLater = (other: StoredValue<KeptRelations> | undefined) =>
      other !== undefined && other.value.at > began && other.value.at <= now;
    if (isLater(ownRead)) return;
    isSilent ??= ownRead === undefined && !(await hasRelationChangedSince(deps, item, source.project, edges.size));
    const readLater = new Set(others.filter((_, i) => isLater(otherReads[i])));
    const isFromThisRead = (edge: KeptEdge) => !readLater.has(getOtherEnd(edge, id));

    const added = [...edges].filter(([key, edge]) => isFromThisRead(edge) && !kept.some((row) => row.key === key));
    const removed = kept.filter((row) => isFromThisRead(row.value) && !edges.has(row.key));
    const put: Put[] = [
      { key: observedKeys.relations(id), value: { at: began } satisfies KeptRelations },
      ...added.map(([key, edge]) => ({
        key,
        value: { ...edge, ...omitUndefined({ unsaid: isSilent ? true : undefined }) },
        sets: toEdgeSets(edge),
      })),
      ...removed.map((row) => ({ key: row.key, value: undefined })),
    ];
    const waiting = new Set(
      [...added.map(([, edge]) => edge), ...removed.map((row) => row.value)].map((edge) => edge.blocked),
    );
    const cause = `${id}:${ownRead?.rev ?? 0}`;
    const jobs: Job[] = [...waiting].map((blocked) => createEvaluateBlockersJob(blocked, cause, source.correlation));
    const expect: [StoreKey, Revision][] = [id, ...others].map((end, i) => [
      observedKeys.relations(end),
      readings[i]?.rev ?? 0,
    ]);
    if ((await deps.store.commit({ expect, put, jobs })) === "kept") return;
  }
}

/**
 * Takes over that `id` waits for `blockers` as of now, by id and project: Plane has just been told so. `id` is an item
 * of our own making. A reading of it that began before (`began`, store time) is older than this and undoes nothing.
 */
export async function observeNewBlockers(
  deps: ObserveDeps,
  id: string,
  blockers: ReadonlyMap<string, string>,
  began: number,
  correlation: string,
): Promise<void> {
  const key = observedKeys.relations(id);
  await updateValue<KeptRelations>(deps, key, async (ownRead) => {
    const kept = await readAllRows<KeptEdge>(deps, observedSets.blockers(id));
    const added = [...blockers].filter(([blocker]) => !kept.some(({ value }) => value.blocker === blocker));
    const edges = added.map(([blocker, blockerProject]): KeptEdge => ({ blocked: id, blocker, blockerProject }));
    const value: KeptRelations = { at: Math.max(ownRead?.at ?? 0, began) };
    const put = edges.map((edge) => ({
      key: observedKeys.edge(id, edge.blocker),
      value: edge,
      sets: toEdgeSets(edge),
    }));
    return { put: [{ key, value }, ...put] };
  });
  await evaluateBlockers(deps, id, correlation);
}

/** Drops all edges of an item that is gone (Plane does so too) and has everyone who waited for it looked at. */
export async function dropItemEdges(deps: ObserveDeps, id: string, correlation: string): Promise<void> {
  const kept = await readItemEdges(deps, id);
  if (kept.length === 0) return;
  const waiting = new Set(kept.map((row) => row.value.blocked).filter((blocked) => blocked !== id));
  await deps.store.commit({
    put: kept.map((row) => ({ key: row.key, value: undefined })),
    jobs: [...waiting].map((blocked) => createEvaluateBlockersJob(blocked, correlation, correlation)),
  });
}

/**
 * Reckons anew which open blockers an item has, from the kept relations and snapshots. A blocker nobody has seen is
 * read once where its project can be; beside that no request to Plane.
 * Blockers that count, or count no longer, only because of relations that were there before us are taken over without
 * telling anyone: until such a blocker itself has been seen, nobody knows whether it was open.
 */
export async function evaluateBlockers(deps: ObserveDeps, id: string, correlation: string): Promise<void> {
  await updateValue<KeptItem>(deps, observedKeys.item(id), async (kept, rev) => {
    if (!kept || kept.gone !== undefined) return undefined;
    const [project] = await deps.store.read<KeptProject>([observedKeys.project(kept.snapshot.project)]);
    if (!project || !isReadableProject(project.value)) return undefined;
    const edges = await readAllRows<KeptEdge>(deps, observedSets.blockers(id));
    const items = await deps.store.read<KeptItem>(edges.map((row) => observedKeys.item(row.value.blocker)));
    const unknown = edges.filter((row, i) => !items[i] && !row.value.absent);
    if (await readUnknownBlockers(deps, unknown, correlation)) {
      // Everything read so far is older than what was read from Plane now.
      await evaluateBlockers(deps, id, correlation);
      return undefined;
    }
    // A blocker that cannot be read yet counts as open: starting too early is worse than waiting.
    const open = edges.filter(
      (row, i) =>
        isBlockingOthers(items[i]?.value, deps.settings.done.dependants_wait) && !(row.value.absent && !items[i]),
    );
    const blockers = open.map((row) => row.value.blocker).sort();
    const changed = [
      ...blockers.filter((blocker) => !kept.blockers.includes(blocker)),
      ...kept.blockers.filter((blocker) => !blockers.includes(blocker)),
    ];
    const settledEdges = edges.filter((row, i) => row.value.unsaid && (items[i] || row.value.absent));
    if (changed.length === 0 && settledEdges.length === 0) return undefined;

    const next: KeptItem = { ...kept, blockers };
    const isSilent = changed.every((id) => edges.some(({ value }) => value.blocker === id && value.unsaid));
    // Whose blocker was cancelled does not go on: it is blocked for that (OPENCLAW-14).
    const hasCancelledBlocker =
      deps.settings.agents.length > 0 &&
      items.some(
        (blocker) => blocker?.value.snapshot.word === "cancelled" && changed.includes(blocker.value.snapshot.id),
      );
    return prepareItemUpdate(deps, {
      before: kept,
      rev,
      next,
      events: isSilent ? [] : diff(kept, next).filter(({ kind }) => kind !== "unblocked" || !hasCancelledBlocker),
      source: { project: project.value, correlation, cause: correlation },
      via: "relations",
      jobs: [],
      extraWrites: {
        expect: settledEdges.map((row) => [row.key, row.rev]),
        put: settledEdges.map(({ key, value: { unsaid: _, ...edge } }) => ({
          key,
          value: edge,
          sets: toEdgeSets(edge),
        })),
      },
    });
  });
}

/** Reads blockers nobody has seen, in projects that have been read: an archived one, say, is in no list. True when it did. */
async function readUnknownBlockers(
  deps: ObserveDeps,
  unknown: StoredRow<KeptEdge>[],
  correlation: string,
): Promise<boolean> {
  const projects = await deps.store.read<KeptProject>(
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
    const put = [{ key, value: { ...value, absent: true }, sets: toEdgeSets(value) }];
    await deps.store.commit({ expect: [[key, rev]], put });
  }
  return hasRead;
}

/** All items that wait for something, each looked at again: heals what a lost job left behind (rule 10). */
export async function evaluateAllBlockers(deps: ObserveDeps, correlation: string): Promise<void> {
  const ids = new Set((await readAllRows<KeptEdge>(deps, observedSets.edges)).map(({ value }) => value.blocked));
  for await (const { value } of scanRows<KeptItem>(deps, observedSets.waiting)) ids.add(value.snapshot.id);
  for (const id of ids) await evaluateBlockers(deps, id, correlation);
}

/** On the first reading of an item that was there before us, only its activities tell whether a relation is new. */
async function hasRelationChangedSince(
  deps: ObserveDeps,
  item: KeptItem,
  project: KeptProject,
  edges: number,
): Promise<boolean> {
  const { snapshot } = item;
  const since = getNewSince(project);
  if (snapshot.createdAt >= since) return true;
  if (edges === 0 || snapshot.updatedAt < since) return false;
  const params = { project: snapshot.project, item: snapshot.id };
  for await (const { data } of deps.plane.pages(activitiesApi.list, { params, priority: "spare" })) {
    const related = data.results.some(
      ({ field, created_at }) => (field === "blocked_by" || field === "blocking") && created_at >= since,
    );
    if (related) return true;
  }
  return false;
}

function getOtherEnd(edge: KeptEdge, id: string): string {
  return edge.blocked === id ? edge.blocker : edge.blocked;
}
