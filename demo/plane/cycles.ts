import { announceGroup } from "./memberships.ts";
import { projectOf } from "./projects.ts";
import { notFound, Refusal } from "./refusal.ts";
import type { CycleRow, JsonObject, ProjectRow } from "./rows.ts";
import { type At, authors, external, maybe, opening } from "./show.ts";
import { isDay, readTime } from "./time.ts";
import type { Id, Micros } from "./types.ts";
import { later, newestFirst, newRow, touch, type World } from "./world.ts";

export interface NewCycle {
  name: string;
  description?: string;
  /** A day or an ISO time. */
  start_date?: string | null;
  end_date?: string | null;
  external_source?: string | null;
  external_id?: string | null;
}

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
  later(world, announceGroup(world, "cycle", row, "created", null, null, null, by));
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
      announceGroup(
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

export const cyclesOf = (world: World, project: Id): CycleRow[] =>
  newestFirst([...world.data.cycles.values()].filter((row) => row.project === project));

export function cycleOf(world: World, id: Id): CycleRow {
  const cycle = world.data.cycles.get(id);
  if (!cycle) throw notFound();
  return cycle;
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
