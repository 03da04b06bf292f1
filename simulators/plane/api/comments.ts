import { listActivities, renderActivity } from "../activities.ts";
import { createFieldError, createNotFoundError, PlaneApiError } from "../api-error.ts";
import {
  createComment,
  deleteComment,
  editComment,
  getComment,
  listComments,
  renderComment,
  renderListedComment,
} from "../comments.ts";
import {
  type EndpointCall,
  getReader,
  mountEndpoint,
  type PlaneApp,
  respondCreated,
  respondNoContent,
  respondOk,
} from "../endpoint.ts";
import { createLink, listLinks, renderLink } from "../links.ts";
import { pickFields, renderPage } from "../pagination.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import type { CommentRow, ItemRow } from "../rows.ts";
import type { PlaneWorld } from "../world.ts";
import { createApiKeyPolicy, getPathProject, requireAnyProjectRole } from "./access.ts";
import { ITEM_PATH_SEGMENTS } from "./items.ts";
import { toTextOrNull } from "./text-fields.ts";

/** Returns the item for which something is created. For a missing item Plane answers 400, an error of its database. */
export function getParentItem(call: EndpointCall): ItemRow {
  const item = call.world.data.items.get(call.params["itemId"] ?? "");
  if (item?.project !== getPathProject(call).id) throw new PlaneApiError(400, { error: "The payload is not valid" });
  return item;
}

function getPathComment(call: EndpointCall): CommentRow {
  const row = getComment(call.world, call.params["commentId"] ?? "");
  if (row.issue !== call.params["itemId"] || row.project !== getPathProject(call).id) throw createNotFoundError();
  return row;
}

/** Mounts comments, links and history of work items. All three are empty lists in an archived project. */
export function mountCommentRoutes(app: PlaneApp, world: PlaneWorld, limiter: RateLimiter): void {
  const policy = createApiKeyPolicy(limiter, requireAnyProjectRole);
  const listUnlessArchived = <T>(call: EndpointCall, rows: (item: string) => T[]): T[] =>
    getPathProject(call).archived_at === null ? rows(call.params["itemId"] ?? "") : [];
  for (const segment of ITEM_PATH_SEGMENTS) {
    const root = `/api/v1/workspaces/:slug/projects/:projectId/${segment}/:itemId/`;
    mountEndpoint(app, world, policy, `${root}comments/`, {
      GET: (call) => {
        const rows = listUnlessArchived(call, (item) => listComments(world, item));
        return respondOk(
          renderPage(rows, call.query, (row) => renderListedComment(world, row, getReader(call).id, call.formatTime)),
        );
      },
      POST: async (call) => {
        const item = getParentItem(call);
        const body = await call.json();
        const comment = {
          comment_html: toTextOrNull(body["comment_html"]) ?? "<p></p>",
          external_source: toTextOrNull(body["external_source"]),
          external_id: toTextOrNull(body["external_id"]),
        };
        const row = createComment(world, item, comment, getReader(call).id);
        return respondCreated({ ...renderComment(world, row, call.formatTime), updated_by: row.actor });
      },
    });
    mountEndpoint(app, world, policy, `${root}comments/:commentId/`, {
      GET: (call) =>
        respondOk(
          pickFields(renderListedComment(world, getPathComment(call), getReader(call).id, call.formatTime), call.query),
        ),
      PATCH: async (call) => {
        const row = getPathComment(call);
        editComment(world, row, await call.json(), getReader(call).id);
        return respondOk(renderComment(world, row, call.formatTime));
      },
      DELETE: (call) => {
        deleteComment(world, getPathComment(call), getReader(call).id);
        return respondNoContent();
      },
    });
    mountEndpoint(app, world, policy, `${root}links/`, {
      GET: (call) =>
        respondOk(
          renderPage(
            listUnlessArchived(call, (item) => listLinks(world, item)),
            call.query,
            (row) => renderLink(world, row, call.formatTime),
          ),
        ),
      POST: async (call) => {
        const body = await call.json();
        const url = toTextOrNull(body["url"]);
        if (url === null) throw createFieldError("url", "This field is required.");
        if (!URL.canParse(url)) throw new PlaneApiError(400, { url: { error: "Invalid URL format." } });
        const row = createLink(world, getParentItem(call), url, toTextOrNull(body["title"]), getReader(call).id);
        return respondCreated(renderLink(world, row, call.formatTime));
      },
    });
    mountEndpoint(app, world, policy, `${root}activities/`, {
      GET: (call) =>
        respondOk(
          renderPage(
            listUnlessArchived(call, (item) => listActivities(world, item)),
            call.query,
            (row) => renderActivity(world, row, call.formatTime),
          ),
        ),
    });
  }
}
