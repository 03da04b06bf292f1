import { assignLayers, collectNeighbours } from "./assign-layers.ts";
import { breakCycles, type Dependency } from "./break-cycles.ts";
import { orderLayers } from "./order-layers.ts";
import { placeSlots } from "./place-slots.ts";

/** A point of the picture: the layer from 0, and the vertical centre in units of a task's height. */
export interface GraphPoint {
  layer: number;
  y: number;
}

/** A dependency in the picture. */
export interface GraphLine extends Dependency {
  /** The points between its two tasks, at which it crosses other layers. */
  via: GraphPoint[];
  /** It closes a cycle, so it points backwards or to its own task. */
  backwards?: true;
}

export interface GraphLayout {
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

/** Limit of lines in a picture: 400; more would cover it, and each costs a slot in every layer that it crosses. */
const MAX_LINES = 400;

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

/** Thousandths are less than a pixel, and keep the response short. */
function roundUnit(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
