import { createEvaluateBlockersJob } from "../jobs/observe-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { activitiesApi } from "../plane/activities-links.ts";
import { type PlaneRelations, relationsApi as relationCalls } from "../plane/relations.ts";
import type { Job } from "../store/job-operations.ts";
import type { Put, Revision, StoredValue, StoreKey } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import { updateValue } from "../store/update.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { type ActivityRelations, isDependencyActivity, readActivityRelations } from "./activity-relations.ts";
import { addEdgeSource, hasEdgeSource, readItemEdges, removeEdgeSource, toEdgeSets } from "./dependency-edges.ts";
import { CONTINUED_READ_WAIT_MS, toReadTime } from "./details-calls.ts";
import { evaluateBlockers } from "./evaluate-blockers.ts";
import { dropIgnoredDependencies, forgetEndedRelations } from "./ignored-dependencies.ts";
import type { ObservationSource, ObserveDeps } from "./observe-item.ts";
import { getNewSince } from "./project-record.ts";
import { readForTask } from "./read-for-task.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptEdge, KeptProject, KeptRelations } from "./stored-records.ts";
import { isActivitySince } from "./undo-activities.ts";

/**
 * Reads an item's relations and stores its dependencies. The API of Plane before v1.3 has no relations; there they are
 * read from the item's activities. Returns Plane's time before which every change was seen.
 */
export async function readRelations(deps: ObserveDeps, item: KeptItem, source: ObservationSource): Promise<string> {
  const began = await deps.store.now();
  if (!(await deps.plane.capabilities()).relations) {
    const { relations, latestChange, date } = await readForTask(deps, item, (plane) =>
      readActivityRelations({ ...deps, plane }, item.snapshot),
    );
    const readAt = toReadTime(date, (await deps.store.now()) - began);
    await observeRelations(deps, item, relations, began, source, { latestChange });
    return readAt;
  }
  const params = { project: item.snapshot.project, item: item.snapshot.id };
  const { data, date } = await readForTask(deps, item, (plane) =>
    plane.call(relationCalls.list, { params, priority: "spare" }),
  );
  const readAt = toReadTime(date, (await deps.store.now()) - began);
  await observeRelations(deps, item, data, began, source);
  return readAt;
}

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
    const [kept, edges, endedRelations] = await Promise.all([
      readItemEdges(deps, id),
      dropIgnoredDependencies(deps, relationEdges),
      forgetEndedRelations(deps, id, relationEdges),
    ]);
    const others = [
      ...new Set([...edges.values(), ...kept.map((row) => row.value)].map((edge) => getOtherEnd(edge, id))),
    ];
    const reads = await deps.store.read<KeptRelations>([id, ...others].map(observedKeys.relations));
    const [ownRead, ...otherReads] = reads;
    const now = await deps.store.now();
    // A time in the future was stored before the store's clock was set back, so it does not count.
    const isLater = (other: StoredValue<KeptRelations> | undefined) =>
      other !== undefined && other.value.at > began && other.value.at <= now;
    if (isLater(ownRead)) return;
    isSilent ??=
      ownRead === undefined && !(await hasRelationChangedSince(deps, item, source.project, edges.size, fromActivities));
    const readLater = new Set(others.filter((_, i) => isLater(otherReads[i])));
    const isFromThisRead = (edge: KeptEdge) => !readLater.has(getOtherEnd(edge, id));

    const known = kept.filter(({ value }) => !fromActivities || hasEdgeSource(value, "activities"));
    const added = [...edges].filter(([key, edge]) => isFromThisRead(edge) && !known.some((row) => row.key === key));
    const removed = known.filter((row) => isFromThisRead(row.value) && !edges.has(row.key));
    const toAddedEdge = (key: StoreKey, edge: KeptEdge): KeptEdge => {
      const added = { ...edge, ...omitUndefined({ unsaid: isSilent ? true : undefined }) };
      if (!fromActivities) return added;
      const before = kept.find((row) => row.key === key)?.value;
      return before ? addEdgeSource(before, "activities") : { ...added, sources: ["activities"] };
    };
    const put: Put[] = [
      { key: observedKeys.relations(id), value: { at: began } satisfies KeptRelations },
      ...added.map(([key, edge]) => ({
        key,
        value: toAddedEdge(key, edge),
        sets: toEdgeSets(edge),
      })),
      ...removed.map(({ key, value }) => {
        const rest = fromActivities && removeEdgeSource(value, "activities");
        return rest ? { key, value: rest, sets: toEdgeSets(rest) } : { key, value: undefined };
      }),
      ...endedRelations,
    ];
    const waiting = new Set(
      [...added.map(([, edge]) => edge), ...removed.map((row) => row.value)].map((edge) => edge.blocked),
    );
    // Its blockers are known from now on, also when there are none.
    if (item.blockersUnknown) waiting.add(id);
    const cause = `${id}:${ownRead?.rev ?? 0}`;
    const jobs: Job[] = [...waiting].map((blocked) => createEvaluateBlockersJob(blocked, cause, source.correlation));
    const expect: [StoreKey, Revision][] = [
      ...[id, ...others].map((end, i): [StoreKey, Revision] => [observedKeys.relations(end), reads[i]?.rev ?? 0]),
      ...kept.map(({ key, rev }): [StoreKey, Revision] => [key, rev]),
    ];
    if ((await deps.store.commit({ expect, put, jobs })) === "kept") return;
  }
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

/**
 * Stores dependencies that Groundcrew has just written to Plane: the new item `id` depends on `blockers` (item id to
 * project id). `began` is store time before the write; reads of the relations that began earlier do not undo it.
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
