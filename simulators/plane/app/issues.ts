import { createAppNotFoundError } from "../api-error.ts";
import { getReader, mountEndpoint, type PlaneApp, respondNoContent } from "../endpoint.ts";
import { beginEdit, deleteItem } from "../items.ts";
import { parseItemWrite } from "../parse-item-write.ts";
import type { JsonObject } from "../rows.ts";
import type { PlaneWorld } from "../world.ts";
import { createSessionPolicy, requireProjectEditor, requireWorkspaceRole } from "./access.ts";

const COLUMN_NAMES: Record<string, string> = {
  state_id: "state",
  assignee_ids: "assignees",
  label_ids: "labels",
  parent_id: "parent",
};

/** Mounts the endpoints with which the browser edits and deletes work items. */
export function mountIssueRoutes(app: PlaneApp, world: PlaneWorld): void {
  const policy = createSessionPolicy("GET, PUT, PATCH, DELETE, HEAD, OPTIONS");
  const getEditableItem = (call: Parameters<typeof requireWorkspaceRole>[0]) => {
    requireWorkspaceRole(call, 5);
    requireProjectEditor(call);
    const row = world.data.items.get(call.params["itemId"] ?? "");
    if (!row || row.project !== call.params["projectId"]) throw createAppNotFoundError();
    return row;
  };
  mountEndpoint(app, world, policy, "/api/workspaces/:slug/projects/:projectId/issues/:itemId/", {
    PATCH: async (call) => {
      const row = getEditableItem(call);
      const body = await call.json();
      const requested: JsonObject = Object.fromEntries(
        Object.entries(body).map(([name, value]) => [COLUMN_NAMES[name] ?? name, value]),
      );
      const write = parseItemWrite(world, row.project, requested);
      const finish = beginEdit(world, row, write, requested, { actor: getReader(call).id, via: "browser" });
      if (write.assignees || write.labels) await world.duringEdit?.(row.id);
      finish();
      return respondNoContent();
    },
    DELETE: (call) => {
      deleteItem(world, getEditableItem(call));
      return respondNoContent();
    },
  });
}
