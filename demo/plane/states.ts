import { notFound, Refusal } from "./refusal.ts";
import type { JsonObject, LabelRow, ProjectRow, StateRow } from "./rows.ts";
import { type At, authors, external, opening } from "./show.ts";
import type { Group, Id } from "./types.ts";
import { newestFirst, newRow, type World } from "./world.ts";

const DEFAULTS: { name: string; group: Group; color: string; sequence: number; default: boolean }[] = [
  { name: "Backlog", group: "backlog", color: "#60646C", sequence: 15000, default: true },
  { name: "Todo", group: "unstarted", color: "#60646C", sequence: 25000, default: false },
  { name: "In Progress", group: "started", color: "#F59E0B", sequence: 35000, default: false },
  { name: "Done", group: "completed", color: "#46A758", sequence: 45000, default: false },
  { name: "Cancelled", group: "cancelled", color: "#9AA4BC", sequence: 55000, default: false },
];

/** The five states every project begins with. */
export function createDefaultStates(world: World, project: ProjectRow): void {
  for (const each of DEFAULTS) {
    const row: StateRow = {
      ...newRow(world, project.created_by),
      ...each,
      project: project.id,
      description: "",
      slug: "",
      external_source: null,
      external_id: null,
    };
    world.data.states.set(row.id, row);
  }
}

export interface NewState {
  name: string;
  color: string;
  group?: Group;
  description?: string;
}

export function createState(world: World, project: ProjectRow, state: NewState, by: Id): StateRow {
  const known = statesOf(world, project.id).find((row) => row.name === state.name);
  if (known) throw new Refusal(409, { error: "State with the same name already exists in the project", id: known.id });
  const row: StateRow = {
    ...newRow(world, by),
    project: project.id,
    name: state.name,
    description: state.description ?? "",
    color: state.color,
    slug: state.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"),
    sequence: Math.max(0, ...statesOf(world, project.id).map((each) => each.sequence)) + 15000,
    group: state.group ?? "backlog",
    default: false,
    external_source: null,
    external_id: null,
  };
  world.data.states.set(row.id, row);
  return row;
}

/** In the order of the board. */
export const statesOf = (world: World, project: Id): StateRow[] =>
  [...world.data.states.values()].filter((row) => row.project === project).sort((a, b) => a.sequence - b.sequence);

export function stateOf(world: World, id: Id): StateRow {
  const state = world.data.states.get(id);
  if (!state) throw notFound();
  return state;
}

export const showState = (world: World, row: StateRow, at: At): JsonObject => ({
  ...opening(row, at),
  name: row.name,
  description: row.description,
  color: row.color,
  slug: row.slug,
  sequence: row.sequence,
  group: row.group,
  is_triage: row.group === "triage",
  default: row.default,
  ...external(row),
  ...authors(row),
  project: row.project,
  workspace: world.data.projects.get(row.project)?.workspace ?? null,
});

export const showStateLite = (row: StateRow): JsonObject => ({
  id: row.id,
  name: row.name,
  color: row.color,
  group: row.group,
});

export interface NewLabel {
  name: string;
  color?: string;
  description?: string;
}

export function createLabel(world: World, project: ProjectRow, label: NewLabel, by: Id): LabelRow {
  const known = labelsOf(world, project.id).find((row) => row.name === label.name);
  if (known) throw new Refusal(409, { error: "Label with the same name already exists in the project", id: known.id });
  const row: LabelRow = {
    ...newRow(world, by),
    project: project.id,
    name: label.name,
    description: label.description ?? "",
    color: label.color ?? "",
    sort_order: 65535 + 10000 * labelsOf(world, project.id).length,
    external_source: null,
    external_id: null,
  };
  world.data.labels.set(row.id, row);
  return row;
}

export const labelsOf = (world: World, project: Id): LabelRow[] =>
  newestFirst([...world.data.labels.values()].filter((row) => row.project === project));

export const showLabel = (world: World, row: LabelRow, at: At): JsonObject => ({
  ...opening(row, at),
  name: row.name,
  description: row.description,
  color: row.color,
  sort_order: row.sort_order,
  ...external(row),
  ...authors(row),
  workspace: world.data.projects.get(row.project)?.workspace ?? null,
  project: row.project,
  parent: null,
});
