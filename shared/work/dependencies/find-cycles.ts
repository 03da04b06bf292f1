/** A dependency graph over any names: `blocked → blockers`. */
export type WaitGraph = ReadonlyMap<string, readonly string[]>;

/**
 * Finds disjoint cycles in a dependency graph. Each is a path in which every node waits for the next one; it starts
 * with the node whose name sorts first and ends with that node again. Pure; the result does not depend on the order of
 * the input. Linear in the number of edges.
 */
export function findDependencyCycles(waits: WaitGraph): string[][] {
  const cycles: string[][] = [];
  const visited = new Set<string>();
  for (const start of [...waits.keys()].sort()) {
    let cycle = visited.has(start) ? undefined : findCycleFrom(waits, start, visited);
    while (cycle) {
      cycles.push(rotateCycle(cycle));
      // The nodes reachable from this one may contain further cycles.
      cycle = visited.has(start) ? undefined : findCycleFrom(waits, start, visited);
    }
  }
  return cycles;
}

interface Visit {
  name: string;
  remaining: string[];
}

/** Depth-first search for one cycle. Nodes without a cycle, and those of the cycle found, are added to `visited`. */
function findCycleFrom(waits: WaitGraph, start: string, visited: Set<string>): string[] | undefined {
  const path: Visit[] = [createVisit(waits, start)];
  const onPath = new Set([start]);
  for (let last = path.at(-1); last; last = path.at(-1)) {
    const next = last.remaining.shift();
    if (next === undefined) {
      path.pop();
      onPath.delete(last.name);
      visited.add(last.name);
    } else if (onPath.has(next)) {
      const names = path.map(({ name }) => name);
      const cycle = names.slice(names.indexOf(next));
      for (const name of cycle) visited.add(name);
      return cycle;
    } else if (!visited.has(next)) {
      path.push(createVisit(waits, next));
      onPath.add(next);
    }
  }
  return undefined;
}

function createVisit(waits: WaitGraph, name: string): Visit {
  return { name, remaining: [...(waits.get(name) ?? [])].sort() };
}

function rotateCycle(cycle: string[]): string[] {
  const first = cycle.indexOf([...cycle].sort()[0] ?? "");
  const path = [...cycle.slice(first), ...cycle.slice(0, first)];
  return [...path, ...path.slice(0, 1)];
}
