import { createNotFoundError, PlaneApiError } from "./api-error.ts";
import { renderAuthorColumns, renderBaseColumns, renderExternalColumns, type TimeFormatter } from "./render-row.ts";
import type { JsonObject, LabelRow, ProjectRow, StateRow } from "./rows.ts";
import type { Id, StateGroup } from "./types.ts";
import { createRow, type PlaneWorld, sortNewestFirst } from "./world.ts";

const DEFAULT_STATES: { name: string; group: StateGroup; color: string; sequence: number; default: boolean }[] = [
  { name: "Backlog", group: "backlog", color: "#60646C", sequence: 15000, default: true },
  { name: "Todo", group: "unstarted", color: "#60646C", sequence: 25000, default: false },
  { name: "In Progress", group: "started", color: "#F59E0B", sequence: 35000, default: false },
  { name: "Done", group: "completed", color: "#46A758", sequence: 45000, default: false },
  { name: "Cancelled", group: "cancelled", color: "#9AA4BC", sequence: 55000, default: false },
];

/** Creates the five default states of a new project. */
export function createDefaultStates(world: PlaneWorld, project: ProjectRow): void {
  for (const state of DEFAULT_STATES) {
    const row: StateRow = {
      ...createRow(world, project.created_by),
      ...state,
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
  group?: StateGroup;
  description?: string;
}

export function createState(world: PlaneWorld, project: ProjectRow, state: NewState, by: Id): StateRow {
  const existing = listStates(world, project.id).find((row) => row.name === state.name);
  if (existing)
    throw new PlaneApiError(409, { error: "State with the same name already exists in the project", id: existing.id });
  const row: StateRow = {
    ...createRow(world, by),
    project: project.id,
    name: state.name,
    description: state.description ?? "",
    color: state.color,
    slug: state.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"),
    sequence: Math.max(0, ...listStates(world, project.id).map((other) => other.sequence)) + 15000,
    group: state.group ?? "backlog",
    default: false,
    external_source: null,
    external_id: null,
  };
  world.data.states.set(row.id, row);
  return row;
}

/** Lists the states in the order of the board. */
export const listStates = (world: PlaneWorld, project: Id): StateRow[] =>
  [...world.data.states.values()].filter((row) => row.project === project).sort((a, b) => a.sequence - b.sequence);

export function getState(world: PlaneWorld, id: Id): StateRow {
  const state = world.data.states.get(id);
  if (!state) throw createNotFoundError();
  return state;
}

export const renderState = (world: PlaneWorld, row: StateRow, formatTime: TimeFormatter): JsonObject => ({
  ...renderBaseColumns(row, formatTime),
  name: row.name,
  description: row.description,
  color: row.color,
  slug: row.slug,
  sequence: row.sequence,
  group: row.group,
  is_triage: row.group === "triage",
  default: row.default,
  ...renderExternalColumns(row),
  ...renderAuthorColumns(row),
  project: row.project,
  workspace: world.data.projects.get(row.project)?.workspace ?? null,
});

export const renderStateLite = (row: StateRow): JsonObject => ({
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

export function createLabel(world: PlaneWorld, project: ProjectRow, label: NewLabel, by: Id): LabelRow {
  const existing = listLabels(world, project.id).find((row) => row.name === label.name);
  if (existing)
    throw new PlaneApiError(409, { error: "Label with the same name already exists in the project", id: existing.id });
  const row: LabelRow = {
    ...createRow(world, by),
    project: project.id,
    name: label.name,
    description: label.description ?? "",
    color: label.color ?? "",
    sort_order: 65535 + 10000 * listLabels(world, project.id).length,
    external_source: null,
    external_id: null,
  };
  world.data.labels.set(row.id, row);
  return row;
}

export const listLabels = (world: PlaneWorld, project: Id): LabelRow[] =>
  sortNewestFirst([...world.data.labels.values()].filter((row) => row.project === project));

export const renderLabel = (world: PlaneWorld, row: LabelRow, formatTime: TimeFormatter): JsonObject => ({
  ...renderBaseColumns(row, formatTime),
  name: row.name,
  description: row.description,
  color: row.color,
  sort_order: row.sort_order,
  ...renderExternalColumns(row),
  ...renderAuthorColumns(row),
  workspace: world.data.projects.get(row.project)?.workspace ?? null,
  project: row.project,
  parent: null,
});

/** The slug of a state stays as it is; nothing reads it. */
export function renameStateOrLabel(world: PlaneWorld, id: Id, name: string): void {
  const row = world.data.states.get(id) ?? world.data.labels.get(id);
  if (!row) throw createNotFoundError();
  row.name = name;
}

export function deleteStateOrLabel(world: PlaneWorld, id: Id): void {
  const items = [...world.data.items.values()];
  // Plane refuses to delete a state that has items.
  if (items.some(({ state }) => state === id)) throw new Error("The state is not empty.");
  if (!world.data.states.delete(id) && !world.data.labels.delete(id)) throw createNotFoundError();
  for (const item of items) item.labels = item.labels.filter((label) => label !== id);
}
