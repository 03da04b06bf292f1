import { computeMean, type Slot } from "./order-layers.ts";

/** Number of passes over all layers; further passes move nothing by more than a few pixels. */
const PASSES = 6;

/**
 * Computes the vertical centre of each slot in units of a task's height, from 0.5: near the mean of its neighbours, so
 * that lines are short, in the given order and without overlap. Pure.
 */
export function placeSlots(columns: readonly (readonly Slot[])[]): Map<Slot, number> {
  const centres = new Map<Slot, number>();
  for (const column of columns) {
    let top = 0;
    for (const slot of column) {
      centres.set(slot, top + slot.height / 2);
      top += slot.height;
    }
  }
  for (let pass = 0; pass < PASSES; pass += 1) {
    const isForwards = pass % 2 === 0;
    for (const column of isForwards ? columns : columns.toReversed()) {
      const wanted = column.map((slot) => {
        const neighbours = isForwards ? slot.before : slot.after;
        const places = neighbours.map((neighbour) => centres.get(neighbour) ?? 0);
        return places.length > 0 ? computeMean(places) : (centres.get(slot) ?? 0);
      });
      const placed = separate(
        wanted,
        column.map(({ height }) => height),
      );
      for (const [i, slot] of column.entries()) centres.set(slot, placed[i] ?? 0);
    }
  }
  const top = Math.min(...[...centres].map(([slot, centre]) => centre - slot.height / 2));
  return new Map([...centres].map(([slot, centre]) => [slot, centre - top]));
}

/**
 * Moves centres as little as possible (least squares) so that intervals of these heights do not overlap and keep their
 * order: isotonic regression by pooling adjacent violators.
 */
function separate(wanted: readonly number[], heights: readonly number[]): number[] {
  const offsets: number[] = [];
  heights.forEach((height, i) => {
    const before = heights[i - 1];
    offsets.push(before === undefined ? 0 : (offsets[i - 1] ?? 0) + (before + height) / 2);
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
