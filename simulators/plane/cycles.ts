import { createNotFoundError, PlaneApiError } from "./api-error.ts";
import { getProject } from "./projects.ts";
import {
  formatOptionalTime,
  renderAuthorColumns,
  renderBaseColumns,
  renderExternalColumns,
  type TimeFormatter,
} from "./render-row.ts";
import type { CycleRow, JsonObject, ProjectRow } from "./rows.ts";
import { isDay, parseTime } from "./time.ts";
import type { Id, Micros } from "./types.ts";
import { toWebhookSubject } from "./webhook-subject.ts";
import { createWebhookTask } from "./worker-tasks.ts";
import { createRow, enqueueTasks, type PlaneWorld, sortNewestFirst, touchRow } from "./world.ts";

export interface NewCycle {
  name: string;
  description?: string;
  /** A day or an ISO time. */
  start_date?: string | null;
  end_date?: string | null;
  external_source?: string | null;
  external_id?: string | null;
}

/**
 * Plane starts a cycle whose start date is today at the current time, and ends a cycle one minute before midnight in
 * the project's time zone (here UTC).
 */
function parseCycleStart(world: PlaneWorld, text: string | null | undefined): Micros | null {
  const at = text ? parseTime(text) : null;
  if (at === null || !text || !isDay(text)) return at;
  const now = world.stamp();
  return now >= at && now < at + 86_400_000_000 ? now : at;
}
function parseCycleEnd(text: string | null | undefined): Micros | null {
  const at = text ? parseTime(text) : null;
  return at !== null && text && isDay(text) ? at + 86_340_000_000 : at;
}

export function createCycle(world: PlaneWorld, project: ProjectRow, cycle: NewCycle, by: Id): CycleRow {
  if (!cycle.start_date !== !cycle.end_date)
    throw new PlaneApiError(400, { error: "Both start date and end date are either required or are to be null" });
  const existing =
    cycle.external_source && cycle.external_id
      ? listCycles(world, project.id).find(
          (row) => row.external_source === cycle.external_source && row.external_id === cycle.external_id,
        )
      : undefined;
  if (existing)
    throw new PlaneApiError(409, {
      error: "Cycle with the same external id and external source already exists",
      id: existing.id,
    });
  const row: CycleRow = {
    start_date: parseCycleStart(world, cycle.start_date),
    end_date: parseCycleEnd(cycle.end_date),
    ...createRow(world, by),
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
  enqueueTasks(world, createWebhookTask("cycle", toWebhookSubject(world, row), "created", null, null, null, by));
  return row;
}

export function editCycle(world: PlaneWorld, row: CycleRow, patch: JsonObject, by: Id): void {
  const before = { name: row.name, description: row.description, start_date: row.start_date, end_date: row.end_date };
  const { name, description, start_date, end_date } = patch;
  if (typeof name === "string") row.name = name;
  if (typeof description === "string") row.description = description;
  if (typeof start_date === "string") row.start_date = parseCycleStart(world, start_date);
  if (typeof end_date === "string") row.end_date = parseCycleEnd(end_date);
  touchRow(world, row, by);
  const changed = Object.keys(patch).flatMap((field) => {
    const key = (["name", "description", "start_date", "end_date"] as const).find((column) => column === field);
    if (!key || before[key] === row[key]) return [];
    const old = before[key];
    return [
      createWebhookTask(
        "cycle",
        toWebhookSubject(world, row),
        "updated",
        key,
        typeof old === "number" ? new Date(old / 1000).toISOString() : old,
        patch[key] ?? null,
        by,
      ),
    ];
  });
  enqueueTasks(world, ...changed);
}

export const listCycles = (world: PlaneWorld, project: Id): CycleRow[] =>
  sortNewestFirst([...world.data.cycles.values()].filter((row) => row.project === project));

export function getCycle(world: PlaneWorld, id: Id): CycleRow {
  const cycle = world.data.cycles.get(id);
  if (!cycle) throw createNotFoundError();
  return cycle;
}

export const renderCycle = (world: PlaneWorld, row: CycleRow, formatTime: TimeFormatter): JsonObject => ({
  ...renderBaseColumns(row, formatTime),
  name: row.name,
  description: row.description,
  start_date: formatOptionalTime(formatTime, row.start_date),
  end_date: formatOptionalTime(formatTime, row.end_date),
  view_props: {},
  sort_order: row.sort_order,
  ...renderExternalColumns(row),
  progress_snapshot: {},
  archived_at: formatOptionalTime(formatTime, row.archived_at),
  logo_props: {},
  timezone: "UTC",
  version: 1,
  ...renderAuthorColumns(row),
  project: row.project,
  workspace: getProject(world, row.project).workspace,
  owned_by: row.owned_by,
});
