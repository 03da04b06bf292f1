import { isListed } from "./items.ts";
import { projectOf } from "./projects.ts";
import { notFound, Refusal } from "./refusal.ts";
import type { CycleRow, ItemRow, Json, JsonObject, MembershipRow, ModuleRow, ProjectRow } from "./rows.ts";
import { type At, authors, external, maybe, opening } from "./show.ts";
import { isDay, readTime } from "./time.ts";
import type { Id, Micros } from "./types.ts";
import { type AnnounceTask, later, newestFirst, newRow, touch, type World } from "./world.ts";

export interface NewCycle {
  name: string;
  description?: string;
  /** A day or an ISO time. */
  start_date?: string | null;
  end_date?: string | null;
  external_source?: string | null;
  external_id?: string | null;
}

const announce = (
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

/** A cycle that begins today begins now; it ends a minute before midnight, in the project's zone (here UTC). */
function startOf(world: World, text: string | null | undefined): Micros | null {
  const at = text ? readTime(text) : null;
  if (at === null || !text || !isDay(text)) return at;
  const now = world.stamp();
  return now >= at && now < at + 86_400_000_000 ? now : at;
}
function endOf(text: string | null | undefined): Micros | null {
  const at = text ? readTime(text) : null;
  return at !== null && text && isDay(text) ? at + 86_340_000_000 : at;
}

export function createCycle(world: World, project: ProjectRow, cycle: NewCycle, by: Id): CycleRow {
  if (!cycle.start_date !== !cycle.end_date)
    throw new Refusal(400, { error: "Both start date and end date are either required or are to be null" });
  const known =
    cycle.external_source && cycle.external_id
      ? cyclesOf(world, project.id).find(
          (row) => row.external_source === cycle.external_source && row.external_id === cycle.external_id,
        )
      : undefined;
  if (known)
    throw new Refusal(409, {
      error: "Cycle with the same external id and external source already exists",
      id: known.id,
    });
  const row: CycleRow = {
    start_date: startOf(world, cycle.start_date),
    end_date: endOf(cycle.end_date),
    ...newRow(world, by),
    project: project.id,
    name: cycle.name,
    description: cycle.description ?? "",
    sort_order: 65535,
    archived_at: null,
    owned_by: by,
    external_source: cycle.external_source ?? null,
    external_id: cycle.external_id ?? null,
  };
  world.data.cycles.set(row.id, row);
  later(world, announce(world, "cycle", row, "created", null, null, null, by));
  return row;
}

export function editCycle(world: World, row: CycleRow, patch: JsonObject, by: Id): void {
  const before = { name: row.name, description: row.description, start_date: row.start_date, end_date: row.end_date };
  const { name, description, start_date, end_date } = patch;
  if (typeof name === "string") row.name = name;
  if (typeof description === "string") row.description = description;
  if (typeof start_date === "string") row.start_date = startOf(world, start_date);
  if (typeof end_date === "string") row.end_date = endOf(end_date);
  touch(world, row, by);
  const changed = Object.keys(patch).flatMap((field) => {
    const key = (["name", "description", "start_date", "end_date"] as const).find((each) => each === field);
    if (!key || before[key] === row[key]) return [];
    const old = before[key];
    return [
      announce(
        world,
        "cycle",
        row,
        "updated",
        key,
        typeof old === "number" ? new Date(old / 1000).toISOString() : old,
        patch[key] ?? null,
        by,
      ),
    ];
  });
  later(world, ...changed);
}

export interface NewModule {
  name: string;
  description?: string;
  status?: string;
  start_date?: string | null;
  target_date?: string | null;
}

export function createModule(world: World, project: ProjectRow, module: NewModule, by: Id): ModuleRow {
  const known = modulesOf(world, project.id).find((row) => row.name === module.name);
  if (known) throw new Refusal(409, { error: "Module with the same name already exists", id: known.id });
  const row: ModuleRow = {
    ...newRow(world, by),
    project: project.id,
    name: module.name,
    description: module.description ?? "",
    status: module.status ?? "planned",
    start_date: module.start_date ?? null,
    target_date: module.target_date ?? null,
    sort_order: 65535,
    external_source: null,
    external_id: null,
  };
  world.data.modules.set(row.id, row);
  later(world, announce(world, "module", row, "created", null, null, null, by));
  return row;
}

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

export const cyclesOf = (world: World, project: Id): CycleRow[] =>
  newestFirst([...world.data.cycles.values()].filter((row) => row.project === project));

export const modulesOf = (world: World, project: Id): ModuleRow[] =>
  newestFirst([...world.data.modules.values()].filter((row) => row.project === project));

export function cycleOf(world: World, id: Id): CycleRow {
  const cycle = world.data.cycles.get(id);
  if (!cycle) throw notFound();
  return cycle;
}

export function moduleOf(world: World, id: Id): ModuleRow {
  const module = world.data.modules.get(id);
  if (!module) throw notFound();
  return module;
}

export const showCycle = (world: World, row: CycleRow, at: At): JsonObject => ({
  ...opening(row, at),
  name: row.name,
  description: row.description,
  start_date: maybe(at, row.start_date),
  end_date: maybe(at, row.end_date),
  view_props: {},
  sort_order: row.sort_order,
  ...external(row),
  progress_snapshot: {},
  archived_at: maybe(at, row.archived_at),
  logo_props: {},
  timezone: "UTC",
  version: 1,
  ...authors(row),
  project: row.project,
  workspace: projectOf(world, row.project).workspace,
  owned_by: row.owned_by,
});

export const showModule = (world: World, row: ModuleRow, at: At): JsonObject => ({
  ...opening(row, at),
  name: row.name,
  description: row.description,
  description_text: null,
  description_html: null,
  start_date: row.start_date,
  target_date: row.target_date,
  status: row.status,
  view_props: {},
  sort_order: row.sort_order,
  ...external(row),
  archived_at: null,
  logo_props: {},
  ...authors(row),
  project: row.project,
  workspace: projectOf(world, row.project).workspace,
  lead: null,
  members: [],
});

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
