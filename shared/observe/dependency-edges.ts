import type { StoredRow } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { observedSets } from "./store-keys.ts";
import type { KeptEdge } from "./stored-records.ts";

/** The sets an edge can be found by: from either end, and among all. */
export function toEdgeSets({ blocked, blocker }: KeptEdge): string[] {
  return [observedSets.edges, observedSets.blockers(blocked), observedSets.dependants(blocker)];
}

/** All edges with this item at one end. */
export async function readItemEdges(deps: Pick<ObserveDeps, "store">, id: string): Promise<StoredRow<KeptEdge>[]> {
  const [blockerEdges, dependantEdges] = await Promise.all([
    readAllRows<KeptEdge>(deps, observedSets.blockers(id)),
    readAllRows<KeptEdge>(deps, observedSets.dependants(id)),
  ]);
  return [...blockerEdges, ...dependantEdges];
}

/** Everyone who waits for this item. */
export async function readDependantIds(deps: Pick<ObserveDeps, "store">, id: string): Promise<string[]> {
  return (await readAllRows<KeptEdge>(deps, observedSets.dependants(id))).map((row) => row.value.blocked);
}
