import { projectMemberOf, projectOf } from "./projects.ts";
import { notFound, Refusal } from "./refusal.ts";
import type { CommentRow, ItemRow, Json, JsonObject } from "./rows.ts";
import { type At, authors, external, maybe, opening } from "./show.ts";
import type { Id } from "./types.ts";
import { type AnnounceTask, epochOf, newestFirst, newRow, queueTasks, touch, type World } from "./world.ts";

export interface NewComment {
  comment_html?: string;
  external_source?: string | null;
  external_id?: string | null;
}

const announce = (
  world: World,
  row: CommentRow,
  verb: AnnounceTask["verb"],
  field: string | null,
  old_value: Json,
  new_value: Json,
  actor: Id,
): AnnounceTask => ({
  kind: "announce",
  workspace: projectOf(world, row.project).workspace,
  event: "issue_comment",
  verb,
  about: row.id,
  field,
  old_value,
  new_value,
  actor,
});

/** A comment moves its item's `updated_at`: the worker does it. */
function tellItem(
  world: World,
  row: CommentRow,
  verb: string,
  comment: string,
  actor: Id,
  events: AnnounceTask[],
): void {
  const rows = [{ verb, field: "comment", comment, issue_comment: row.id, new_value: row.comment_html }];
  queueTasks(world, { kind: "activity", item: row.issue, actor, epoch: epochOf(world), rows }, events);
}

const taken = (id: Id) =>
  new Refusal(409, {
    error: "Work item comment with the same external id and external source already exists",
    id,
  });

const byExternal = (world: World, project: Id, source: string, id: string) =>
  [...world.data.comments.values()].find(
    (row) => row.project === project && row.external_source === source && row.external_id === id,
  );

/** Stored as sent, whatever it is; empty is accepted. */
export function createComment(world: World, item: ItemRow, comment: NewComment, actor: Id): CommentRow {
  const { external_source = null, external_id = null } = comment;
  const known = external_source && external_id && byExternal(world, item.project, external_source, external_id);
  if (known) throw taken(known.id);
  const row: CommentRow = {
    ...newRow(world, actor),
    project: item.project,
    issue: item.id,
    actor,
    comment_html: comment.comment_html ?? "<p></p>",
    description: world.newId(),
    edited_at: null,
    external_source,
    external_id,
  };
  // Saved a second time for `created_at` alone, which so is later than `updated_at`.
  row.created_at = world.stamp();
  world.data.comments.set(row.id, row);
  const event = announce(world, row, "created", null, null, null, actor);
  tellItem(world, row, "created", "created a comment", actor, [event]);
  return row;
}

export function editComment(world: World, row: CommentRow, requested: JsonObject, actor: Id): void {
  const { external_id, external_source } = requested;
  if (typeof external_id === "string" && external_id !== row.external_id) {
    const source = typeof external_source === "string" ? external_source : row.external_source;
    if (source && byExternal(world, row.project, source, external_id)) throw taken(row.id);
  }
  const columns = ["comment_html", "external_source", "external_id"] as const;
  const events: AnnounceTask[] = [];
  for (const field of Object.keys(requested)) {
    const column = columns.find((each) => each === field);
    const value = requested[field];
    if (!column || typeof value !== "string" || row[column] === value) continue;
    events.push(announce(world, row, "updated", column, row[column], value, actor));
  }
  if (typeof requested["comment_html"] === "string") row.comment_html = requested["comment_html"];
  if (typeof external_source === "string") row.external_source = external_source;
  if (typeof external_id === "string") row.external_id = external_id;
  touch(world, row, actor);
  tellItem(world, row, "updated", "updated a comment", actor, events);
}

/** No webhook tells. */
export function deleteComment(world: World, row: CommentRow, actor: Id): void {
  world.data.comments.delete(row.id);
  tellItem(world, row, "deleted", "deleted the comment", actor, []);
}

export function commentOf(world: World, id: Id): CommentRow {
  const comment = world.data.comments.get(id);
  if (!comment) throw notFound();
  return comment;
}

export const commentsOn = (world: World, item: Id): CommentRow[] =>
  newestFirst([...world.data.comments.values()].filter((row) => row.issue === item));

export const showComment = (world: World, row: CommentRow, at: At): JsonObject => ({
  ...opening(row, at),
  comment_html: row.comment_html,
  attachments: [],
  access: "INTERNAL",
  ...external(row),
  edited_at: maybe(at, row.edited_at),
  ...authors(row),
  project: row.project,
  workspace: projectOf(world, row.project).workspace,
  description: row.description,
  issue: row.issue,
  actor: row.actor,
  parent: null,
});

/** In a list, Plane adds whether the reader is a member of the project. */
export function showListedComment(world: World, row: CommentRow, reader: Id, at: At): JsonObject {
  const { id, ...rest } = showComment(world, row, at);
  return { id, is_member: projectMemberOf(world, row.project, reader) !== undefined, ...rest };
}
