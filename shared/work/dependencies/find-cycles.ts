/** What waits for what, by any names: `blocked → blockers`. */
export type WaitGraph = ReadonlyMap<string, readonly string[]>;

/**
 * The circles in which things wait for each other, none sharing a member with another: each as a path in which every
 * one waits for the next, beginning with the one whose name sorts first, which stands at the end once more. Pure; the
 * same waits give the same circles, whatever their order. Takes time in proportion to the waits.
 */
export function findDependencyCycles(waits: WaitGraph): string[][] {
  const cycles: string[][] = [];
  const visited = new Set<string>();
  for (const start of [...waits.keys()].sort()) {
    let cycle = visited.has(start) ? undefined : findCycleFrom(waits, start, visited);
    while (cycle) {
      cycles.push(rotateCycle(cycle));
      // The rest of what this one leads to may have circles of its own.
      cycle = visited.has(start) ? undefined : findCycleFrom(waits, start, visited);
    }
  }
  return cycles;
}

interface Visit {
  name: string;
  remaining: string[];
}

/** Goes along the waits until it comes back to where it was. What leads nowhere, and the circle itself, is `over`. */
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
