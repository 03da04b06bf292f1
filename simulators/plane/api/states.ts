import { createFieldError } from "../api-error.ts";
import { mountEndpoint, type PlaneApp, respondCreated, respondOk } from "../endpoint.ts";
import { renderPage } from "../pagination.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import type { JsonObject } from "../rows.ts";
import { createLabel, createState, listLabels, listStates, renderLabel, renderState } from "../states.ts";
import type { StateGroup } from "../types.ts";
import type { PlaneWorld } from "../world.ts";
import { createApiKeyPolicy, getPathProject, getReader, requireProjectMember } from "./access.ts";

const GROUPS: readonly StateGroup[] = ["backlog", "unstarted", "started", "completed", "cancelled", "triage"];

const parseRequiredText = (body: JsonObject, name: string): string => {
  const value = body[name];
  if (value === undefined) throw createFieldError(name, "This field is required.");
  if (typeof value !== "string") throw createFieldError(name, "Not a valid string.");
  if (value.trim() === "") throw createFieldError(name, "This field may not be blank.");
  if ([...value].length > 255) throw createFieldError(name, "Ensure this field has no more than 255 characters.");
  return value;
};
const toText = (value: unknown): string => (typeof value === "string" ? value : "");

/** States and labels. An archived project lists neither. */
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
      const group = GROUPS.find((each) => each === (body["group"] ?? "backlog"));
      if (!group) throw createFieldError("group", `"${toText(body["group"])}" is not a valid choice.`);
      const state = {
        name: parseRequiredText(body, "name"),
        color: parseRequiredText(body, "color"),
        group,
        description: toText(body["description"]),
      };
      // 200, not 201: Plane forgot to say otherwise.
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
        name: parseRequiredText(body, "name"),
        color: toText(body["color"]),
        description: toText(body["description"]),
      };
      return respondCreated(
        renderLabel(world, createLabel(world, getPathProject(call), label, getReader(call).id), call.formatTime),
      );
    },
  });
}
