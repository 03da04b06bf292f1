import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { id, listed, nothing } from "./schema.ts";
import { time } from "./time.ts";

const comment = z.object({
  id,
  issue: id,
  /** As it was sent, `<script>` included. */
  comment_html: z.string(),
  actor: id.nullable(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  created_by: id.nullable(),
  created_at: time,
  /** May lie a few milliseconds before `created_at`. */
  updated_at: time,
});
export type Comment = z.infer<typeof comment>;

const all = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/comments/";
const one = `${all}:comment/`;

export const comments = {
  list: { operation: "comments_list", method: "GET", path: all, answer: listed(comment) },
  /** The same `external_source` and `external_id` twice answers 409 with the id of the first. */
  create: { operation: "comments_create", method: "POST", path: all, answer: comment },
  update: { operation: "comments_update", method: "PATCH", path: one, answer: comment },
  remove: { operation: "comments_remove", method: "DELETE", path: one, answer: nothing },
} satisfies Record<string, Endpoint<unknown>>;
