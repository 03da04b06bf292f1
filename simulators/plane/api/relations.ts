import { createFieldError, PlaneApiError } from "../api-error.ts";
import { getReader, mountEndpoint, type PlaneApp, respondCreated, respondOk } from "../endpoint.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import { addRelation, isRelationName, renderRelatedItem, renderRelations } from "../relations.ts";
import type { PlaneWorld } from "../world.ts";
import { createApiKeyPolicy, getPathProject, requireProjectMember } from "./access.ts";
import { getParentItem } from "./comments.ts";
import { ITEM_PATH_SEGMENTS } from "./items.ts";

/** Mounts relations, which exist since v1.3.0. Only the browser can remove one. */
export function mountRelationRoutes(app: PlaneApp, world: PlaneWorld, limiter: RateLimiter): void {
  if (world.version === "1.2.2") return;
  for (const segment of ITEM_PATH_SEGMENTS) {
    mountEndpoint(
      app,
      world,
      createApiKeyPolicy(limiter, requireProjectMember),
      `/api/v1/workspaces/:slug/projects/:projectId/${segment}/:itemId/relations/`,
      {
        GET: (call) => {
          getPathProject(call);
          return respondOk(renderRelations(world, call.params["itemId"] ?? ""));
        },
        POST: async (call) => {
          const { relation_type, issues } = await call.json();
          if (relation_type === undefined) throw createFieldError("relation_type", "This field is required.");
          if (!isRelationName(relation_type))
            throw createFieldError("relation_type", `"${String(relation_type)}" is not a valid choice.`);
          if (!Array.isArray(issues)) throw createFieldError("issues", "This field is required.");
          const item = getParentItem(call);
          const others = issues.map((id) => {
            const other = typeof id === "string" ? world.data.items.get(id) : undefined;
            if (!other) throw new PlaneApiError(400, { error: "The payload is not valid" });
            return other;
          });
          const rows = others.map((other) => ({
            other,
            row: addRelation(world, item, relation_type, other, getReader(call).id),
          }));
          return respondCreated(rows.map(({ row, other }) => renderRelatedItem(row, other, call.formatTime)));
        },
      },
    );
  }
}
