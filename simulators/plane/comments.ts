import { createNotFoundError, PlaneApiError } from "./api-error.ts";
import { findProjectMember, getProject } from "./projects.ts";
import {
  formatOptionalTime,
  renderAuthorColumns,
  renderBaseColumns,
  renderExternalColumns,
  type TimeFormatter,
} from "./render-row.ts";
import type { CommentRow, ItemRow, JsonObject } from "./rows.ts";
import type { Id } from "./types.ts";
import { toWebhookSubject } from "./webhook-subject.ts";
import type { WebhookTask } from "./worker-tasks.ts";
import { createWebhookTask } from "./worker-tasks.ts";
import { createRow, enqueueInRandomOrder, getEpoch, type PlaneWorld, sortNewestFirst, touchRow } from "./world.ts";

export interface NewComment {
  comment_html?: string;
  external_source?: string | null;
  external_id?: string | null;
}

/** A comment changes `updated_at` of its work item, but only when the worker runs. */
function queueCommentActivity(
  world: PlaneWorld,
  row: CommentRow,
  verb: string,
  comment: string,
  actor: Id,
  events: WebhookTask[],
): void {
  const rows = [{ verb, field: "comment", comment, issue_comment: row.id, new_value: row.comment_html }];
  enqueueInRandomOrder(world, { kind: "activity", item: row.issue, actor, epoch: getEpoch(world), rows }, events);
}

const createCommentIdConflict = (id: Id) =>
  new PlaneApiError(409, {
    error: "Work item comment with the same external id and external source already exists",
    id,
  });

const findCommentByExternalId = (world: PlaneWorld, project: Id, source: string, id: string) =>
  [...world.data.comments.values()].find(
    (row) => row.project === project && row.external_source === source && row.external_id === id,
  );

/** Plane stores any HTML as sent, also an empty one. */
export function createComment(world: PlaneWorld, item: ItemRow, comment: NewComment, actor: Id): CommentRow {
  const { external_source = null, external_id = null } = comment;
  const existing =
    external_source && external_id && findCommentByExternalId(world, item.project, external_source, external_id);
  if (existing) throw createCommentIdConflict(existing.id);
  const row: CommentRow = {
    ...createRow(world, actor),
    project: item.project,
    issue: item.id,
    actor,
    comment_html: comment.comment_html ?? "<p></p>",
    description: world.newId(),
    edited_at: null,
    external_source,
    external_id,
  };
  // Plane saves the row a second time only for `created_at`, which is therefore later than `updated_at`.
  row.created_at = world.stamp();
  world.data.comments.set(row.id, row);
  const event = createWebhookTask("issue_comment", toWebhookSubject(world, row), "created", null, null, null, actor);
  queueCommentActivity(world, row, "created", "created a comment", actor, [event]);
  return row;
}

export function editComment(world: PlaneWorld, row: CommentRow, requested: JsonObject, actor: Id): void {
  const { external_id, external_source } = requested;
  if (typeof external_id === "string" && external_id !== row.external_id) {
    const source = typeof external_source === "string" ? external_source : row.external_source;
    if (source && findCommentByExternalId(world, row.project, source, external_id))
      throw createCommentIdConflict(row.id);
  }
  const columns = ["comment_html", "external_source", "external_id"] as const;
  const events: WebhookTask[] = [];
  for (const field of Object.keys(requested)) {
    const column = columns.find((name) => name === field);
    const value = requested[field];
    if (!column || typeof value !== "string" || row[column] === value) continue;
    events.push(
      createWebhookTask("issue_comment", toWebhookSubject(world, row), "updated", column, row[column], value, actor),
    );
  }
  if (typeof requested["comment_html"] === "string") row.comment_html = requested["comment_html"];
  if (typeof external_source === "string") row.external_source = external_source;
  if (typeof external_id === "string") row.external_id = external_id;
  touchRow(world, row, actor);
  queueCommentActivity(world, row, "updated", "updated a comment", actor, events);
}

/** Plane sends no webhook when a comment is deleted. */
export function deleteComment(world: PlaneWorld, row: CommentRow, actor: Id): void {
  world.data.comments.delete(row.id);
  queueCommentActivity(world, row, "deleted", "deleted the comment", actor, []);
}

export function getComment(world: PlaneWorld, id: Id): CommentRow {
  const comment = world.data.comments.get(id);
  if (!comment) throw createNotFoundError();
  return comment;
}

export const listComments = (world: PlaneWorld, item: Id): CommentRow[] =>
  sortNewestFirst([...world.data.comments.values()].filter((row) => row.issue === item));

export const renderComment = (world: PlaneWorld, row: CommentRow, formatTime: TimeFormatter): JsonObject => ({
  ...renderBaseColumns(row, formatTime),
  comment_html: row.comment_html,
  attachments: [],
  access: "INTERNAL",
  ...renderExternalColumns(row),
  edited_at: formatOptionalTime(formatTime, row.edited_at),
  ...renderAuthorColumns(row),
  project: row.project,
  workspace: getProject(world, row.project).workspace,
  description: row.description,
  issue: row.issue,
  actor: row.actor,
  parent: null,
});

/** In lists, Plane adds whether the reader is a member of the project. */
export function renderListedComment(
  world: PlaneWorld,
  row: CommentRow,
  reader: Id,
  formatTime: TimeFormatter,
): JsonObject {
  const { id, ...rest } = renderComment(world, row, formatTime);
  return { id, is_member: findProjectMember(world, row.project, reader) !== undefined, ...rest };
}
