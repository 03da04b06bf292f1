import { isListed } from "./items.ts";
import { projectOf } from "./projects.ts";
import type { CycleRow, ItemRow, Json, JsonObject, MembershipRow, ModuleRow } from "./rows.ts";
import { type At, authors, opening } from "./show.ts";
import type { Id } from "./types.ts";
import { type AnnounceTask, newRow, type World } from "./world.ts";

/** An event of a cycle or module. */
export const announceGroup = (
  world: World,
  event: "cycle" | "module",
  row: { id: Id; project: Id },
  verb: "created" | "updated",
  field: string | null,
  old_value: Json,
  new_value: Json,
  actor: Id,
): AnnounceTask => ({
  kind: "announce",
  workspace: projectOf(world, row.project).workspace,
  event,
  verb,
  about: row.id,
  field,
  old_value,
  new_value,
  actor,
});

/** Puts items into a cycle (each is in one at most) or a module. No webhook tells, no `updated_at` moves. */
export function putInto(world: World, row: CycleRow | ModuleRow, items: readonly ItemRow[], by: Id): MembershipRow[] {
  const isCycle = world.data.cycles.has(row.id);
  return items.map((item) => {
    const mine = [...world.data.memberships.values()].filter((each) => each.issue === item.id);
    const known = mine.find((each) => each.in === row.id);
    if (known) return known;
    if (isCycle) for (const each of mine) if (world.data.cycles.has(each.in)) world.data.memberships.delete(each.id);
    // Bulk-created cycle rows carry no author.
    const author = isCycle ? null : by;
    const membership: MembershipRow = {
      ...newRow(world, author),
      updated_by: author,
      project: row.project,
      in: row.id,
      issue: item.id,
    };
    world.data.memberships.set(membership.id, membership);
    return membership;
  });
}

export const itemsIn = (world: World, id: Id): ItemRow[] =>
  [...world.data.memberships.values()].flatMap((row) => (row.in === id ? (world.data.items.get(row.issue) ?? []) : []));

/** In lists Plane counts the items by group. */
export function withCounts(world: World, shown: JsonObject, id: Id): JsonObject {
  const groups = itemsIn(world, id)
    .filter((item) => isListed(world, item))
    .map((item) => world.data.states.get(item.state)?.group);
  const count = (group: string) => groups.filter((each) => each === group).length;
  const { id: own, ...rest } = shown;
  return {
    id: own,
    total_issues: groups.length,
    cancelled_issues: count("cancelled"),
    completed_issues: count("completed"),
    started_issues: count("started"),
    unstarted_issues: count("unstarted"),
    backlog_issues: count("backlog"),
    ...rest,
  };
}

/** The rows that say what is in it; `in` is named by its kind. */
export const showMembership = (world: World, row: MembershipRow, at: At): JsonObject => {
  const subItems = [...world.data.items.values()].filter((item) => item.parent === row.issue);
  const { id, ...times } = opening(row, at);
  const within = world.data.cycles.has(row.in)
    ? { issue: row.issue, cycle: row.in }
    : { module: row.in, issue: row.issue };
  return {
    id,
    sub_issues_count: subItems.length,
    ...times,
    ...authors(row),
    project: row.project,
    workspace: projectOf(world, row.project).workspace,
    ...within,
  };
};
