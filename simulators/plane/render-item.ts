import { renderUserLiteById } from "./people.ts";
import { getProject, listProjectMembers } from "./projects.ts";
import { renderProjectLite } from "./render-project.ts";
import {
  formatOptionalTime,
  renderAuthorColumns,
  renderBaseColumns,
  renderExternalColumns,
  type TimeFormatter,
} from "./render-row.ts";
import type { ItemRow, JsonObject } from "./rows.ts";
import { getState, listLabels, renderLabel, renderStateLite } from "./states.ts";
import type { Id } from "./types.ts";
import type { PlaneWorld } from "./world.ts";

/** Sorts assignees by when they joined the project, because Plane stores no order of assignees. */
function sortAssignees(world: PlaneWorld, row: ItemRow): Id[] {
  if (row.assignees.length < 2) return row.assignees;
  const joined = listProjectMembers(world, row.project)
    .map((member) => member.member)
    .reverse();
  return joined.filter((id) => row.assignees.includes(id));
}

/** Sorts labels by their creation, oldest first. */
function sortLabelIds(world: PlaneWorld, row: ItemRow): Id[] {
  if (row.labels.length < 2) return row.labels;
  const oldestFirst = listLabels(world, row.project).reverse();
  return oldestFirst.filter((label) => row.labels.includes(label.id)).map((label) => label.id);
}

const findLabels = (world: PlaneWorld, row: ItemRow) =>
  sortLabelIds(world, row).flatMap((id) => world.data.labels.get(id) ?? []);

/** The columns from the priority to the external id, which are the same in an answer and in a webhook. */
const renderPlanColumns = (row: ItemRow, formatTime: TimeFormatter): JsonObject => ({
  priority: row.priority,
  start_date: row.start_date,
  target_date: row.target_date,
  sequence_id: row.sequence_id,
  sort_order: row.sort_order,
  completed_at: formatOptionalTime(formatTime, row.completed_at),
  archived_at: row.archived_at,
  is_draft: row.is_draft,
  ...renderExternalColumns(row),
});

/** Renders a work item of the public API. `expand` names the columns that are rendered as objects instead of ids. */
export function renderItem(
  world: PlaneWorld,
  row: ItemRow,
  formatTime: TimeFormatter,
  expand: readonly string[] = [],
): JsonObject {
  const { id, ...times } = renderBaseColumns(row, formatTime);
  const isExpanded = (name: string) => expand.includes(name);
  return {
    id,
    type_id: null,
    ...times,
    point: null,
    name: row.name,
    description_html: row.description_html,
    description_binary: null,
    ...renderPlanColumns(row, formatTime),
    ...(isExpanded("created_by")
      ? { ...renderAuthorColumns(row), created_by: renderUserLiteById(world, row.created_by) }
      : renderAuthorColumns(row)),
    project: isExpanded("project") ? renderProjectLite(getProject(world, row.project)) : row.project,
    workspace: row.workspace,
    parent: row.parent,
    state: isExpanded("state") ? renderStateLite(getState(world, row.state)) : row.state,
    estimate_point: null,
    type: null,
    assignees: isExpanded("assignees")
      ? sortAssignees(world, row).map((id) => renderUserLiteById(world, id))
      : sortAssignees(world, row),
    labels: isExpanded("labels")
      ? findLabels(world, row).map((label) => renderLabel(world, label, formatTime))
      : sortLabelIds(world, row),
  };
}

/** Renders a work item as the data of a webhook. */
export function renderWebhookItem(world: PlaneWorld, row: ItemRow, formatTime: TimeFormatter): JsonObject {
  const { id, ...times } = renderBaseColumns(row, formatTime);
  return {
    id,
    labels: findLabels(world, row).map(({ id, name, color }) => ({ id, name, color })),
    assignees: sortAssignees(world, row).map((id) => renderUserLiteById(world, id)),
    state: renderStateLite(getState(world, row.state)),
    description: {},
    ...times,
    point: null,
    name: row.name,
    description_json: {},
    description_html: row.description_html,
    description_stripped: row.description_html.replaceAll(/<[^>]*>/g, ""),
    description_binary: null,
    ...renderPlanColumns(row, formatTime),
    ...renderAuthorColumns(row),
    project: row.project,
    workspace: row.workspace,
    parent: row.parent,
    estimate_point: null,
    type: null,
  };
}
