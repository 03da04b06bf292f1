import { findDependencyCycles } from "../../../shared/work/dependencies/find-cycles.ts";

/** A dependency between two tasks, by their ids: `to` can begin when `from` is done. */
export interface Dependency {
  from: string;
  to: string;
}

/** A graph whose dependencies were divided so that those in `forwards` contain no cycle. */
export interface AcyclicGraph {
  forwards: Dependency[];
  /** The dependencies that close a cycle. Empty in a graph without cycles. */
  backwards: Dependency[];
  /** The ids of all tasks on a cycle that was found. */
  onCycle: ReadonlySet<string>;
}

/**
 * Divides dependencies into those that point forwards and those that close a cycle. The same dependency given twice is
 * one. Pure; the result does not depend on the order of the input.
 */
export function breakCycles(dependencies: readonly Dependency[]): AcyclicGraph {
  const blockers = new Map<string, Set<string>>();
  for (const { from, to } of dependencies) blockers.set(to, (blockers.get(to) ?? new Set()).add(from));
  const backwards: Dependency[] = [];
  const onCycle = new Set<string>();
  // Each search finds disjoint cycles only, so breaking those may reveal others.
  for (let cycles = findCycles(blockers); cycles.length > 0; cycles = findCycles(blockers)) {
    for (const cycle of cycles) {
      for (const id of cycle) onCycle.add(id);
      const [to = "", from = ""] = cycle.slice(-2);
      blockers.get(to)?.delete(from);
      backwards.push({ from, to });
    }
  }
  const forwards = [...blockers].flatMap(([to, ids]) => [...ids].map((from) => ({ from, to })));
  return { forwards: forwards.sort(compareDependencies), backwards: backwards.sort(compareDependencies), onCycle };
}

function findCycles(blockers: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  return findDependencyCycles(new Map([...blockers].map(([id, ids]) => [id, [...ids]])));
}

function compareDependencies(a: Dependency, b: Dependency): number {
  return compareIds(a.from, b.from) || compareIds(a.to, b.to);
}

export function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
