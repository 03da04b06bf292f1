import { observedSets } from "../../observe/store-keys.ts";
import type { KeptEdge } from "../../observe/stored-records.ts";
import { readAllRows } from "../../store/scan-set.ts";
import type { WorkDeps } from "../context/call-context.ts";

/**
 * Finds how one task waits for another: the ids from `from` to `to`, each waiting for the next one. Undefined when it
 * does not, directly or through others. Reads the stored dependencies, breadth first, so the path is a shortest one.
 */
export async function findWaitingPath(
  deps: Pick<WorkDeps, "store">,
  from: string,
  to: string,
): Promise<string[] | undefined> {
  const previous = new Map<string, string | undefined>([[from, undefined]]);
  for (const id of previous.keys()) {
    if (id === to) return tracePath(previous, to);
    const edges = await readAllRows<KeptEdge>(deps, observedSets.blockers(id));
    // A Map that is extended while it is iterated also visits the new entries, in the order of their insertion.
    for (const { value } of edges) if (!previous.has(value.blocker)) previous.set(value.blocker, id);
  }
  return undefined;
}

function tracePath(previous: ReadonlyMap<string, string | undefined>, end: string): string[] {
  const path: string[] = [];
  for (let id: string | undefined = end; id !== undefined; id = previous.get(id)) path.unshift(id);
  return path;
}
