import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { id, nothing, redirect } from "./schema.ts";
import { time } from "./time.ts";

const attachment = z.object({
  id,
  /** What was declared; the size is cut to the server's limit. Older versions of Plane kept no type. */
  attributes: z.object({ name: z.string(), type: z.string().default(""), size: z.number() }),
  is_uploaded: z.boolean(),
  created_by: id.nullable(),
  created_at: time,
  updated_at: time,
});

const ticket = z.object({
  upload_data: z.object({ url: z.url({ protocol: /^https?$/ }), fields: z.record(z.string(), z.string()) }),
  asset_id: id,
  attachment,
});
/** The permission to upload one file to the storage: `uploadFile` takes it. */
export type UploadTicket = z.infer<typeof ticket>;

const all = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/attachments/";
const one = `${all}:attachment/`;

/**
 * Create with `{ name, type, size }`, upload the bytes, then confirm with `{ is_uploaded: true }`. A create with the
 * `external_source` and `external_id` of another one of the item answers 409 with its id, whether or not that was
 * uploaded (read in the source of v1.2.2 and v1.3.1). What is never confirmed is in no list, and Plane's own worker
 * removes it after 7 days (`UNUPLOADED_ASSET_DELETE_DAYS`).
 */
export const attachments = {
  list: { operation: "attachments_list", method: "GET", path: all, answer: z.array(attachment) },
  create: { operation: "attachments_create", method: "POST", path: all, answer: ticket },
  confirm: { operation: "attachments_confirm", method: "PATCH", path: one, answer: nothing },
  remove: { operation: "attachments_remove", method: "DELETE", path: one, answer: nothing },
  /** Answers the address in the storage, good for an hour; it is a secret while it is good. */
  get: { operation: "attachments_get", method: "GET", path: one, answer: redirect },
} satisfies Record<string, Endpoint<unknown>>;
