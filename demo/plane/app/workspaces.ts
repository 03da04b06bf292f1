import { created, endpoint, ok, type Site } from "../endpoint.ts";
import { createWorkspace, humansIn, workspaceBySlug } from "../people.ts";
import { invalid } from "../refusal.ts";
import type { JsonObject, WorkspaceRow } from "../rows.ts";
import { addDemoProject } from "../sample.ts";
import { type At, authors, opening } from "../show.ts";
import { touch, type World } from "../world.ts";
import { readerOf, sessionDoor, workspaceFor } from "./door.ts";

export function showWorkspace(row: WorkspaceRow, at: At): JsonObject {
  const { id, ...times } = opening(row, at);
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
    ...authors(row),
    logo_asset: null,
    owner: row.owner,
  };
}

function showCounted(world: World, row: WorkspaceRow, at: At): JsonObject {
  const { id, ...rest } = showWorkspace(row, at);
  return { id, total_members: humansIn(world, row.id), ...rest };
}

export function workspaceRoutes(app: Site, world: World): void {
  endpoint(app, world, sessionDoor("GET, HEAD, OPTIONS"), "/api/workspace-slug-check/", {
    GET: (call) => ok({ status: workspaceBySlug(world, call.query.get("slug") ?? "") === undefined }),
  });
  endpoint(app, world, sessionDoor("GET, POST, HEAD, OPTIONS"), "/api/workspaces/", {
    POST: async (call) => {
      const { name, slug, organization_size } = await call.json();
      if (typeof name !== "string" || name === "") throw invalid("name", "This field is required.");
      if (typeof slug !== "string" || slug === "") throw invalid("slug", "This field is required.");
      const size = typeof organization_size === "string" ? { organization_size } : {};
      const row = createWorkspace(world, { name, slug, ...size }, readerOf(call));
      addDemoProject(world, row, readerOf(call));
      return created({ ...showWorkspace(row, call.at), total_members: humansIn(world, row.id), role: 20 });
    },
  });
  endpoint(app, world, sessionDoor("GET, PUT, PATCH, DELETE, HEAD, OPTIONS"), "/api/workspaces/:slug/", {
    GET: (call) => ok(showCounted(world, workspaceFor(call, 5), call.at)),
    PATCH: async (call) => {
      const row = workspaceFor(call, 20);
      const { name, timezone } = await call.json();
      if (typeof name === "string") row.name = name;
      if (typeof timezone === "string") row.timezone = timezone;
      touch(world, row, readerOf(call).id);
      return ok(showCounted(world, row, call.at));
    },
  });
}
