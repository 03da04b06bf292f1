import { created, endpoint, ok, type Site } from "../endpoint.ts";
import type { Limiter } from "../limits.ts";
import { invalid, Refusal } from "../refusal.ts";
import { isRelationName, relate, showRelated, showRelations } from "../relations.ts";
import type { World } from "../world.ts";
import { parentIn } from "./comments.ts";
import { keyDoor, projectIn, projectMembersOnly, readerOf } from "./door.ts";
import { ITEM_WORDS } from "./items.ts";

/** v1.3.0 brought them; older ones have no such address. Removing one is for the browser alone. */
export function relationRoutes(app: Site, world: World, limiter: Limiter): void {
  if (world.version === "1.2.2") return;
  for (const word of ITEM_WORDS) {
    endpoint(
      app,
      world,
      keyDoor(limiter, projectMembersOnly),
      `/api/v1/workspaces/:slug/projects/:projectId/${word}/:itemId/relations/`,
      {
        GET: (call) => {
          projectIn(call);
          return ok(showRelations(world, call.params["itemId"] ?? ""));
        },
        POST: async (call) => {
          const { relation_type, issues } = await call.json();
          if (relation_type === undefined) throw invalid("relation_type", "This field is required.");
          if (!isRelationName(relation_type))
            throw invalid("relation_type", `"${String(relation_type)}" is not a valid choice.`);
          if (!Array.isArray(issues)) throw invalid("issues", "This field is required.");
          const item = parentIn(call);
          const others = issues.map((id) => {
            const other = typeof id === "string" ? world.data.items.get(id) : undefined;
            if (!other) throw new Refusal(400, { error: "The payload is not valid" });
            return other;
          });
          const rows = others.map((other) => ({
            other,
            row: relate(world, item, relation_type, other, readerOf(call).id),
          }));
          return created(rows.map(({ row, other }) => showRelated(row, other, call.at)));
        },
      },
    );
  }
}
