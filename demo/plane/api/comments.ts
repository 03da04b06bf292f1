import { activitiesIn, showActivity } from "../activities.ts";
import {
  commentOf,
  commentsOn,
  createComment,
  deleteComment,
  editComment,
  showComment,
  showListedComment,
} from "../comments.ts";
import { type Call, created, empty, endpoint, ok, type Site } from "../endpoint.ts";
import type { Limiter } from "../limits.ts";
import { createLink, linksOn, showLink } from "../links.ts";
import { page, pick } from "../page.ts";
import { invalid, notFound, Refusal } from "../refusal.ts";
import type { CommentRow, ItemRow, Json } from "../rows.ts";
import type { World } from "../world.ts";
import { anyProjectMember, keyDoor, projectIn, readerOf } from "./door.ts";
import { ITEM_WORDS } from "./items.ts";

/** The item a child is created for. Plane finds out from the database that there is none. */
export function parentIn(call: Call): ItemRow {
  const item = call.world.data.items.get(call.params["itemId"] ?? "");
  if (item?.project !== projectIn(call).id) throw new Refusal(400, { error: "The payload is not valid" });
  return item;
}

function commentIn(call: Call): CommentRow {
  const row = commentOf(call.world, call.params["commentId"] ?? "");
  if (row.issue !== call.params["itemId"] || row.project !== projectIn(call).id) throw notFound();
  return row;
}

const text = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);

/** What hangs on a work item: comments, links, history. An archived project lists none of them. */
export function commentRoutes(app: Site, world: World, limiter: Limiter): void {
  const door = keyDoor(limiter, anyProjectMember);
  const listed = <T>(call: Call, rows: (item: string) => T[]): T[] =>
    projectIn(call).archived_at === null ? rows(call.params["itemId"] ?? "") : [];
  for (const word of ITEM_WORDS) {
    const root = `/api/v1/workspaces/:slug/projects/:projectId/${word}/:itemId/`;
    endpoint(app, world, door, `${root}comments/`, {
      GET: (call) => {
        const rows = listed(call, (item) => commentsOn(world, item));
        return ok(page(rows, call.query, (row) => showListedComment(world, row, readerOf(call).id, call.at)));
      },
      POST: async (call) => {
        const item = parentIn(call);
        const body = await call.json();
        const comment = {
          comment_html: text(body["comment_html"]) ?? "<p></p>",
          external_source: text(body["external_source"]),
          external_id: text(body["external_id"]),
        };
        const row = createComment(world, item, comment, readerOf(call).id);
        return created({ ...showComment(world, row, call.at), updated_by: row.actor });
      },
    });
    endpoint(app, world, door, `${root}comments/:commentId/`, {
      GET: (call) => ok(pick(showListedComment(world, commentIn(call), readerOf(call).id, call.at), call.query)),
      PATCH: async (call) => {
        const row = commentIn(call);
        editComment(world, row, await call.json(), readerOf(call).id);
        return ok(showComment(world, row, call.at));
      },
      DELETE: (call) => {
        deleteComment(world, commentIn(call), readerOf(call).id);
        return empty();
      },
    });
    endpoint(app, world, door, `${root}links/`, {
      GET: (call) =>
        ok(
          page(
            listed(call, (item) => linksOn(world, item)),
            call.query,
            (row) => showLink(world, row, call.at),
          ),
        ),
      POST: async (call) => {
        const body = await call.json();
        const url = text(body["url"]);
        if (url === null) throw invalid("url", "This field is required.");
        if (!URL.canParse(url)) throw new Refusal(400, { url: { error: "Invalid URL format." } });
        const row = createLink(world, parentIn(call), url, text(body["title"]), readerOf(call).id);
        return created(showLink(world, row, call.at));
      },
    });
    endpoint(app, world, door, `${root}activities/`, {
      GET: (call) =>
        ok(
          page(
            listed(call, (item) => activitiesIn(world, item)),
            call.query,
            (row) => showActivity(world, row, call.at),
          ),
        ),
    });
  }
}
