/**
 * Lays out a graph of dependencies: cycles are broken, tasks put into layers, and each layer's tasks ordered and placed
 * near those that they are linked to. Pure functions; the critical path uses the same layers.
 */

import { findDependencyCycles } from "../../shared/sync/dependency-edges.ts";
import { compareText } from "../../shared/task/snapshot.ts";

/** A dependency between two tasks, by their ids: `to` can begin when `from` is done. */
export interface Dependency {
  from: string;
  to: string;
}

/** A point of the picture: the layer from 0, and the vertical centre in units of a task's height. */
interface GraphPoint {
  layer: number;
  y: number;
}

/** A dependency in the picture. */
interface GraphLine extends Dependency {
  /** The points between its two tasks, at which it crosses other layers. */
  via: GraphPoint[];
  /** It closes a cycle, so it points backwards or to its own task. */
  backwards?: true;
}

interface GraphLayout {
  places: ReadonlyMap<string, GraphPoint>;
  lines: GraphLine[];
  /** Number of layers. */
  layers: number;
  /** In units of a task's height. */
  height: number;
  onCycle: ReadonlySet<string>;
  /** Number of dependencies beyond the limit of lines. */
  hiddenLines: number;
}

/** A graph whose dependencies were divided so that those in `forwards` contain no cycle. */
interface AcyclicGraph {
  forwards: Dependency[];
  /** The dependencies that close a cycle. Empty in a graph without cycles. */
  backwards: Dependency[];
  /** The ids of all tasks on a cycle that was found. */
  onCycle: ReadonlySet<string>;
}

/** Dependencies by task: what it waits for, and what waits for it. */
interface Neighbours {
  before: ReadonlyMap<string, readonly string[]>;
  after: ReadonlyMap<string, readonly string[]>;
}

/** A place in a layer: of a task, or the point at which a dependency crosses the layer. */
interface Slot extends GraphPoint {
  /** In units of a task's height, including the distance to the next one. */
  height: number;
  before: Slot[];
  after: Slot[];
}

/** Limit of lines in a picture: 400; more would cover it, and each costs a slot in every layer that it crosses. */
const MAX_LINES = 400;

/** Height of the point at which a dependency crosses a layer: 0.3 of a task, enough for a line between two tasks. */
const CROSSING_HEIGHT = 0.3;

/** Number of passes over all layers; further passes improve little. */
const PASSES = 12;

/**
 * Places tasks in layers from left to right: every dependency points forwards, except those that close a cycle.
 * Dependencies of other tasks are ignored. Pure; the result does not depend on the order of the input.
 */
export function layoutGraph(ids: readonly string[], dependencies: readonly Dependency[]): GraphLayout {
  const known = new Set(ids);
  const { forwards, backwards, onCycle } = breakCycles(
    dependencies.filter(({ from, to }) => known.has(from) && known.has(to)),
  );
  const layers = assignLayers([...known].sort(compareText), collectNeighbours(forwards));
  const columns: Slot[][] = Array.from({ length: Math.max(-1, ...layers.values()) + 1 }, () => []);
  function addSlot(layer: number, height: number): Slot {
    const slot = { layer, y: 0, height, before: [], after: [] };
    columns[layer]?.push(slot);
    return slot;
  }
  const slots = new Map([...layers].map(([id, layer]) => [id, addSlot(layer, 1)]));
  const getSpan = ({ from, to }: Dependency) => (layers.get(to) ?? 0) - (layers.get(from) ?? 0);
  const shortestFirst = forwards.toSorted((a, b) => getSpan(a) - getSpan(b)).slice(0, MAX_LINES);
  const routes = shortestFirst.map((dependency) => ({ ...dependency, via: linkSlots(dependency, slots, addSlot) }));
  const closing = backwards.slice(0, MAX_LINES);
  placeSlots(columns);
  const all = columns.flat();
  const top = Math.min(...all.map(({ y, height }) => y - height / 2));
  const toPoint = ({ layer, y }: Slot): GraphPoint => ({ layer, y: roundUnit(y - top) });
  return {
    places: new Map([...slots].map(([id, slot]) => [id, toPoint(slot)])),
    lines: [
      ...routes.map(({ via, ...dependency }) => ({ ...dependency, via: via.map(toPoint) })),
      ...closing.map((dependency) => ({ ...dependency, via: [], backwards: true as const })),
    ],
    layers: columns.length,
    height: roundUnit(Math.max(0, ...all.map(({ y, height }) => y - top + height / 2))),
    onCycle,
    hiddenLines: forwards.length + backwards.length - routes.length - closing.length,
  };
}

