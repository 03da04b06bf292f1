import { createFieldError } from "../api-error.ts";
import { getReader, mountEndpoint, type PlaneApp, respondCreated, respondOk } from "../endpoint.ts";
import { countHumans, createWorkspace, findWorkspace } from "../people.ts";
import { renderAuthorColumns, renderBaseColumns, type TimeFormatter } from "../render-row.ts";
import type { JsonObject, WorkspaceRow } from "../rows.ts";
import { addSampleProject } from "../sample-project.ts";
import { type PlaneWorld, touchRow } from "../world.ts";
import { createSessionPolicy, requireWorkspaceRole } from "./access.ts";

export function renderWorkspace(row: WorkspaceRow, formatTime: TimeFormatter): JsonObject {
  const { id, ...times } = renderBaseColumns(row, formatTime);
  return {
    id,
    logo_url: null,
    ...times,
    name: row.name,
    logo: null,
    slug: row.slug,
    organization_size: row.organization_size,
    timezone: row.timezone,
    background_color: "#Ef9d88",
    ...renderAuthorColumns(row),
    logo_asset: null,
    owner: row.owner,
  };
}

function renderWorkspaceWithCount(world: PlaneWorld, row: WorkspaceRow, formatTime: TimeFormatter): JsonObject {
  const { id, ...rest } = renderWorkspace(row, formatTime);
  return { id, total_members: countHumans(world, row.id), ...rest };
}

export function mountWorkspaceRoutes(app: PlaneApp, world: PlaneWorld): void {
  mountEndpoint(app, world, createSessionPolicy("GET, HEAD, OPTIONS"), "/api/workspace-slug-check/", {
    GET: (call) => respondOk({ status: findWorkspace(world, call.query.get("slug") ?? "") === undefined }),
  });
  mountEndpoint(app, world, createSessionPolicy("GET, POST, HEAD, OPTIONS"), "/api/workspaces/", {
    POST: async (call) => {
      const { name, slug, organization_size } = await call.json();
      if (typeof name !== "string" || name === "") throw createFieldError("name", "This field is required.");
      if (typeof slug !== "string" || slug === "") throw createFieldError("slug", "This field is required.");
      const size = typeof organization_size === "string" ? { organization_size } : {};
      const row = createWorkspace(world, { name, slug, ...size }, getReader(call));
      addSampleProject(world, row, getReader(call));
      return respondCreated({
        ...renderWorkspace(row, call.formatTime),
        total_members: countHumans(world, row.id),
        role: 20,
      });
    },
  });
  mountEndpoint(app, world, createSessionPolicy("GET, PUT, PATCH, DELETE, HEAD, OPTIONS"), "/api/workspaces/:slug/", {
    GET: (call) => respondOk(renderWorkspaceWithCount(world, requireWorkspaceRole(call, 5), call.formatTime)),
    PATCH: async (call) => {
      const row = requireWorkspaceRole(call, 20);
      const { name, timezone } = await call.json();
      if (typeof name === "string") row.name = name;
      if (typeof timezone === "string") row.timezone = timezone;
      touchRow(world, row, getReader(call).id);
      return respondOk(renderWorkspaceWithCount(world, row, call.formatTime));
    },
  });
}
