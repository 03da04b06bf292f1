import { createNotFoundError, PlaneApiError } from "../api-error.ts";
import { listCycles } from "../cycles.ts";
import { getReader, mountEndpoint, type PlaneApp, respondCreated, respondNoContent, respondOk } from "../endpoint.ts";
import { isListed, listItems } from "../items.ts";
import { listModules } from "../modules.ts";
import { compareNullsLast, pickFields, renderPage } from "../pagination.ts";
import {
  createProject,
  deleteProject,
  editProject,
  findProjectMember,
  listProjectMembers,
  listProjects,
} from "../projects.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import { renderProjectForUser } from "../render-project.ts";
import { listLabels, listStates } from "../states.ts";
import { type PlaneWorld, touchRow } from "../world.ts";
import {
  createApiKeyPolicy,
  getPathProject,
  getPathWorkspace,
  requireProjectAdmin,
  requireWorkspaceMember,
} from "./access.ts";
import { parseRequiredText, toTextOrNull } from "./text-fields.ts";

export function mountProjectRoutes(app: PlaneApp, world: PlaneWorld, limiter: RateLimiter): void {
  const root = "/api/v1/workspaces/:slug/projects/";
  mountEndpoint(app, world, createApiKeyPolicy(limiter, requireWorkspaceMember), root, {
    GET: (call) => {
      const reader = getReader(call);
      const order = (id: string) => (findProjectMember(world, id, reader.id) ? 65535 : null);
      const rows = listProjects(world, getPathWorkspace(call).id)
        .filter((row) => row.network === 2 || findProjectMember(world, row.id, reader.id))
        .sort((a, b) => compareNullsLast(order(a.id), order(b.id)) || a.created_at - b.created_at);
      return respondOk(
        renderPage(rows, call.query, (row) => renderProjectForUser(world, row, reader, call.formatTime, true)),
      );
    },
    POST: async (call) => {
      const body = await call.json();
      const project = {
        name: parseRequiredText(body, "name", 255).trim(),
        identifier: parseRequiredText(body, "identifier", 12).trim(),
        description: toTextOrNull(body["description"]) ?? "",
        external_source: toTextOrNull(body["external_source"]),
        external_id: toTextOrNull(body["external_id"]),
      };
      const row = createProject(world, getPathWorkspace(call), project, getReader(call).id);
      return respondCreated(renderProjectForUser(world, row, getReader(call), call.formatTime, false));
    },
  });

  mountEndpoint(app, world, createApiKeyPolicy(limiter, requireProjectAdmin), `${root}:projectId/`, {
    GET: (call) => {
      const row = getPathProject(call);
      if (row.network !== 2 && !findProjectMember(world, row.id, getReader(call).id)) throw createNotFoundError();
      return respondOk(
        pickFields(renderProjectForUser(world, row, getReader(call), call.formatTime, false), call.query),
      );
    },
    PATCH: async (call) => {
      const row = getPathProject(call);
      if (row.archived_at !== null) throw new PlaneApiError(400, { error: "Archived project cannot be updated" });
      editProject(world, row, await call.json(), getReader(call).id);
      return respondOk(renderProjectForUser(world, row, getReader(call), call.formatTime, false));
    },
    DELETE: (call) => {
      deleteProject(world, getPathProject(call), getReader(call).id);
      return respondNoContent();
    },
  });

  mountEndpoint(app, world, createApiKeyPolicy(limiter, requireProjectAdmin), `${root}:projectId/archive/`, {
    POST: (call) => {
      const row = getPathProject(call);
      row.archived_at = world.stamp();
      touchRow(world, row, getReader(call).id);
      return respondNoContent();
    },
    DELETE: (call) => {
      const row = getPathProject(call);
      row.archived_at = null;
      touchRow(world, row, getReader(call).id);
      return respondNoContent();
    },
  });

  if (world.version === "1.2.2") return;
  mountEndpoint(app, world, createApiKeyPolicy(limiter, requireProjectAdmin), `${root}:projectId/summary/`, {
    GET: (call) => {
      const { id, name, identifier } = getPathProject(call);
      const counts = {
        cycles: listCycles(world, id).length,
        states: listStates(world, id).length,
        labels: listLabels(world, id).length,
        members: listProjectMembers(world, id).length,
        modules: listModules(world, id).length,
        intakes: 0,
        issues: listItems(world, id).filter((item) => isListed(world, item)).length,
        pages: 0,
      };
      return respondOk({ id, name, identifier, counts });
    },
  });
}
