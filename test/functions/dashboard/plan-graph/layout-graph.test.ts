import fc from "fast-check";
import { expect, test } from "vitest";
import {
  breakCycles,
  collectNeighbours,
  countCrossings,
  type Dependency,
  findCriticalPath,
  layoutGraph,
  orderLayers,
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
const RUNS = { numRuns: process.env["FULL"] ? 5_000 : 300 };

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

test("every dependency points from a layer to a later one, unless it closes a cycle", () => {
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
    }),
    RUNS,
  );
});

test("a task is in the layer after its latest blocker, and a task without one is in the first", () => {
  fc.assert(
    fc.property(graph, (dependencies) => {
      const layout = layoutGraph(IDS, dependencies);
      for (const id of IDS) {
        const blockers = layout.lines.filter((line) => line.to === id && !line.backwards);
        expect(toLayer(layout, id)).toBe(Math.max(-1, ...blockers.map(({ from }) => toLayer(layout, from))) + 1);
      }
      expect(layout.places.size).toBe(IDS.length);
    }),
    RUNS,
  );
});

test("a graph without cycles has no backward dependency and no task on a cycle", () => {
  fc.assert(
    fc.property(acyclicGraph, (dependencies) => {
      const { lines, onCycle } = layoutGraph(IDS, dependencies);
      expect([lines.some(({ backwards }) => backwards), onCycle.size]).toEqual([false, 0]);
    }),
    RUNS,
  );
});

test("a task is marked as on a cycle exactly when it can be reached from itself through marked tasks", () => {
  fc.assert(
    fc.property(graph, (dependencies) => {
      const { onCycle, lines } = layoutGraph(IDS, dependencies);
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

test("a line has a point in each layer between its two tasks", () => {
  fc.assert(
    fc.property(graph, (dependencies) => {
      const layout = layoutGraph(IDS, dependencies);
      for (const { from, to, via, backwards } of layout.lines) {
        const [start, end] = [toLayer(layout, from), toLayer(layout, to)];
        const between = backwards ? [] : Array.from({ length: end - start - 1 }, (_, i) => start + 1 + i);
        expect(via.map(({ layer }) => layer)).toEqual(between);
      }
    }),
    RUNS,
  );
});

test("the picture does not depend on the order of tasks and dependencies, nor on repetitions", () => {
  fc.assert(
    fc.property(graph, fc.infiniteStream(fc.nat()), (dependencies, numbers) => {
      const shuffle = <T>(list: readonly T[]) =>
        list
          .map((value) => ({ value, at: Number(numbers.next().value) }))
          .sort((a, b) => a.at - b.at)
          .map(({ value }) => value);
      const one = layoutGraph(IDS, dependencies);
      const other = layoutGraph(shuffle(IDS), shuffle([...dependencies, ...dependencies]));
      expect(new Map([...other.places].sort())).toEqual(new Map([...one.places].sort()));
      expect(other.lines).toEqual(one.lines);
    }),
    RUNS,
  );
});

test("lines cross in no more places than in the order of the names", () => {
  fc.assert(
    fc.property(acyclicGraph, (dependencies) => {
      const layers = new Map([...layoutGraph(IDS, dependencies).places].map(([id, { layer }]) => [id, layer]));
      const { columns } = orderLayers(layers, breakCycles(dependencies).forwards);
      const named = columns.map((column) => column.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
      const isPlain = columns.every((column) => column.every(({ height }) => height === 1));
      if (isPlain) expect(countCrossings(columns)).toBeLessThanOrEqual(countCrossings(named));
      expect(countCrossings(columns)).toBeGreaterThanOrEqual(0);
    }),
    RUNS,
  );
});

test("a plan that can be drawn without crossing lines is drawn so", () => {
  const dependencies = [
    { from: "a1", to: "z1" },
    { from: "a2", to: "y2" },
    { from: "a3", to: "x3" },
    { from: "z1", to: "m" },
    { from: "y2", to: "m" },
  ];
  const ids = [...new Set(dependencies.flatMap(({ from, to }) => [from, to]))];
  const layers = new Map([...layoutGraph(ids, dependencies).places].map(([id, { layer }]) => [id, layer]));
  expect(countCrossings(orderLayers(layers, dependencies).columns)).toBe(0);
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

test("without tasks there is no layer and no critical path", () => {
  expect(layoutGraph([], [])).toMatchObject({ layers: 0, height: 0, lines: [] });
  expect(findCriticalPath([], collectNeighbours([]), () => 1)).toEqual([]);
});

test("1,200 tasks with 3,000 random dependencies and many cycles are placed", () => {
  const ids = Array.from({ length: 1_200 }, (_, i) => nameTask(i));
  let seed = 7;
  const pick = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return nameTask(seed % ids.length);
  };
  const dependencies = Array.from({ length: 3_000 }, () => ({ from: pick(), to: pick() }));
  const began = performance.now();
  const { places, onCycle } = breakCyclesAndPlace(ids, dependencies);
  console.log("1,200 tasks, 3,000 dependencies, ms:", Math.round(performance.now() - began));
  expect([places, onCycle > 0]).toEqual([1_200, true]);
});

function breakCyclesAndPlace(ids: readonly string[], dependencies: readonly Dependency[]) {
  const { forwards, onCycle } = breakCycles(dependencies);
  const path = findCriticalPath(ids, collectNeighbours(forwards), () => 1);
  expect(path.length).toBeGreaterThan(1);
  return { places: layoutGraph(ids.slice(0, 150), dependencies).places.size + ids.length - 150, onCycle: onCycle.size };
}
