import { keyOf } from "./activities.ts";
import type { ItemRow, JsonObject, KeptRelation, RelationRow } from "./rows.ts";
import { type At, authors } from "./show.ts";
import type { Id } from "./types.ts";
import { epochOf, later, newRow, type World } from "./world.ts";

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
} as const satisfies Record<string, { kept: KeptRelation; reversed: boolean }>;
export type RelationName = keyof typeof RELATIONS;

export const isRelationName = (name: unknown): name is RelationName => typeof name === "string" && name in RELATIONS;
const SYMMETRIC: readonly KeptRelation[] = ["duplicate", "relates_to"];

const between = (world: World, kept: KeptRelation, issue: Id, related: Id): RelationRow | undefined =>
  [...world.data.relations.values()].find(
    (row) => row.relation_type === kept && row.issue === issue && row.related_issue === related,
  );

/** Says `item <name> other` on the item's page: only its `updated_at` moves, a moment later. A known one is kept as it is. */
export function relate(world: World, item: ItemRow, name: RelationName, other: ItemRow, actor: Id): RelationRow {
  const { kept, reversed } = RELATIONS[name];
  const [issue, related] = reversed ? [other, item] : [item, other];
  const row: RelationRow = between(world, kept, issue.id, related.id) ?? {
    ...newRow(world, actor),
    updated_by: actor,
    project: item.project,
    issue: issue.id,
    related_issue: related.id,
    relation_type: kept,
  };
  world.data.relations.set(row.id, row);
  tell(world, item, name, other, actor, "added");
  return row;
}

export function unrelate(world: World, item: ItemRow, name: RelationName, other: ItemRow, actor: Id): void {
  const { kept, reversed } = RELATIONS[name];
  const [issue, related] = reversed ? [other, item] : [item, other];
  const row = between(world, kept, issue.id, related.id);
  if (!row) return;
  world.data.relations.delete(row.id);
  tell(world, item, name, other, actor, "deleted");
}

function tell(
  world: World,
  item: ItemRow,
  name: RelationName,
  other: ItemRow,
  actor: Id,
  verb: "added" | "deleted",
): void {
  const key = keyOf(world, other);
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
  later(world, { kind: "activity", item: item.id, actor, epoch: epochOf(world), rows });
}

/** What is related to this item, by name. */
export function relationsOf(world: World, item: Id): Record<RelationName, Id[]> {
  const found: Record<RelationName, Id[]> = {
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
    if (!found[name].includes(id)) found[name].push(id);
  };
  for (const row of world.data.relations.values()) {
    if (row.issue === item) add(row.relation_type, row.related_issue);
    if (row.related_issue === item) add(counterpart(row.relation_type), row.issue);
  }
  return found;
}

function counterpart(kept: KeptRelation): RelationName {
  if (SYMMETRIC.includes(kept)) return kept;
  return kept === "blocked_by" ? "blocking" : kept === "start_before" ? "start_after" : "finish_after";
}

export function showRelations(world: World, item: Id): JsonObject {
  const place = (id: Id) => ({ project_id: world.data.items.get(id)?.project ?? null, issue_id: id });
  return Object.fromEntries(Object.entries(relationsOf(world, item)).map(([name, ids]) => [name, ids.map(place)]));
}

/** The answer to creating one: the other item, with the relation's own times. */
export const showRelated = (row: RelationRow, other: ItemRow, at: At): JsonObject => ({
  id: other.id,
  project_id: other.project,
  sequence_id: other.sequence_id,
  relation_type: row.relation_type,
  name: other.name,
  state_id: other.state,
  priority: other.priority,
  created_by: authors(row)["created_by"],
  created_at: at(row.created_at),
  updated_at: at(row.updated_at),
  updated_by: row.updated_by,
});
