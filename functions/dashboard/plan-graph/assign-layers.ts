import type { Dependency } from "./break-cycles.ts";

/** Dependencies by task: what it waits for, and what waits for it. */
export interface Neighbours {
  before: ReadonlyMap<string, readonly string[]>;
  after: ReadonlyMap<string, readonly string[]>;
}

export function collectNeighbours(dependencies: readonly Dependency[]): Neighbours {
  const before = new Map<string, string[]>();
  const after = new Map<string, string[]>();
  for (const { from, to } of dependencies) {
    before.set(to, [...(before.get(to) ?? []), from]);
    after.set(from, [...(after.get(from) ?? []), to]);
  }
  return { before, after };
}

/** Sorts tasks so that each comes after all that it waits for. The dependencies must contain no cycle. */
export function sortTopologically(ids: readonly string[], { before, after }: Neighbours): string[] {
  const waitCounts = new Map(ids.map((id) => [id, before.get(id)?.length ?? 0]));
  const sorted = ids.filter((id) => waitCounts.get(id) === 0);
  // An array that grows while it is iterated also visits the new entries.
  for (const id of sorted)
    for (const next of after.get(id) ?? []) {
      const count = (waitCounts.get(next) ?? 0) - 1;
      waitCounts.set(next, count);
      if (count === 0) sorted.push(next);
    }
  return sorted;
}

/**
 * Assigns each task its layer, from 0: the earliest in which all that it waits for is in layers before. The
 * dependencies must contain no cycle.
 */
export function assignLayers(ids: readonly string[], neighbours: Neighbours): Map<string, number> {
  const layers = new Map<string, number>();
  for (const id of sortTopologically(ids, neighbours)) {
    const blockers = neighbours.before.get(id) ?? [];
    layers.set(id, Math.max(-1, ...blockers.map((blocker) => layers.get(blocker) ?? 0)) + 1);
  }
  return layers;
}
