import { empty, endpoint, type Site } from "../endpoint.ts";
import { readItemWrite } from "../item-body.ts";
import { beginEdit, deleteItem } from "../items.ts";
import { appNotFound } from "../refusal.ts";
import type { JsonObject } from "../rows.ts";
import type { World } from "../world.ts";
import { projectEditor, readerOf, sessionDoor, workspaceFor } from "./door.ts";

const COLUMNS: Record<string, string> = {
  state_id: "state",
  assignee_ids: "assignees",
  label_ids: "labels",
  parent_id: "parent",
};

/** What the browser does with a work item. */
export function issueRoutes(app: Site, world: World): void {
  const door = sessionDoor("GET, PUT, PATCH, DELETE, HEAD, OPTIONS");
  const itemIn = (call: Parameters<typeof workspaceFor>[0]) => {
    workspaceFor(call, 5);
    projectEditor(call);
    const row = world.data.items.get(call.params["itemId"] ?? "");
    if (!row || row.project !== call.params["projectId"]) throw appNotFound();
    return row;
  };
  endpoint(app, world, door, "/api/workspaces/:slug/projects/:projectId/issues/:itemId/", {
    PATCH: async (call) => {
      const row = itemIn(call);
      const body = await call.json();
      const requested: JsonObject = Object.fromEntries(
        Object.entries(body).map(([name, value]) => [COLUMNS[name] ?? name, value]),
      );
      const write = readItemWrite(world, row.project, requested);
      const finish = beginEdit(world, row, write, requested, { actor: readerOf(call).id, via: "browser" });
      if (write.assignees || write.labels) await world.duringEdit?.(row.id);
      finish();
      return empty();
    },
    DELETE: (call) => {
      deleteItem(world, itemIn(call));
      return empty();
    },
  });
}
