import { createEvaluateBlockersJob } from "../jobs/observe-jobs.ts";
import type { StoredRow } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { observedSets } from "./store-keys.ts";
import type { KeptEdge } from "./stored-records.ts";

/** Returns the sets of an edge: all edges, the edges of the blocked item, and the edges of the blocker. */
export function toEdgeSets({ blocked, blocker }: KeptEdge): string[] {
  return [observedSets.edges, observedSets.blockers(blocked), observedSets.dependants(blocker)];
}

/** Reads all edges that have this item at either end. */
export async function readItemEdges(deps: Pick<ObserveDeps, "store">, id: string): Promise<StoredRow<KeptEdge>[]> {
  const [blockerEdges, dependantEdges] = await Promise.all([
    readAllRows<KeptEdge>(deps, observedSets.blockers(id)),
    readAllRows<KeptEdge>(deps, observedSets.dependants(id)),
  ]);
  return [...blockerEdges, ...dependantEdges];
}

/** Returns the ids of the items that depend on this item. */
export async function readDependantIds(deps: Pick<ObserveDeps, "store">, id: string): Promise<string[]> {
  return (await readAllRows<KeptEdge>(deps, observedSets.dependants(id))).map((row) => row.value.blocked);
}

/** Deletes all edges of a removed item, as Plane does, and queues an evaluation of each of its dependants. */
export async function dropItemEdges(deps: Pick<ObserveDeps, "store">, id: string, correlation: string): Promise<void> {
  const kept = await readItemEdges(deps, id);
  if (kept.length === 0) return;
  const waiting = new Set(kept.map((row) => row.value.blocked).filter((blocked) => blocked !== id));
  await deps.store.commit({
    put: kept.map((row) => ({ key: row.key, value: undefined })),
    jobs: [...waiting].map((blocked) => createEvaluateBlockersJob(blocked, correlation, correlation)),
  });
}
