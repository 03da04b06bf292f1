import { createNotFoundError, PlaneApiError } from "./api-error.ts";
import { getProject } from "./projects.ts";
import { renderAuthorColumns, renderBaseColumns, renderExternalColumns, type TimeFormatter } from "./render-row.ts";
import type { JsonObject, ModuleRow, ProjectRow } from "./rows.ts";
import type { Id } from "./types.ts";
import { toWebhookSubject } from "./webhook-subject.ts";
import { createWebhookTask } from "./worker-tasks.ts";
import { createRow, enqueueTasks, type PlaneWorld, sortNewestFirst } from "./world.ts";

export interface NewModule {
  name: string;
  description?: string;
  status?: string;
  start_date?: string | null;
  target_date?: string | null;
}

export function createModule(world: PlaneWorld, project: ProjectRow, module: NewModule, by: Id): ModuleRow {
  const existing = listModules(world, project.id).find((row) => row.name === module.name);
  if (existing) throw new PlaneApiError(409, { error: "Module with the same name already exists", id: existing.id });
  const row: ModuleRow = {
    ...createRow(world, by),
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
  enqueueTasks(world, createWebhookTask("module", toWebhookSubject(world, row), "created", null, null, null, by));
  return row;
}

export const listModules = (world: PlaneWorld, project: Id): ModuleRow[] =>
  sortNewestFirst([...world.data.modules.values()].filter((row) => row.project === project));

export function getModule(world: PlaneWorld, id: Id): ModuleRow {
  const module = world.data.modules.get(id);
  if (!module) throw createNotFoundError();
  return module;
}

export const renderModule = (world: PlaneWorld, row: ModuleRow, formatTime: TimeFormatter): JsonObject => ({
  ...renderBaseColumns(row, formatTime),
  name: row.name,
  description: row.description,
  description_text: null,
  description_html: null,
  start_date: row.start_date,
  target_date: row.target_date,
  status: row.status,
  view_props: {},
  sort_order: row.sort_order,
  ...renderExternalColumns(row),
  archived_at: null,
  logo_props: {},
  ...renderAuthorColumns(row),
  project: row.project,
  workspace: getProject(world, row.project).workspace,
  lead: null,
  members: [],
});
