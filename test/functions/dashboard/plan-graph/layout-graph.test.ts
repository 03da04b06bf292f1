import fc from "fast-check";
import { expect, test } from "vitest";
import {
  breakCycles,
  collectNeighbours,
  type Dependency,
  findCriticalPath,
  layoutGraph,
} from "../../../../functions/dashboard/plan-graph.ts";

const nameTask = (n: number) => `t${n}`;
const IDS = Array.from({ length: 14 }, (_, i) => nameTask(i));
const index = fc.nat(IDS.length - 1);
const dependency = fc.record({ from: index.map(nameTask), to: index.map(nameTask) });
/** Any dependencies, so with cycles, repetitions and tasks that wait for themselves. */
const graph = fc.array(dependency, { maxLength: 40 });
/** Dependencies from a lower to a higher number only, so without cycles. */
const acyclicGraph = fc
  .array(fc.tuple(index, index), { maxLength: 40 })
  .map((pairs) =>
    pairs
      .filter(([a, b]) => a !== b)
      .map(([a, b]) => ({ from: nameTask(Math.min(a, b)), to: nameTask(Math.max(a, b)) })),
  );
/** More random graphs in the full run. */
const RUNS = { numRuns: process.env["FULL"] ? 5_000 : 100 };

const formatDependency = ({ from, to }: Dependency) => `${from} ${to}`;
const toLayer = (layout: ReturnType<typeof layoutGraph>, id: string) => layout.places.get(id)?.layer ?? Number.NaN;

/** All tasks that can be reached from this one over at least one dependency, by search. */
function findReachable(start: string, all: readonly Dependency[]): Set<string> {
  const reached = new Set<string>();
  const open = [start];
  for (const id of open)
    for (const { from, to } of all) {
      if (from !== id || reached.has(to)) continue;
      reached.add(to);
      open.push(to);
    }
  return reached;
}

test("every dependency points to a later layer unless it closes a cycle, on which exactly its tasks are marked", () => {
  fc.assert(
    fc.property(graph, (dependencies) => {
      const layout = layoutGraph(IDS, dependencies);
      for (const { from, to, backwards } of layout.lines) {
        if (backwards) expect(findReachable(to, dependencies).has(from) || from === to).toBe(true);
        else expect(toLayer(layout, from)).toBeLessThan(toLayer(layout, to));
      }
      const all = new Set(dependencies.map(formatDependency));
      expect(new Set(layout.lines.map(formatDependency))).toEqual(all);
      expect(layout.lines).toHaveLength(all.size);
      const { onCycle, lines } = layout;
      const between = dependencies.filter(({ from, to }) => onCycle.has(from) && onCycle.has(to));
      for (const id of onCycle) expect(findReachable(id, between).has(id)).toBe(true);
      const hasCycle = IDS.some((id) => findReachable(id, dependencies).has(id));
      expect([onCycle.size > 0, lines.some(({ backwards }) => backwards)]).toEqual([hasCycle, hasCycle]);
    }),
    RUNS,
  );
});

test("tasks and lines of one layer do not overlap, and all are inside the picture", () => {
  fc.assert(
    fc.property(graph, (dependencies) => {
      const { places, lines, height } = layoutGraph(IDS, dependencies);
      const boxes = [
        ...[...places.values()].map(({ layer, y }) => ({ layer, top: y - 0.5, bottom: y + 0.5 })),
        ...lines.flatMap(({ via }) => via.map(({ layer, y }) => ({ layer, top: y - 0.15, bottom: y + 0.15 }))),
      ].sort((a, b) => a.layer - b.layer || a.top - b.top);
      boxes.forEach((box, i) => {
        expect(box.top).toBeGreaterThanOrEqual(-0.01);
        expect(box.bottom).toBeLessThanOrEqual(height + 0.01);
        const next = boxes[i + 1];
        if (next?.layer === box.layer) expect(next.top).toBeGreaterThanOrEqual(box.bottom - 0.01);
      });
    }),
    RUNS,
  );
});

test("the critical path is a chain with the greatest sum, found also by trying all chains", () => {
  const weights = fc.array(fc.nat(5), { minLength: IDS.length, maxLength: IDS.length });
  fc.assert(
    fc.property(acyclicGraph, weights, (all, numbers) => {
      const { forwards } = breakCycles(all);
      const getWeight = (id: string) => numbers[IDS.indexOf(id)] ?? 0;
      const sumWeights = (path: readonly string[]) => path.reduce((sum, id) => sum + getWeight(id), 0);
      const path = findCriticalPath(IDS, collectNeighbours(forwards), getWeight);
      path.slice(1).forEach((to, i) => {
        expect(forwards.some((one) => one.from === path[i] && one.to === to)).toBe(true);
      });
      const longestFrom = (id: string): number =>
        getWeight(id) + Math.max(0, ...forwards.filter(({ from }) => from === id).map(({ to }) => longestFrom(to)));
      expect(sumWeights(path)).toBe(Math.max(...IDS.map(longestFrom)));
    }),
    { numRuns: 100 },
  );
});
