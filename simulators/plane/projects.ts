import { createNotFoundError, PlaneApiError } from "./api-error.ts";
import type { JsonObject, ProjectMemberRow, ProjectRow, WorkspaceRow } from "./rows.ts";
import { createDefaultStates } from "./states.ts";
import type { Id, MemberRole } from "./types.ts";
import { createWebhookTask } from "./worker-tasks.ts";
import { createRow, enqueueTasks, type PlaneWorld, sortNewestFirst, touchRow } from "./world.ts";

/** Characters that Plane refuses in a project's name; a work item's title may contain any character. */
const FORBIDDEN_NAME_CHARACTERS = /[&+,:;$^}{*=?@#|'<>.()%!-]/;
const ICONS = ["quiz", "mood", "star", "anchor", "build"];

export interface NewProject {
  name: string;
  identifier: string;
  description?: string;
  external_source?: string | null;
  external_id?: string | null;
}

function checkProjectName(world: PlaneWorld, workspace: Id, name: string, identifier: string, self?: Id): void {
  if (FORBIDDEN_NAME_CHARACTERS.test(name))
    throw new PlaneApiError(400, { non_field_errors: ["Project name cannot contain special characters."] });
  const others = listProjects(world, workspace).filter((row) => row.id !== self);
  if (others.some((row) => row.name === name))
    throw new PlaneApiError(409, { name: "The project name is already taken" });
  if (others.some((row) => row.identifier === identifier))
    throw new PlaneApiError(409, { identifier: "The project identifier is already taken" });
}

export function createProject(world: PlaneWorld, workspace: WorkspaceRow, project: NewProject, by: Id): ProjectRow {
  const identifier = project.identifier.trim().toUpperCase();
  checkProjectName(world, workspace.id, project.name, identifier);
  const row: ProjectRow = {
    ...createRow(world, by),
    workspace: workspace.id,
    name: project.name,
    identifier,
    description: project.description ?? "",
    archived_at: null,
    network: 2,
    cover_image: null,
    logo_props: {
      icon: { name: ICONS[world.data.projects.size % ICONS.length] ?? "mood", color: "#02b55c" },
      in_use: "icon",
    },
    module_view: false,
    cycle_view: false,
    issue_views_view: false,
    page_view: true,
    intake_view: false,
    timezone: "UTC",
    default_assignee: null,
    project_lead: null,
    external_source: project.external_source ?? null,
    external_id: project.external_id ?? null,
    last_sequence: 0,
  };
  world.data.projects.set(row.id, row);
  createDefaultStates(world, row);
  addProjectMember(world, row.id, by, 20);
  enqueueTasks(world, createWebhookTask("project", row, "created", null, null, null, by));
  return row;
}

/** The columns that can be edited. Plane sends one event for each that changed. */
const EDITABLE = [
  "name",
  "description",
  "identifier",
  "module_view",
  "cycle_view",
  "issue_views_view",
  "page_view",
  "intake_view",
  "external_source",
  "external_id",
  "default_assignee",
  "project_lead",
  "timezone",
] as const;

export function editProject(world: PlaneWorld, row: ProjectRow, patch: JsonObject, by: Id): void {
  const name = typeof patch["name"] === "string" ? patch["name"] : row.name;
  const identifier = typeof patch["identifier"] === "string" ? patch["identifier"] : row.identifier;
  checkProjectName(world, row.workspace, name, identifier, row.id);
  const changes = EDITABLE.filter((field) => patch[field] !== undefined && patch[field] !== row[field]);
  const before = Object.fromEntries(changes.map((field) => [field, row[field]]));
  Object.assign(row, Object.fromEntries(changes.map((field) => [field, patch[field]])));
  touchRow(world, row, by);
  // Events are sent in the order of the request's fields.
  for (const field of Object.keys(patch)) {
    if (field in before)
      enqueueTasks(
        world,
        createWebhookTask("project", row, "updated", field, before[field] ?? null, patch[field] ?? null, by),
      );
  }
}

export function deleteProject(world: PlaneWorld, row: ProjectRow, by: Id): void {
  const { data } = world;
  data.projects.delete(row.id);
  const contentTables = [data.items, data.states, data.labels, data.cycles, data.modules, data.comments, data.links];
  for (const map of contentTables) for (const { id, project } of map.values()) if (project === row.id) map.delete(id);
  const linkTables = [data.projectMembers, data.relations, data.memberships, data.activities, data.attachments];
  for (const map of linkTables) for (const { id, project } of map.values()) if (project === row.id) map.delete(id);
  enqueueTasks(world, createWebhookTask("project", row, "deleted", null, null, null, by));
}

export const listProjects = (world: PlaneWorld, workspace: Id): ProjectRow[] =>
  [...world.data.projects.values()].filter((row) => row.workspace === workspace);

export function getProject(world: PlaneWorld, id: Id): ProjectRow {
  const project = world.data.projects.get(id);
  if (!project) throw createNotFoundError();
  return project;
}

export function addProjectMember(world: PlaneWorld, project: Id, member: Id, role: MemberRole): ProjectMemberRow {
  const existing = listProjectMembers(world, project).find((row) => row.member === member);
  if (existing) {
    existing.role = role;
    delete existing.removed;
    return existing;
  }
  const row: ProjectMemberRow = { ...createRow(world, member), project, member, role };
  world.data.projectMembers.set(row.id, row);
  return row;
}

/** Lists all memberships, also those that have ended. */
export const listProjectMembers = (world: PlaneWorld, project: Id): ProjectMemberRow[] =>
  sortNewestFirst([...world.data.projectMembers.values()].filter((row) => row.project === project));

/** Finds the membership of a user who has access to the project. */
export const findProjectMember = (world: PlaneWorld, project: Id, member: Id): ProjectMemberRow | undefined =>
  [...world.data.projectMembers.values()].find(
    (row) => row.project === project && row.member === member && !row.removed,
  );
