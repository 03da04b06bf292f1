import { relationsApi as relationCalls } from "../plane/relations.ts";
import { readAllRows } from "../store/scan-set.ts";
import { updateValue } from "../store/update.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { readActivityRelations } from "./activity-relations.ts";
import { toEdgeSets } from "./dependency-edges.ts";
import { toReadTime } from "./details-calls.ts";
import { evaluateBlockers } from "./evaluate-blockers.ts";
import type { ObservationSource, ObserveDeps } from "./observe-item.ts";
import { observeRelations } from "./observe-relations.ts";
import { readForTask } from "./read-for-task.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptEdge, KeptRelations } from "./stored-records.ts";

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
