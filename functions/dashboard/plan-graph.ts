/**
 * Lays out a graph of dependencies: cycles are broken, tasks put into layers, layers ordered with few crossings, and
 * slots placed. Pure functions; the critical path uses the same layers.
 */

import { findDependencyCycles } from "../../shared/sync/dependency-edges.ts";
import { compareText } from "./answers.ts";

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

/** A dependency between two tasks, by their ids: `to` can begin when `from` is done. */
export interface Dependency {
  from: string;
  to: string;
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

/** A place in a layer: a task, or the point at which a dependency crosses the layer. */
interface Slot {
  id: string;
  layer: number;
  /** Height in units of a task's height, including the distance to the next one. */
  height: number;
  before: Slot[];
  after: Slot[];
}

/** Limit of lines in a picture: 400; more would cover it, and each costs a slot in every layer that it crosses. */
const MAX_LINES = 400;

/** Height of the point at which a dependency crosses a layer: 0.3 of a task, enough for a line between two tasks. */
const CROSSING_HEIGHT = 0.3;

/** Number of passes over all layers; further passes improve little. */
const MAX_PASSES = 8;

/** Number of passes over all layers; further passes move nothing by more than a few pixels. */
const PASSES = 6;

/**
 * Places tasks in layers from left to right: every dependency points forwards, except those that close a cycle.
 * Dependencies of other tasks are ignored. Pure; the result does not depend on the order of the input.
 */
export function layoutGraph(ids: readonly string[], dependencies: readonly Dependency[]): GraphLayout {
  const known = new Set(ids);
  const { forwards, backwards, onCycle } = breakCycles(
    dependencies.filter(({ from, to }) => known.has(from) && known.has(to)),
  );
  const layers = assignLayers([...known], collectNeighbours(forwards));
  const getSpan = ({ from, to }: Dependency) => (layers.get(to) ?? 0) - (layers.get(from) ?? 0);
  const shortestFirst = forwards.toSorted((a, b) => getSpan(a) - getSpan(b));
  const { columns, routes } = orderLayers(layers, shortestFirst.slice(0, MAX_LINES));
  const closing = backwards.slice(0, MAX_LINES);
  const centres = placeSlots(columns);
  const places = new Map<string, GraphPoint>();
  for (const slot of columns.flat())
    if (layers.has(slot.id)) places.set(slot.id, { layer: slot.layer, y: roundUnit(centres.get(slot) ?? 0) });
  const bottoms = [...centres].map(([slot, centre]) => centre + slot.height / 2);
  return {
    places,
    lines: [
      ...routes.map(({ dependency, slots }) => ({
        ...dependency,
        via: slots.slice(1, -1).map((slot) => ({ layer: slot.layer, y: roundUnit(centres.get(slot) ?? 0) })),
      })),
      ...closing.map((dependency) => ({ ...dependency, via: [], backwards: true as const })),
    ],
    layers: columns.length,
    height: roundUnit(Math.max(0, ...bottoms)),
    onCycle,
    hiddenLines: forwards.length + backwards.length - routes.length - closing.length,
  };
}

/**
 * Computes the vertical centre of each slot in units of a task's height, from 0.5: near the mean of its neighbours, so
 * that lines are short, in the given order and without overlap. Pure.
 */
function placeSlots(columns: readonly (readonly Slot[])[]): Map<Slot, number> {
  const centres = new Map<Slot, number>();
  for (const column of columns) {
    let top = 0;
    for (const slot of column) {
      centres.set(slot, top + slot.height / 2);
      top += slot.height;
    }
  }
  for (let pass = 0; pass < PASSES; pass += 1)
    for (const { column, side } of orderPass(columns, pass)) {
      const wanted = column.map((slot) => findMeanPlace(slot, side, centres));
      const placed = separate(wanted, column);
      for (const [i, slot] of column.entries()) centres.set(slot, placed[i] ?? 0);
    }
  const top = Math.min(...[...centres].map(([slot, centre]) => centre - slot.height / 2));
  return new Map([...centres].map(([slot, centre]) => [slot, centre - top]));
}

/** The columns in the order of a pass, which alternates, with the side of the neighbours that it has seen before. */
function orderPass<Column>(columns: readonly Column[], pass: number): { column: Column; side: "before" | "after" }[] {
  const isForwards = pass % 2 === 0;
  const ordered = isForwards ? columns : columns.toReversed();
  return ordered.map((column) => ({ column, side: isForwards ? "before" : "after" }));
}

/** The mean place of a slot's neighbours on one side; its own place when there are none. */
function findMeanPlace(slot: Slot, side: "before" | "after", places: ReadonlyMap<Slot, number>): number {
  const neighbours = slot[side];
  const sum = neighbours.reduce((total, neighbour) => total + (places.get(neighbour) ?? 0), 0);
  return neighbours.length > 0 ? sum / neighbours.length : (places.get(slot) ?? 0);
}

/**
 * Moves centres as little as possible (least squares) so that these slots do not overlap and keep their order: isotonic
 * regression by pooling adjacent violators.
 */
function separate(wanted: readonly number[], slots: readonly Slot[]): number[] {
  let offset = 0;
  const offsets = slots.map(({ height }, i) => {
    const before = slots[i - 1];
    if (before) offset += (before.height + height) / 2;
    return offset;
  });
  const pools: { sum: number; count: number }[] = [];
  wanted.forEach((place, i) => {
    let pool = { sum: place - (offsets[i] ?? 0), count: 1 };
    for (let last = pools.at(-1); last && last.sum / last.count >= pool.sum / pool.count; last = pools.at(-1)) {
      pools.pop();
      pool = { sum: last.sum + pool.sum, count: last.count + pool.count };
    }
    pools.push(pool);
  });
  const starts = pools.flatMap(({ sum, count }) => Array.from({ length: count }, () => sum / count));
  return starts.map((start, i) => start + (offsets[i] ?? 0));
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
 * Orders the tasks in each layer so that few lines cross: every task moves to the mean position of its neighbours, in
 * alternate directions. A dependency over several layers gets a slot in each between. Pure and deterministic.
 * @returns the slots of each layer in order, and for each dependency all its slots from its first task to its last
 */
export function orderLayers(
  layers: ReadonlyMap<string, number>,
  dependencies: readonly Dependency[],
): { columns: Slot[][]; routes: { dependency: Dependency; slots: Slot[] }[] } {
  const columns: Slot[][] = Array.from({ length: Math.max(-1, ...layers.values()) + 1 }, () => []);
  function addSlot(id: string, layer: number, height: number): Slot {
    const slot: Slot = { id, layer, height, before: [], after: [] };
    columns[layer]?.push(slot);
    return slot;
  }
  const tasks = new Map<string, Slot>();
  for (const [id, layer] of [...layers].sort(([a], [b]) => compareText(a, b))) tasks.set(id, addSlot(id, layer, 1));
  const routes = dependencies.flatMap((dependency) => {
    const [start, end] = [tasks.get(dependency.from), tasks.get(dependency.to)];
    if (!start || !end) return [];
    const slots = [start];
    for (let layer = start.layer + 1; layer < end.layer; layer += 1)
      slots.push(addSlot(`${start.id} ${end.id}`, layer, CROSSING_HEIGHT));
    slots.push(end);
    slots.forEach((slot, i) => {
      const next = slots[i + 1];
      if (!next) return;
      slot.after.push(next);
      next.before.push(slot);
    });
    return [{ dependency, slots }];
  });
  reduceCrossings(columns);
  return { columns, routes };
}

function reduceCrossings(columns: Slot[][]): void {
  let best = columns.map((column) => [...column]);
  let fewest = countCrossings(columns);
  for (let pass = 0; pass < MAX_PASSES && fewest > 0; pass += 1) {
    for (const { column, side } of orderPass(columns, pass)) {
      const positions = getPositions(columns);
      const means = new Map(column.map((slot) => [slot, findMeanPlace(slot, side, positions)]));
      column.sort((a, b) => (means.get(a) ?? 0) - (means.get(b) ?? 0));
    }
    const crossings = countCrossings(columns);
    if (crossings >= fewest) continue;
    fewest = crossings;
    best = columns.map((column) => [...column]);
  }
  columns.splice(0, columns.length, ...best);
}

function getPositions(columns: readonly Slot[][]): Map<Slot, number> {
  return new Map(columns.flatMap((column) => column.map((slot, i) => [slot, i] as const)));
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

/** Counts how often lines between neighbouring layers cross. */
export function countCrossings(columns: readonly Slot[][]): number {
  const positions = getPositions(columns);
  let count = 0;
  for (const column of columns) {
    // Of lines sorted by their start, two cross exactly when their ends are in the other order.
    const ends: number[] = [];
    for (const slot of column) {
      const targets = slot.after.map((next) => positions.get(next) ?? 0).sort((a, b) => a - b);
      for (const target of targets) count += ends.length - findInsertIndex(ends, target);
      for (const target of targets) ends.splice(findInsertIndex(ends, target), 0, target);
    }
  }
  return count;
}

/** Returns the index after all numbers that are not greater, in a sorted list. */
function findInsertIndex(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
