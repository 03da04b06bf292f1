import { type Neighbours, sortTopologically } from "./assign-layers.ts";

/**
 * Finds the chain of tasks, each waiting for the one before, with the greatest sum of weights; of equal sums the one
 * with more tasks. Weights are not negative, and the dependencies contain no cycle. Empty when there are no tasks.
 */
export function findCriticalPath(
  ids: readonly string[],
  neighbours: Neighbours,
  getWeight: (id: string) => number,
): string[] {
  interface Chain {
    weight: number;
    length: number;
    previous?: string;
  }
  const chains = new Map<string, Chain>();
  const isLonger = (a: Chain, b: Chain | undefined) =>
    !b || a.weight > b.weight || (a.weight === b.weight && a.length > b.length);
  let last: string | undefined;
  for (const id of sortTopologically(ids.toSorted(), neighbours)) {
    let chain: Chain = { weight: getWeight(id), length: 1 };
    for (const blocker of (neighbours.before.get(id) ?? []).toSorted()) {
      const before = chains.get(blocker);
      if (!before) continue;
      const longer = { weight: before.weight + getWeight(id), length: before.length + 1, previous: blocker };
      if (isLonger(longer, chain)) chain = longer;
    }
    chains.set(id, chain);
    if (last === undefined || isLonger(chain, chains.get(last))) last = id;
  }
  const path: string[] = [];
  for (let id = last; id !== undefined; id = chains.get(id)?.previous) path.unshift(id);
  return path;
}
