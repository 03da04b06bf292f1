import { showUserLiteById } from "./people.ts";
import { projectMembers, projectOf, showProjectLite } from "./projects.ts";
import type { ItemRow, JsonObject } from "./rows.ts";
import { type At, authors, external, maybe, opening } from "./show.ts";
import { labelsOf, showLabel, showStateLite, stateOf } from "./states.ts";
import type { Id } from "./types.ts";
import type { World } from "./world.ts";

/** Whoever joined the project first comes first: Plane keeps no order of its own. */
function assigneesOf(world: World, row: ItemRow): Id[] {
  if (row.assignees.length < 2) return row.assignees;
  const joined = projectMembers(world, row.project)
    .map((member) => member.member)
    .reverse();
  return joined.filter((id) => row.assignees.includes(id));
}

/** Likewise the oldest label. */
function labelIdsOf(world: World, row: ItemRow): Id[] {
  if (row.labels.length < 2) return row.labels;
  const oldestFirst = labelsOf(world, row.project).reverse();
  return oldestFirst.filter((label) => row.labels.includes(label.id)).map((label) => label.id);
}

const expandLabels = (world: World, row: ItemRow) =>
  labelIdsOf(world, row).flatMap((id) => world.data.labels.get(id) ?? []);

/** The public API's work item. */
export function showItem(world: World, row: ItemRow, at: At, expand: readonly string[] = []): JsonObject {
  const { id, ...times } = opening(row, at);
  const expanded = (name: string) => expand.includes(name);
  return {
    id,
    type_id: null,
    ...times,
    point: null,
    name: row.name,
    description_html: row.description_html,
    description_binary: null,
    priority: row.priority,
    start_date: row.start_date,
    target_date: row.target_date,
    sequence_id: row.sequence_id,
    sort_order: row.sort_order,
    completed_at: maybe(at, row.completed_at),
    archived_at: row.archived_at,
    is_draft: row.is_draft,
    ...external(row),
    ...(expanded("created_by")
      ? { ...authors(row), created_by: showUserLiteById(world, row.created_by) }
      : authors(row)),
    project: expanded("project") ? showProjectLite(projectOf(world, row.project)) : row.project,
    workspace: row.workspace,
    parent: row.parent,
    state: expanded("state") ? showStateLite(stateOf(world, row.state)) : row.state,
    estimate_point: null,
    type: null,
    assignees: expanded("assignees")
      ? assigneesOf(world, row).map((id) => showUserLiteById(world, id))
      : assigneesOf(world, row),
    labels: expanded("labels")
      ? expandLabels(world, row).map((label) => showLabel(world, label, at))
      : labelIdsOf(world, row),
  };
}

/** What a webhook says of a work item. */
export function showItemInWebhook(world: World, row: ItemRow, at: At): JsonObject {
  const { id, ...times } = opening(row, at);
  return {
    id,
    labels: expandLabels(world, row).map(({ id, name, color }) => ({ id, name, color })),
    assignees: assigneesOf(world, row).map((id) => showUserLiteById(world, id)),
    state: showStateLite(stateOf(world, row.state)),
    description: {},
    ...times,
    point: null,
    name: row.name,
    description_json: {},
    description_html: row.description_html,
    description_stripped: row.description_html.replaceAll(/<[^>]*>/g, ""),
    description_binary: null,
    priority: row.priority,
    start_date: row.start_date,
    target_date: row.target_date,
    sequence_id: row.sequence_id,
    sort_order: row.sort_order,
    completed_at: maybe(at, row.completed_at),
    archived_at: row.archived_at,
    is_draft: row.is_draft,
    ...external(row),
    ...authors(row),
    project: row.project,
    workspace: row.workspace,
    parent: row.parent,
    estimate_point: null,
    type: null,
  };
}
