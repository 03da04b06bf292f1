import { isListed } from "./items.ts";
import { getProject } from "./projects.ts";
import { renderAuthorColumns, renderBaseColumns, type TimeFormatter } from "./render-row.ts";
import type { CycleRow, ItemRow, JsonObject, MembershipRow, ModuleRow } from "./rows.ts";
import type { Id } from "./types.ts";
import { createRow, type PlaneWorld } from "./world.ts";

/**
 * Adds items to a cycle or module. An item is in at most one cycle. Plane sends no webhook and does not change
 * `updated_at`.
 */
export function addToGroup(
  world: PlaneWorld,
  row: CycleRow | ModuleRow,
  items: readonly ItemRow[],
  by: Id,
): MembershipRow[] {
  const isCycle = world.data.cycles.has(row.id);
  return items.map((item) => {
    const memberships = [...world.data.memberships.values()].filter(({ issue }) => issue === item.id);
    const existing = memberships.find((candidate) => candidate.in === row.id);
    if (existing) return existing;
    if (isCycle)
      for (const other of memberships) if (world.data.cycles.has(other.in)) world.data.memberships.delete(other.id);
    // Plane creates cycle memberships in bulk, without an author.
    const author = isCycle ? null : by;
    const membership: MembershipRow = {
      ...createRow(world, author),
      updated_by: author,
      project: row.project,
      in: row.id,
      issue: item.id,
    };
    world.data.memberships.set(membership.id, membership);
    return membership;
  });
}

export const listGroupItems = (world: PlaneWorld, id: Id): ItemRow[] =>
  [...world.data.memberships.values()].flatMap((row) => (row.in === id ? (world.data.items.get(row.issue) ?? []) : []));

/** Adds the numbers of items by state group, as Plane does in lists. */
export function addItemCounts(world: PlaneWorld, rendered: JsonObject, id: Id): JsonObject {
  const groups = listGroupItems(world, id)
    .filter((item) => isListed(world, item))
    .map((item) => world.data.states.get(item.state)?.group);
  const count = (group: string) => groups.filter((candidate) => candidate === group).length;
  const { id: rowId, ...rest } = rendered;
  return {
    id: rowId,
    total_issues: groups.length,
    cancelled_issues: count("cancelled"),
    completed_issues: count("completed"),
    started_issues: count("started"),
    unstarted_issues: count("unstarted"),
    backlog_issues: count("backlog"),
    ...rest,
  };
}

/** Renders a membership; the column `in` is called `cycle` or `module`. */
export const renderMembership = (world: PlaneWorld, row: MembershipRow, formatTime: TimeFormatter): JsonObject => {
  const subItems = [...world.data.items.values()].filter((item) => item.parent === row.issue);
  const { id, ...times } = renderBaseColumns(row, formatTime);
  const container = world.data.cycles.has(row.in)
    ? { issue: row.issue, cycle: row.in }
    : { module: row.in, issue: row.issue };
  return {
    id,
    sub_issues_count: subItems.length,
    ...times,
    ...renderAuthorColumns(row),
    project: row.project,
    workspace: getProject(world, row.project).workspace,
    ...container,
  };
};
