import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { createPageSchema, noContentSchema, planeIdSchema } from "./schema.ts";
import { planeTimeSchema } from "./time.ts";

const commentSchema = z.object({
  id: planeIdSchema,
  issue: planeIdSchema,
  /** The HTML as it was sent: Plane does not sanitize it, so it may contain `<script>`. */
  comment_html: z.string(),
  actor: planeIdSchema.nullable(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  created_by: planeIdSchema.nullable(),
  created_at: planeTimeSchema,
  /** Can be a few milliseconds before `created_at`. */
  updated_at: planeTimeSchema,
});
export type PlaneComment = z.infer<typeof commentSchema>;

const commentsPath = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/comments/";
const commentPath = `${commentsPath}:comment/`;

export const commentsApi = {
  list: { operation: "comments_list", method: "GET", path: commentsPath, answer: createPageSchema(commentSchema) },
  /** Answers 409 with the id of the existing comment for the same `external_source` and `external_id`. */
  create: { operation: "comments_create", method: "POST", path: commentsPath, answer: commentSchema },
  update: { operation: "comments_update", method: "PATCH", path: commentPath, answer: commentSchema },
  remove: { operation: "comments_remove", method: "DELETE", path: commentPath, answer: noContentSchema },
} satisfies Record<string, Endpoint<unknown>>;
