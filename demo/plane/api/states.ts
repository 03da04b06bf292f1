import { created, endpoint, ok, type Site } from "../endpoint.ts";
import type { Limiter } from "../limits.ts";
import { page } from "../page.ts";
import { invalid } from "../refusal.ts";
import type { JsonObject } from "../rows.ts";
import { createLabel, createState, labelsOf, showLabel, showState, statesOf } from "../states.ts";
import type { Group } from "../types.ts";
import type { World } from "../world.ts";
import { keyDoor, projectIn, projectMembersOnly, readerOf } from "./door.ts";

const GROUPS: readonly Group[] = ["backlog", "unstarted", "started", "completed", "cancelled", "triage"];

const needed = (body: JsonObject, name: string): string => {
  const value = body[name];
  if (value === undefined) throw invalid(name, "This field is required.");
  if (typeof value !== "string") throw invalid(name, "Not a valid string.");
  if (value.trim() === "") throw invalid(name, "This field may not be blank.");
  if ([...value].length > 255) throw invalid(name, "Ensure this field has no more than 255 characters.");
  return value;
};
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** States and labels. An archived project lists neither. */
export function stateRoutes(app: Site, world: World, limiter: Limiter): void {
  const root = "/api/v1/workspaces/:slug/projects/:projectId/";
  const door = keyDoor(limiter, projectMembersOnly);
  endpoint(app, world, door, `${root}states/`, {
    GET: (call) => {
      const project = projectIn(call);
      const rows = project.archived_at === null ? statesOf(world, project.id) : [];
      return ok(page(rows, call.query, (row) => showState(world, row, call.at)));
    },
    POST: async (call) => {
      const body = await call.json();
      const group = GROUPS.find((each) => each === (body["group"] ?? "backlog"));
      if (!group) throw invalid("group", `"${text(body["group"])}" is not a valid choice.`);
      const state = {
        name: needed(body, "name"),
        color: needed(body, "color"),
        group,
        description: text(body["description"]),
      };
      // 200, not 201: Plane forgot to say otherwise.
      return ok(showState(world, createState(world, projectIn(call), state, readerOf(call).id), call.at));
    },
  });
  endpoint(app, world, door, `${root}labels/`, {
    GET: (call) => {
      const project = projectIn(call);
      const rows = project.archived_at === null ? labelsOf(world, project.id) : [];
      return ok(page(rows, call.query, (row) => showLabel(world, row, call.at)));
    },
    POST: async (call) => {
      const body = await call.json();
      const label = {
        name: needed(body, "name"),
        color: text(body["color"]),
        description: text(body["description"]),
      };
      return created(showLabel(world, createLabel(world, projectIn(call), label, readerOf(call).id), call.at));
    },
  });
}
