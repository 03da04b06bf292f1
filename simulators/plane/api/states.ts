import { createFieldError } from "../api-error.ts";
import { getReader, mountEndpoint, type PlaneApp, respondCreated, respondOk } from "../endpoint.ts";
import { renderPage } from "../pagination.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import { createLabel, createState, listLabels, listStates, renderLabel, renderState } from "../states.ts";
import type { StateGroup } from "../types.ts";
import type { PlaneWorld } from "../world.ts";
import { createApiKeyPolicy, getPathProject, requireProjectMember } from "./access.ts";
import { parseRequiredText, toTextOrNull } from "./text-fields.ts";

const GROUPS: readonly StateGroup[] = ["backlog", "unstarted", "started", "completed", "cancelled", "triage"];

/** Mounts states and labels. Both are empty lists in an archived project. */
export function mountStateRoutes(app: PlaneApp, world: PlaneWorld, limiter: RateLimiter): void {
  const root = "/api/v1/workspaces/:slug/projects/:projectId/";
  const policy = createApiKeyPolicy(limiter, requireProjectMember);
  mountEndpoint(app, world, policy, `${root}states/`, {
    GET: (call) => {
      const project = getPathProject(call);
      const rows = project.archived_at === null ? listStates(world, project.id) : [];
      return respondOk(renderPage(rows, call.query, (row) => renderState(world, row, call.formatTime)));
    },
    POST: async (call) => {
      const body = await call.json();
      const group = GROUPS.find((name) => name === (body["group"] ?? "backlog"));
      if (!group) throw createFieldError("group", `"${toTextOrNull(body["group"]) ?? ""}" is not a valid choice.`);
      const state = {
        name: parseRequiredText(body, "name", 255),
        color: parseRequiredText(body, "color", 255),
        group,
        description: toTextOrNull(body["description"]) ?? "",
      };
      // Plane answers 200 here, not 201.
      return respondOk(
        renderState(world, createState(world, getPathProject(call), state, getReader(call).id), call.formatTime),
      );
    },
  });
  mountEndpoint(app, world, policy, `${root}labels/`, {
    GET: (call) => {
      const project = getPathProject(call);
      const rows = project.archived_at === null ? listLabels(world, project.id) : [];
      return respondOk(renderPage(rows, call.query, (row) => renderLabel(world, row, call.formatTime)));
    },
    POST: async (call) => {
      const body = await call.json();
      const label = {
        name: parseRequiredText(body, "name", 255),
        color: toTextOrNull(body["color"]) ?? "",
        description: toTextOrNull(body["description"]) ?? "",
      };
      return respondCreated(
        renderLabel(world, createLabel(world, getPathProject(call), label, getReader(call).id), call.formatTime),
      );
    },
  });
}
