import { formatItemKey } from "./activities.ts";
import { renderAuthorColumns, type TimeFormatter } from "./render-row.ts";
import type { ItemRow, JsonObject, RelationRow, StoredRelation } from "./rows.ts";
import type { Id } from "./types.ts";
import { createRow, enqueueTasks, getEpoch, type PlaneWorld } from "./world.ts";

/** The eight relation names in Plane's order. Plane stores a reversed one as its counterpart. */
const RELATIONS = {
  blocking: { storedAs: "blocked_by", reversed: true },
  blocked_by: { storedAs: "blocked_by", reversed: false },
  duplicate: { storedAs: "duplicate", reversed: false },
  relates_to: { storedAs: "relates_to", reversed: false },
  start_after: { storedAs: "start_before", reversed: true },
  start_before: { storedAs: "start_before", reversed: false },
  finish_after: { storedAs: "finish_before", reversed: true },
  finish_before: { storedAs: "finish_before", reversed: false },
} as const satisfies Record<string, { storedAs: StoredRelation; reversed: boolean }>;
export type RelationName = keyof typeof RELATIONS;

export const isRelationName = (name: unknown): name is RelationName => typeof name === "string" && name in RELATIONS;
const SYMMETRIC: readonly StoredRelation[] = ["duplicate", "relates_to"];

const findRelation = (world: PlaneWorld, type: StoredRelation, issue: Id, related: Id): RelationRow | undefined =>
  [...world.data.relations.values()].find(
    (row) => row.relation_type === type && row.issue === issue && row.related_issue === related,
  );

/**
 * Adds the relation `item <name> other`. Plane changes only the `updated_at` of `item`, when the worker runs. An
 * existing relation stays as it is.
 */
export function addRelation(
  world: PlaneWorld,
  item: ItemRow,
  name: RelationName,
  other: ItemRow,
  actor: Id,
): RelationRow {
  const { storedAs, reversed } = RELATIONS[name];
  const [issue, related] = reversed ? [other, item] : [item, other];
  const row: RelationRow = findRelation(world, storedAs, issue.id, related.id) ?? {
    ...createRow(world, actor),
    updated_by: actor,
    project: item.project,
    issue: issue.id,
    related_issue: related.id,
    relation_type: storedAs,
  };
  world.data.relations.set(row.id, row);
  queueRelationActivity(world, item, name, other, actor, "added");
  return row;
}

export function removeRelation(world: PlaneWorld, item: ItemRow, name: RelationName, other: ItemRow, actor: Id): void {
  const { storedAs, reversed } = RELATIONS[name];
  const [issue, related] = reversed ? [other, item] : [item, other];
  const row = findRelation(world, storedAs, issue.id, related.id);
  if (!row) return;
  world.data.relations.delete(row.id);
  queueRelationActivity(world, item, name, other, actor, "deleted");
}

/**
 * Both items get a history entry, but only `item` gets another `updated_at`. As Plane does, the other item's entry about
 * a removed relation has that item's own id.
 */
function queueRelationActivity(
  world: PlaneWorld,
  item: ItemRow,
  name: RelationName,
  other: ItemRow,
  actor: Id,
  verb: "added" | "deleted",
): void {
  const toRow = (field: RelationName, named: ItemRow, old_identifier: Id) => {
    const key = formatItemKey(world, named);
    const values = verb === "added" ? { old_value: "", new_value: key } : { old_value: key, new_value: "" };
    return {
      verb: verb === "added" ? "updated" : "deleted",
      field,
      comment: `${verb} ${field} relation`,
      ...values,
      old_identifier,
    };
  };
  const { storedAs, reversed } = RELATIONS[name];
  const rows = [
    toRow(name, other, other.id),
    {
      ...toRow(reversed ? storedAs : getCounterpart(storedAs), item, verb === "added" ? item.id : other.id),
      issue: other.id,
    },
  ];
  enqueueTasks(world, { kind: "activity", item: item.id, actor, epoch: getEpoch(world), rows });
}

/** Lists the ids of the related items by relation name. */
export function listRelations(world: PlaneWorld, item: Id): Record<RelationName, Id[]> {
  const related: Record<RelationName, Id[]> = {
    blocking: [],
    blocked_by: [],
    duplicate: [],
    relates_to: [],
    start_after: [],
    start_before: [],
    finish_after: [],
    finish_before: [],
  };
  const add = (name: RelationName, id: Id) => {
    if (!related[name].includes(id)) related[name].push(id);
  };
  for (const row of world.data.relations.values()) {
    if (row.issue === item) add(row.relation_type, row.related_issue);
    if (row.related_issue === item) add(getCounterpart(row.relation_type), row.issue);
  }
  return related;
}

function getCounterpart(type: StoredRelation): RelationName {
  if (SYMMETRIC.includes(type)) return type;
  return type === "blocked_by" ? "blocking" : type === "start_before" ? "start_after" : "finish_after";
}

export function renderRelations(world: PlaneWorld, item: Id): JsonObject {
  const toReference = (id: Id) => ({ project_id: world.data.items.get(id)?.project ?? null, issue_id: id });
  return Object.fromEntries(
    Object.entries(listRelations(world, item)).map(([name, ids]) => [name, ids.map(toReference)]),
  );
}

/** Renders the answer to a new relation: the other item with the times of the relation. */
export const renderRelatedItem = (row: RelationRow, other: ItemRow, formatTime: TimeFormatter): JsonObject => ({
  id: other.id,
  project_id: other.project,
  sequence_id: other.sequence_id,
  relation_type: row.relation_type,
  name: other.name,
  state_id: other.state,
  priority: other.priority,
  created_by: renderAuthorColumns(row)["created_by"],
  created_at: formatTime(row.created_at),
  updated_at: formatTime(row.updated_at),
  updated_by: row.updated_by,
});
