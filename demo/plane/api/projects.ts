import { cyclesOf } from "../cycles.ts";
import { created, empty, endpoint, ok, type Site } from "../endpoint.ts";
import { isListed, itemsOf } from "../items.ts";
import type { Limiter } from "../limits.ts";
import { modulesOf } from "../modules.ts";
import { compare, page, pick } from "../page.ts";
import {
  createProject,
  deleteProject,
  editProject,
  projectMemberOf,
  projectMembers,
  projectsOf,
  showProjectFor,
} from "../projects.ts";
import { invalid, notFound, Refusal } from "../refusal.ts";
import type { JsonObject } from "../rows.ts";
import { labelsOf, statesOf } from "../states.ts";
import { touch, type World } from "../world.ts";
import { keyDoor, projectIn, projectKeepers, readerOf, workspaceMembers, workspaceOf } from "./door.ts";

const text = (body: JsonObject, name: string, most: number): string => {
  const value = body[name];
  if (value === undefined) throw invalid(name, "This field is required.");
  if (typeof value !== "string") throw invalid(name, "Not a valid string.");
  if (value.trim() === "") throw invalid(name, "This field may not be blank.");
  if ([...value].length > most) throw invalid(name, `Ensure this field has no more than ${most} characters.`);
  return value.trim();
};
const optional = (body: JsonObject, name: string): string | null => {
  const value = body[name];
  return typeof value === "string" ? value : null;
};

export function projectRoutes(app: Site, world: World, limiter: Limiter): void {
  const root = "/api/v1/workspaces/:slug/projects/";
  endpoint(app, world, keyDoor(limiter, workspaceMembers), root, {
    GET: (call) => {
      const reader = readerOf(call);
      const order = (id: string) => (projectMemberOf(world, id, reader.id) ? 65535 : null);
      const rows = projectsOf(world, workspaceOf(call).id)
        .filter((row) => row.network === 2 || projectMemberOf(world, row.id, reader.id))
        .sort((a, b) => compare(order(a.id), order(b.id)) || a.created_at - b.created_at);
      return ok(page(rows, call.query, (row) => showProjectFor(world, row, reader, call.at, true)));
    },
    POST: async (call) => {
      const body = await call.json();
      const project = {
        name: text(body, "name", 255),
        identifier: text(body, "identifier", 12),
        description: optional(body, "description") ?? "",
        external_source: optional(body, "external_source"),
        external_id: optional(body, "external_id"),
      };
      const row = createProject(world, workspaceOf(call), project, readerOf(call).id);
      return created(showProjectFor(world, row, readerOf(call), call.at, false));
    },
  });

  endpoint(app, world, keyDoor(limiter, projectKeepers), `${root}:projectId/`, {
    GET: (call) => {
      const row = projectIn(call);
      if (row.network !== 2 && !projectMemberOf(world, row.id, readerOf(call).id)) throw notFound();
      return ok(pick(showProjectFor(world, row, readerOf(call), call.at, false), call.query));
    },
    PATCH: async (call) => {
      const row = projectIn(call);
      if (row.archived_at !== null) throw new Refusal(400, { error: "Archived project cannot be updated" });
      editProject(world, row, await call.json(), readerOf(call).id);
      return ok(showProjectFor(world, row, readerOf(call), call.at, false));
    },
    DELETE: (call) => {
      deleteProject(world, projectIn(call), readerOf(call).id);
      return empty();
    },
  });

  endpoint(app, world, keyDoor(limiter, projectKeepers), `${root}:projectId/archive/`, {
    POST: (call) => {
      const row = projectIn(call);
      row.archived_at = world.stamp();
      touch(world, row, readerOf(call).id);
      return empty();
    },
    DELETE: (call) => {
      const row = projectIn(call);
      row.archived_at = null;
      touch(world, row, readerOf(call).id);
      return empty();
    },
  });

  if (world.version === "1.2.2") return;
  endpoint(app, world, keyDoor(limiter, projectKeepers), `${root}:projectId/summary/`, {
    GET: (call) => {
      const { id, name, identifier } = projectIn(call);
      const counts = {
        cycles: cyclesOf(world, id).length,
        states: statesOf(world, id).length,
        labels: labelsOf(world, id).length,
        members: projectMembers(world, id).length,
        modules: modulesOf(world, id).length,
        intakes: 0,
        issues: itemsOf(world, id).filter((item) => isListed(world, item)).length,
        pages: 0,
      };
      return ok({ id, name, identifier, counts });
    },
  });
}