/** Links the slots of two tasks, with a slot in each layer between them; returns the slots between. */
function linkSlots(
  { from, to }: Dependency,
  slots: ReadonlyMap<string, Slot>,
  addSlot: (layer: number, height: number) => Slot,
): Slot[] {
  const [start, end] = [slots.get(from), slots.get(to)];
  if (!start || !end) return [];
  const via: Slot[] = [];
  for (let layer = start.layer + 1; layer < end.layer; layer += 1) via.push(addSlot(layer, CROSSING_HEIGHT));
  let last = start;
  for (const next of [...via, end]) {
    last.after.push(next);
    next.before.push(last);
    last = next;
  }
  return via;
}

/**
 * Orders the slots of each layer and gives each its vertical centre: every slot moves to the mean of its neighbours of
 * the layer before or after, in alternate directions, without overlap. The pass with the shortest lines counts, because
 * short lines are straight and cross few others.
 */
function placeSlots(columns: Slot[][]): void {
  for (const column of columns) separate(column, (slot) => slot.y);
  let best = new Map<Slot, number>();
  let shortest = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < PASSES; pass += 1) {
    const side = pass % 2 === 0 ? "before" : "after";
    for (const column of side === "before" ? columns : columns.toReversed()) {
      const wanted = new Map(column.map((slot) => [slot, getMean(slot[side].map(({ y }) => y)) ?? slot.y]));
      const getWanted = (slot: Slot) => wanted.get(slot) ?? 0;
      column.sort((a, b) => getWanted(a) - getWanted(b));
      separate(column, getWanted);
    }
    const slots = columns.flat();
    const length = slots.reduce((sum, { y, after }) => after.reduce((all, next) => all + Math.abs(next.y - y), sum), 0);
    if (length >= shortest) continue;
    shortest = length;
    best = new Map(slots.map((slot) => [slot, slot.y]));
  }
  for (const [slot, y] of best) slot.y = y;
}

function getMean(values: readonly number[]): number | undefined {
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined;
}

/**
 * Moves these slots as little as possible from where they are wanted (least squares) so that they do not overlap and
 * keep their order: isotonic regression by pooling adjacent violators.
 */
function separate(slots: readonly Slot[], getWanted: (slot: Slot) => number): void {
  let below = 0;
  const offsets = slots.map(({ height }) => {
    below += height;
    return below - height / 2;
  });
  const pools: { sum: number; count: number }[] = [];
  slots.forEach((slot, i) => {
    let pool = { sum: getWanted(slot) - (offsets[i] ?? 0), count: 1 };
    for (let last = pools.at(-1); last && last.sum / last.count >= pool.sum / pool.count; last = pools.at(-1)) {
      pools.pop();
      pool = { sum: last.sum + pool.sum, count: last.count + pool.count };
    }
    pools.push(pool);
  });
  const starts = pools.flatMap(({ sum, count }) => Array<number>(count).fill(sum / count));
  for (const [i, slot] of slots.entries()) slot.y = (starts[i] ?? 0) + (offsets[i] ?? 0);
}

/** Thousandths are less than a pixel, and keep the response short. */
function roundUnit(value: number): number {
  return Math.round(value * 1_000) / 1_000;
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
  return compareText(a.from, b.from) || compareText(a.to, b.to);
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

/** Sorts tasks so that each comes after all that it waits for. The dependencies must contain no cycle. */
function sortTopologically(ids: readonly string[], { before, after }: Neighbours): string[] {
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

export function collectNeighbours(dependencies: readonly Dependency[]): Neighbours {
  const before = new Map<string, string[]>();
  const after = new Map<string, string[]>();
  for (const { from, to } of dependencies) {
    before.set(to, [...(before.get(to) ?? []), from]);
    after.set(from, [...(after.get(from) ?? []), to]);
  }
  return { before, after };
}
