import type { Dependency } from "./break-cycles.ts";
import { compareIds } from "./break-cycles.ts";

/** A place in a layer: a task, or the point at which a dependency crosses the layer. */
export interface Slot {
  id: string;
  layer: number;
  /** Height in units of a task's height, including the distance to the next one. */
  height: number;
  before: Slot[];
  after: Slot[];
}

/** Height of the point at which a dependency crosses a layer: 0.3 of a task, enough for a line between two tasks. */
const CROSSING_HEIGHT = 0.3;

/** Number of passes over all layers; further passes improve little. */
const MAX_PASSES = 8;

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
  for (const [id, layer] of [...layers].sort(([a], [b]) => compareIds(a, b))) tasks.set(id, addSlot(id, layer, 1));
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
    const isForwards = pass % 2 === 0;
    const side = isForwards ? "before" : "after";
    for (const column of isForwards ? columns.slice(1) : columns.toReversed().slice(1)) {
      const positions = getPositions(columns);
      const means = new Map(
        column.map((slot, i) => {
          const places = slot[side].map((neighbour) => positions.get(neighbour) ?? 0);
          return [slot, places.length > 0 ? computeMean(places) : i];
        }),
      );
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

export function computeMean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
