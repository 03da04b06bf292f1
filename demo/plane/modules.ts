import { announceGroup } from "./memberships.ts";
import { projectOf } from "./projects.ts";
import { notFound, Refusal } from "./refusal.ts";
import type { JsonObject, ModuleRow, ProjectRow } from "./rows.ts";
import { type At, authors, external, opening } from "./show.ts";
import type { Id } from "./types.ts";
import { later, newestFirst, newRow, type World } from "./world.ts";

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
  later(world, announceGroup(world, "module", row, "created", null, null, null, by));
  return row;
}

export const modulesOf = (world: World, project: Id): ModuleRow[] =>
  newestFirst([...world.data.modules.values()].filter((row) => row.project === project));

export function moduleOf(world: World, id: Id): ModuleRow {
  const module = world.data.modules.get(id);
  if (!module) throw notFound();
  return module;
}

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
