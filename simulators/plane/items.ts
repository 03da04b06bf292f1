import { omitUndefined } from "../../shared/omit-undefined.ts";
import { diffActivities } from "./activities.ts";
import { createNotFoundError, PlaneApiError } from "./api-error.ts";
import { normalizeDescription } from "./description-html.ts";
import { findProjectMember } from "./projects.ts";
import { renderItem } from "./render-item.ts";
import { formatUtc } from "./render-row.ts";
import type { ItemRow, Json, JsonObject, ProjectRow } from "./rows.ts";
import { getState, listStates } from "./states.ts";
import { formatDay } from "./time.ts";
import type { EditSource, Id, Priority } from "./types.ts";
import { createWebhookTask } from "./worker-tasks.ts";
import { createRow, enqueueInRandomOrder, getEpoch, type PlaneWorld, touchRow } from "./world.ts";

/** The columns that a request may set, already validated. */
export interface ItemWrite {
  name?: string;
  description_html?: string;
  priority?: Priority;
  state?: Id;
  assignees?: Id[];
  labels?: Id[];
  start_date?: string | null;
  target_date?: string | null;
  parent?: Id | null;
  is_draft?: boolean;
  external_source?: string | null;
  external_id?: string | null;
}
export interface Author {
  actor: Id;
  via: EditSource;
}

/** Names that the browser's API uses for columns with another name in the public API. */
const BROWSER_FIELD_NAMES: Record<string, string> = {
  state: "state_id",
  assignees: "assignee_ids",
  labels: "label_ids",
  parent: "parent_id",
};

export const getItem = (world: PlaneWorld, id: Id): ItemRow => {
  const item = world.data.items.get(id);
  if (!item) throw createNotFoundError();
  return item;
};

/** Whether lists contain the item: not archived, no draft, not in triage, and not in an archived project. */
export const isListed = (world: PlaneWorld, row: ItemRow): boolean =>
  row.archived_at === null &&
  !row.is_draft &&
  world.data.states.get(row.state)?.group !== "triage" &&
  world.data.projects.get(row.project)?.archived_at === null;

export const listItems = (world: PlaneWorld, project: Id): ItemRow[] =>
  [...world.data.items.values()].filter((row) => row.project === project);

/** Finds the item with this external source and id, whether lists contain it or not. */
export const findItemByExternalId = (world: PlaneWorld, project: Id, source: string, id: string): ItemRow | undefined =>
  listItems(world, project).find((row) => row.external_source === source && row.external_id === id);

/** Plane silently ignores assignees who are guests or not members of the project, and labels of other projects. */
function dropUnassignable(world: PlaneWorld, project: Id, write: ItemWrite): ItemWrite {
  const { assignees, labels } = write;
  return {
    ...write,
    ...omitUndefined({
      assignees: assignees
        ? assignees.filter((id) => (findProjectMember(world, project, id)?.role ?? 0) >= 15)
        : undefined,
      labels: labels ? labels.filter((id) => world.data.labels.get(id)?.project === project) : undefined,
      description_html: write.description_html !== undefined ? normalizeDescription(write.description_html) : undefined,
    }),
  };
}

/** Returns the row and its `first` version, whose times Plane's answer contains; a later read has other times. */
export function createItem(
  world: PlaneWorld,
  project: ProjectRow,
  write: ItemWrite & { name: string },
  author: Author,
) {
  if (write.external_source && write.external_id) {
    const existing = findItemByExternalId(world, project.id, write.external_source, write.external_id);
    if (existing) throw createExternalIdConflict(existing.id);
  }
  const state = write.state ?? listStates(world, project.id).find((candidate) => candidate.default)?.id;
  if (!state) throw new PlaneApiError(400, { error: "The payload is not valid" });
  let sort_order = 65535;
  for (const other of world.data.items.values())
    if (other.state === state && other.sort_order >= sort_order) sort_order = other.sort_order + 10000;
  project.last_sequence += 1;
  const row: ItemRow = {
    ...createRow(world, author.actor),
    workspace: project.workspace,
    project: project.id,
    created_by: author.actor,
    description_html: "<p></p>",
    priority: "none",
    start_date: null,
    target_date: null,
    sequence_id: project.last_sequence,
    sort_order,
    completed_at: null,
    archived_at: null,
    is_draft: false,
    external_source: null,
    external_id: null,
    parent: null,
    assignees: [],
    labels: [],
    ...dropUnassignable(world, project.id, write),
    name: write.name,
    state,
  };
  if (getState(world, state).group === "completed") row.completed_at = world.stamp();
  world.data.items.set(row.id, row);
  const first = { ...row };
  // The API saves the row a second time only for `created_at`, which is therefore later than `updated_at`.
  if (author.via === "api") row.created_at = world.stamp();
  const activity = { verb: "created", field: null, comment: "created the issue" };
  enqueueInRandomOrder(
    world,
    { kind: "activity", item: row.id, actor: author.actor, epoch: getEpoch(world), rows: [activity] },
    [createWebhookTask("issue", row, "created", null, null, null, author.actor)],
  );
  return { row, first };
}

