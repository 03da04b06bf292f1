import { formatItemKey } from "./activities.ts";
import { renderAuthorColumns, type TimeFormatter } from "./render-row.ts";
import type { ItemRow, JsonObject, RelationRow, StoredRelation } from "./rows.ts";
import type { Id } from "./types.ts";
import { createRow, enqueueTasks, getEpoch, type PlaneWorld } from "./world.ts";

/** The eight names, in the order in which Plane lists them. The reversed ones are kept as their counterpart. */
const RELATIONS = {
  blocking: { kept: "blocked_by", reversed: true },
  blocked_by: { kept: "blocked_by", reversed: false },
  duplicate: { kept: "duplicate", reversed: false },
  relates_to: { kept: "relates_to", reversed: false },
  start_after: { kept: "start_before", reversed: true },
  start_before: { kept: "start_before", reversed: false },
  finish_after: { kept: "finish_before", reversed: true },
  finish_before: { kept: "finish_before", reversed: false },
} as const satisfies Record<string, { kept: StoredRelation; reversed: boolean }>;
export type RelationName = keyof typeof RELATIONS;

export const isRelationName = (name: unknown): name is RelationName => typeof name === "string" && name in RELATIONS;
const SYMMETRIC: readonly StoredRelation[] = ["duplicate", "relates_to"];

const findRelation = (world: PlaneWorld, kept: StoredRelation, issue: Id, related: Id): RelationRow | undefined =>
  [...world.data.relations.values()].find(
    (row) => row.relation_type === kept && row.issue === issue && row.related_issue === related,
  );

/** Says `item <name> other` on the item's page: only its `updated_at` moves, a moment later. A known one is kept as it is. */
export function addRelation(
  world: PlaneWorld,
  item: ItemRow,
  name: RelationName,
  other: ItemRow,
  actor: Id,
): RelationRow {
  const { kept, reversed } = RELATIONS[name];
  const [issue, related] = reversed ? [other, item] : [item, other];
  const row: RelationRow = findRelation(world, kept, issue.id, related.id) ?? {
    ...createRow(world, actor),
    updated_by: actor,
    project: item.project,
    issue: issue.id,
    related_issue: related.id,
    relation_type: kept,
  };
  world.data.relations.set(row.id, row);
  queueRelationActivity(world, item, name, other, actor, "added");
  return row;
}

export function removeRelation(world: PlaneWorld, item: ItemRow, name: RelationName, other: ItemRow, actor: Id): void {
  const { kept, reversed } = RELATIONS[name];
  const [issue, related] = reversed ? [other, item] : [item, other];
  const row = findRelation(world, kept, issue.id, related.id);
  if (!row) return;
  world.data.relations.delete(row.id);
  queueRelationActivity(world, item, name, other, actor, "deleted");
}

function queueRelationActivity(
  world: PlaneWorld,
  item: ItemRow,
  name: RelationName,
  other: ItemRow,
  actor: Id,
  verb: "added" | "deleted",
): void {
  const key = formatItemKey(world, other);
  const values = verb === "added" ? { old_value: "", new_value: key } : { old_value: key, new_value: "" };
  const rows = [
    {
      verb: verb === "added" ? "updated" : "deleted",
      field: name,
      comment: `${verb} ${name} relation`,
      ...values,
      old_identifier: other.id,
    },
  ];
  enqueueTasks(world, { kind: "activity", item: item.id, actor, epoch: getEpoch(world), rows });
}

/** What is related to this item, by name. */
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

function getCounterpart(kept: StoredRelation): RelationName {
  if (SYMMETRIC.includes(kept)) return kept;
  return kept === "blocked_by" ? "blocking" : kept === "start_before" ? "start_after" : "finish_after";
}

export function renderRelations(world: PlaneWorld, item: Id): JsonObject {
  const toReference = (id: Id) => ({ project_id: world.data.items.get(id)?.project ?? null, issue_id: id });
  return Object.fromEntries(
    Object.entries(listRelations(world, item)).map(([name, ids]) => [name, ids.map(toReference)]),
  );
}

/** The answer to creating one: the other item, with the relation's own times. */
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
