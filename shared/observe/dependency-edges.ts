import { createEvaluateBlockersJob } from "../jobs/observe-jobs.ts";
import type { StoredRow } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { observedSets } from "./store-keys.ts";
import type { EdgeSource, KeptEdge } from "./stored-records.ts";

const DEFAULT_SOURCES: readonly EdgeSource[] = ["text"];

export function hasEdgeSource(edge: KeptEdge, source: EdgeSource): boolean {
  return (edge.sources ?? DEFAULT_SOURCES).includes(source);
}

export function addEdgeSource(edge: KeptEdge, source: EdgeSource): KeptEdge {
  return hasEdgeSource(edge, source) ? edge : { ...edge, sources: [...(edge.sources ?? DEFAULT_SOURCES), source] };
}

/** Removes a source of a dependency. Without another one there is no dependency: then undefined. */
export function removeEdgeSource(edge: KeptEdge, source: EdgeSource): KeptEdge | undefined {
  const sources = (edge.sources ?? DEFAULT_SOURCES).filter((other) => other !== source);
  return sources.length > 0 ? { ...edge, sources } : undefined;
}

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