export const createExternalIdConflict = (id: Id): PlaneApiError =>
  new PlaneApiError(409, { error: "Issue with the same external id and external source already exists", id });

/**
 * Begins an edit: Plane deletes the assignee and label rows that the request names before it inserts the new ones, so a
 * read in between sees none. The returned function finishes the edit.
 *
 * @param requested the request's values by column: they decide which webhooks are sent
 */
export function beginEdit(
  world: PlaneWorld,
  row: ItemRow,
  write: ItemWrite,
  requested: JsonObject,
  author: Author,
): () => void {
  const before = { ...row };
  const current = renderItem(world, row, formatUtc);
  const accepted = dropUnassignable(world, row.project, write);
  if (accepted.assignees) row.assignees = [];
  if (accepted.labels) row.labels = [];
  return () => {
    Object.assign(row, accepted);
    if (before.state !== row.state)
      row.completed_at = getState(world, row.state).group === "completed" ? world.stamp() : null;
    touchRow(world, row, author.actor);
    const rows = diffActivities(world, before, row);
    const isSilent = world.version === "1.2.2" && author.via === "api";
    const announcements = isSilent
      ? []
      : diffRequested(current, requested, author.via).map(([field, oldValue, newValue]) =>
          createWebhookTask("issue", row, "updated", field, oldValue, newValue, author.actor),
        );
    enqueueInRandomOrder(
      world,
      { kind: "activity", item: row.id, actor: author.actor, epoch: getEpoch(world), rows },
      announcements,
    );
  };
}

/** Returns one event for each requested column whose value differs, in the order of the request. */
function diffRequested(current: JsonObject, requested: JsonObject, via: EditSource): [string, Json, Json][] {
  return Object.entries(requested)
    .filter(([field, value]) => field in current && JSON.stringify(current[field]) !== JSON.stringify(value))
    .map(([field, value]) => [
      via === "browser" ? (BROWSER_FIELD_NAMES[field] ?? field) : field,
      current[field] ?? null,
      value ?? null,
    ]);
}

/**
 * Deletes an item with its comments, links, relations, memberships and attachments. Sub-items lose their parent. Plane
 * sends no webhook.
 */
export function deleteItem(world: PlaneWorld, row: ItemRow): void {
  const { data } = world;
  data.items.delete(row.id);
  for (const map of [data.comments, data.links, data.memberships, data.activities, data.attachments])
    for (const { id, issue } of map.values()) if (issue === row.id) map.delete(id);
  for (const { id, issue, related_issue } of data.relations.values())
    if (issue === row.id || related_issue === row.id) data.relations.delete(id);
  for (const child of data.items.values()) if (child.parent === row.id) child.parent = null;
}

/** Archives or restores an item, which only the browser can do. Plane sends no webhook. */
export function setArchived(world: PlaneWorld, row: ItemRow, archived: boolean, actor: Id): void {
  const old_value = row.archived_at;
  row.archived_at = archived ? formatDay(world.clock()) : null;
  touchRow(world, row, actor);
  const comment = archived ? "Actor has archived the issue" : "Actor has restored the issue";
  const rows = [
    { verb: "updated", field: "archived_at", comment, old_value, new_value: archived ? "archive" : "restore" },
  ];
  enqueueInRandomOrder(world, { kind: "activity", item: row.id, actor, epoch: getEpoch(world), rows }, []);
}
