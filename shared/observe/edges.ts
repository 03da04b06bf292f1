import type { Row } from "../store/port.ts";
import { all } from "../store/walk.ts";
import type { ObserveDeps } from "./item.ts";
import type { KeptEdge } from "./kept.ts";
import { sets } from "./keys.ts";

/** The sets an edge can be found by: from either end, and among all. */
export function edgeSets({ blocked, blocker }: KeptEdge): string[] {
  return [sets.edges, sets.blockers(blocked), sets.dependants(blocker)];
}

/** All edges with this item at one end. */
export async function edgesOf(deps: Pick<ObserveDeps, "store">, id: string): Promise<Row<KeptEdge>[]> {
  const [waitsFor, holdsUp] = await Promise.all([
    all<KeptEdge>(deps, sets.blockers(id)),
    all<KeptEdge>(deps, sets.dependants(id)),
  ]);
  return [...waitsFor, ...holdsUp];
}

/** Everyone who waits for this item. */
export async function dependantsOf(deps: Pick<ObserveDeps, "store">, id: string): Promise<string[]> {
  return (await all<KeptEdge>(deps, sets.dependants(id))).map((row) => row.value.blocked);
}
