import { activitiesOf } from "./activities.ts";
import { keptDescription } from "./html.ts";
import { showItem } from "./item-show.ts";
import { projectMemberOf } from "./projects.ts";
import { notFound, Refusal } from "./refusal.ts";
import type { ItemRow, Json, JsonObject, ProjectRow } from "./rows.ts";
import { inUtc } from "./show.ts";
import { stateOf, statesOf } from "./states.ts";
import { dayOf } from "./time.ts";
import type { Id, Priority, Via } from "./types.ts";
import { type AnnounceTask, epochOf, newRow, queueTasks, touch, type World } from "./world.ts";

/** Columns a caller may set, already checked. */
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
  via: Via;
}

/** What the browser calls the columns that the API calls otherwise. */
const BROWSER: Record<string, string> = {
  state: "state_id",
  assignees: "assignee_ids",
  labels: "label_ids",
  parent: "parent_id",
};

export const itemOf = (world: World, id: Id): ItemRow => {
  const item = world.data.items.get(id);
  if (!item) throw notFound();
  return item;
};

/** Neither archived, nor a draft, nor waiting for triage, nor in an archived project. */
export const isListed = (world: World, row: ItemRow): boolean =>
  row.archived_at === null &&
  !row.is_draft &&
  world.data.states.get(row.state)?.group !== "triage" &&
  world.data.projects.get(row.project)?.archived_at === null;

export const itemsOf = (world: World, project: Id): ItemRow[] =>
  [...world.data.items.values()].filter((row) => row.project === project);

/** The one that carries this pair, listed or not. */
export const itemByExternal = (world: World, project: Id, source: string, id: string): ItemRow | undefined =>
  itemsOf(world, project).find((row) => row.external_source === source && row.external_id === id);

/** Whoever is not a member of the project, or only a guest, silently cannot be assigned; a foreign label neither. */
function narrow(world: World, project: Id, write: ItemWrite): ItemWrite {
  const { assignees, labels } = write;
  return {
    ...write,
    ...(assignees && { assignees: assignees.filter((id) => (projectMemberOf(world, project, id)?.role ?? 0) >= 15) }),
    ...(labels && { labels: labels.filter((id) => world.data.labels.get(id)?.project === project) }),
    ...(write.description_html !== undefined && { description_html: keptDescription(write.description_html) }),
  };
}

/** Answers the row as it was first saved; what is read a moment later differs in its times. */
export function createItem(world: World, project: ProjectRow, write: ItemWrite & { name: string }, author: Author) {
  if (write.external_source && write.external_id) {
    const known = itemByExternal(world, project.id, write.external_source, write.external_id);
    if (known) throw externalTaken(known.id);
  }
  const state = write.state ?? statesOf(world, project.id).find((each) => each.default)?.id;
  if (!state) throw new Refusal(400, { error: "The payload is not valid" });
  let sort_order = 65535;
  for (const each of world.data.items.values())
    if (each.state === state && each.sort_order >= sort_order) sort_order = each.sort_order + 10000;
  project.last_sequence += 1;
  const row: ItemRow = {
    ...newRow(world, author.actor),
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
    ...narrow(world, project.id, write),
    name: write.name,
    state,
  };
  if (stateOf(world, state).group === "completed") row.completed_at = world.stamp();
  world.data.items.set(row.id, row);
  const first = { ...row };
  // The API saves a second time, for `created_at` alone, which then is later than `updated_at`.
  if (author.via === "api") row.created_at = world.stamp();
  const created = { verb: "created", field: null, comment: "created the issue" };
  queueTasks(world, { kind: "activity", item: row.id, actor: author.actor, epoch: epochOf(world), rows: [created] }, [
    announce(row, "created", null, null, null, author.actor),
  ]);
  return { row, first };
}

export const externalTaken = (id: Id): Refusal =>
  new Refusal(409, { error: "Issue with the same external id and external source already exists", id });

const announce = (
  row: ItemRow,
  verb: AnnounceTask["verb"],
  field: string | null,
  old_value: Json,
  new_value: Json,
  actor: Id,
): AnnounceTask => ({
  kind: "announce",
  workspace: row.workspace,
  event: "issue",
  verb,
  about: row.id,
  field,
  old_value,
  new_value,
  actor,
});

/**
 * Deletes the rows of the lists that the write names; `finish` inserts them again and does the rest.
 * `requested` is what was asked for, by column: it decides which events there are.
 */
export function beginEdit(
  world: World,
  row: ItemRow,
  write: ItemWrite,
  requested: JsonObject,
  author: Author,
): () => void {
  const before = { ...row };
  const current = showItem(world, row, inUtc);
  const kept = narrow(world, row.project, write);
  if (kept.assignees) row.assignees = [];
  if (kept.labels) row.labels = [];
  return () => {
    Object.assign(row, kept);
    if (before.state !== row.state)
      row.completed_at = stateOf(world, row.state).group === "completed" ? world.stamp() : null;
    touch(world, row, author.actor);
    const rows = activitiesOf(world, before, row);
    const silent = world.version === "1.2.2" && author.via === "api";
    const announcements = silent
      ? []
      : changes(current, requested, author.via).map(([field, old, now]) =>
          announce(row, "updated", field, old, now, author.actor),
        );
    queueTasks(
      world,
      { kind: "activity", item: row.id, actor: author.actor, epoch: epochOf(world), rows },
      announcements,
    );
  };
}

/** One event for each requested column that was different, in the order of the request. */
function changes(current: JsonObject, requested: JsonObject, via: Via): [string, Json, Json][] {
  return Object.entries(requested)
    .filter(([field, value]) => field in current && JSON.stringify(current[field]) !== JSON.stringify(value))
    .map(([field, value]) => [
      via === "browser" ? (BROWSER[field] ?? field) : field,
      current[field] ?? null,
      value ?? null,
    ]);
}

/** With its comments, links, relations, memberships, attachments. Sub-items lose their parent. No webhook tells. */
export function deleteItem(world: World, row: ItemRow): void {
  const { data } = world;
  data.items.delete(row.id);
  for (const map of [data.comments, data.links, data.memberships, data.activities, data.attachments])
    for (const each of map.values()) if (each.issue === row.id) map.delete(each.id);
  for (const each of data.relations.values())
    if (each.issue === row.id || each.related_issue === row.id) data.relations.delete(each.id);
  for (const each of data.items.values()) if (each.parent === row.id) each.parent = null;
}

/** Archives or restores, as only the browser can. No webhook tells. */
export function setArchived(world: World, row: ItemRow, archived: boolean, actor: Id): void {
  const old_value = row.archived_at;
  row.archived_at = archived ? dayOf(world.clock()) : null;
  touch(world, row, actor);
  const comment = archived ? "Actor has archived the issue" : "Actor has restored the issue";
  const rows = [
    { verb: "updated", field: "archived_at", comment, old_value, new_value: archived ? "archive" : "restore" },
  ];
  queueTasks(world, { kind: "activity", item: row.id, actor, epoch: epochOf(world), rows }, []);
}
