/** What waits for what, by any names: `blocked → blockers`. */
export type Waits = ReadonlyMap<string, readonly string[]>;

/**
 * The circles in which things wait for each other, none sharing a member with another: each as a path in which every
 * one waits for the next, beginning with the one whose name sorts first, which stands at the end once more. Pure; the
 * same waits give the same circles, whatever their order. Takes time in proportion to the waits.
 */
export function circlesIn(waits: Waits): string[][] {
  const circles: string[][] = [];
  const over = new Set<string>();
  for (const start of [...waits.keys()].sort()) {
    let found = over.has(start) ? undefined : circleFrom(waits, start, over);
    while (found) {
      circles.push(turned(found));
      // The rest of what this one leads to may have circles of its own.
      found = over.has(start) ? undefined : circleFrom(waits, start, over);
    }
  }
  return circles;
}

interface Visit {
  name: string;
  left: string[];
}

/** Goes along the waits until it comes back to where it was. What leads nowhere, and the circle itself, is `over`. */
function circleFrom(waits: Waits, start: string, over: Set<string>): string[] | undefined {
  const path: Visit[] = [visit(waits, start)];
  const on = new Set([start]);
  for (let last = path.at(-1); last; last = path.at(-1)) {
    const next = last.left.shift();
    if (next === undefined) {
      path.pop();
      on.delete(last.name);
      over.add(last.name);
    } else if (on.has(next)) {
      const names = path.map(({ name }) => name);
      const circle = names.slice(names.indexOf(next));
      for (const name of circle) over.add(name);
      return circle;
    } else if (!over.has(next)) {
      path.push(visit(waits, next));
      on.add(next);
    }
  }
  return undefined;
}

function visit(waits: Waits, name: string): Visit {
  return { name, left: [...(waits.get(name) ?? [])].sort() };
}

function turned(circle: string[]): string[] {
  const first = circle.indexOf([...circle].sort()[0] ?? "");
  const path = [...circle.slice(first), ...circle.slice(0, first)];
  return [...path, ...path.slice(0, 1)];
}
