import { getProject } from "./projects.ts";
import { renderBaseColumns, type TimeFormatter } from "./render-row.ts";
import type { ActivityRow, ItemRow, JsonObject } from "./rows.ts";
import type { Id } from "./types.ts";
import type { ActivityTask, NewActivity } from "./worker-tasks.ts";
import type { PlaneWorld } from "./world.ts";

/** The columns of a work item whose changes Plane records in its history. */
export type TrackedColumns = Pick<
  ItemRow,
  "name" | "description_html" | "priority" | "start_date" | "target_date" | "parent" | "state" | "assignees" | "labels"
>;

const PLAIN_COLUMNS: { column: keyof TrackedColumns; field: string; comment: string }[] = [
  { column: "name", field: "name", comment: "updated the name to" },
  { column: "description_html", field: "description", comment: "updated the description to" },
  { column: "priority", field: "priority", comment: "updated the priority to" },
  { column: "start_date", field: "start_date", comment: "updated the start date to " },
  { column: "target_date", field: "target_date", comment: "updated the target date to" },
];

/** Formats a work item's key, such as `ONB-2`. */
export const formatItemKey = (world: PlaneWorld, item: ItemRow): string =>
  `${getProject(world, item.project).identifier}-${item.sequence_id}`;

const formatItemKeyById = (world: PlaneWorld, id: Id | null): string => {
  const item = id ? world.data.items.get(id) : undefined;
  return item ? formatItemKey(world, item) : "";
};

/** Returns the history entries of an edit, in Plane's order and wording. */
export function diffActivities(world: PlaneWorld, before: TrackedColumns, after: TrackedColumns): NewActivity[] {
  const rows: NewActivity[] = [];
  for (const { column, field, comment } of PLAIN_COLUMNS) {
    if (before[column] === after[column]) continue;
    const [old_value, new_value] = [String(before[column] ?? ""), String(after[column] ?? "")];
    rows.push({ verb: "updated", field, comment, old_value, new_value });
  }
  if (before.parent !== after.parent)
    rows.push({
      verb: "updated",
      field: "parent",
      comment: "updated the parent issue to",
      old_value: formatItemKeyById(world, before.parent),
      new_value: formatItemKeyById(world, after.parent),
      old_identifier: before.parent,
      new_identifier: after.parent,
    });
  if (before.state !== after.state)
    rows.push({
      verb: "updated",
      field: "state",
      comment: "updated the state to",
      old_value: world.data.states.get(before.state)?.name ?? "",
      new_value: world.data.states.get(after.state)?.name ?? "",
      old_identifier: before.state,
      new_identifier: after.state,
    });
  const getUserName = (id: Id) => world.data.users.get(id)?.display_name ?? "";
  const getLabelName = (id: Id) => world.data.labels.get(id)?.name ?? "";
  rows.push(...listChanges("labels", "label", before.labels, after.labels, getLabelName));
  rows.push(...listChanges("assignees", "assignee", before.assignees, after.assignees, getUserName));
  return rows;
}

function listChanges(
  field: string,
  word: string,
  before: readonly Id[],
  after: readonly Id[],
  getName: (id: Id) => string,
): NewActivity[] {
  const added = after.filter((id) => !before.includes(id));
  const removed = before.filter((id) => !after.includes(id));
  return [
    ...added.map((id) => ({
      verb: "updated",
      field,
      comment: `added ${word} `,
      old_value: "",
      new_value: getName(id),
      new_identifier: id,
    })),
    ...removed.map((id) => ({
      verb: "updated",
      field,
      comment: `removed ${word} `,
      old_value: getName(id),
      new_value: "",
      old_identifier: id,
    })),
  ];
}

/** Runs the worker's task: writes the history, which changes `updated_at` of the work item once more. */
export function writeActivities(world: PlaneWorld, task: ActivityTask): void {
  const item = world.data.items.get(task.item);
  if (!item) return;
  item.updated_at = world.stamp();
  for (const each of task.rows) {
    const created_at = world.stamp();
    const row: ActivityRow = {
      id: world.newId(),
      created_at,
      updated_at: created_at + 9,
      created_by: null,
      updated_by: null,
      project: item.project,
      issue: item.id,
      old_value: null,
      new_value: null,
      old_identifier: null,
      new_identifier: null,
      issue_comment: null,
      ...each,
      epoch: task.epoch,
      actor: task.actor,
    };
    world.data.activities.set(row.id, row);
  }
}

/** Lists an item's history, oldest first. Plane leaves out the entries about comments. */
export const listActivities = (world: PlaneWorld, item: Id): ActivityRow[] =>
  [...world.data.activities.values()]
    .filter((row) => row.issue === item && row.field !== "comment")
    .sort((a, b) => a.created_at - b.created_at);

export const renderActivity = (world: PlaneWorld, row: ActivityRow, formatTime: TimeFormatter): JsonObject => ({
  ...renderBaseColumns(row, formatTime),
  verb: row.verb,
  field: row.field,
  old_value: row.old_value,
  new_value: row.new_value,
  comment: row.comment,
  attachments: [],
  old_identifier: row.old_identifier,
  new_identifier: row.new_identifier,
  epoch: row.epoch,
  project: row.project,
  workspace: getProject(world, row.project).workspace,
  issue: row.issue,
  issue_comment: row.issue_comment,
  actor: row.actor,
});
