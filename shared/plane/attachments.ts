import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { noContentSchema, planeIdSchema, redirectSchema } from "./schema.ts";
import { planeTimeSchema } from "./time.ts";

const attachmentSchema = z.object({
  id: planeIdSchema,
  /** As declared at creation; Plane lowers the size to the server's limit. Older versions of Plane store no type. */
  attributes: z.object({ name: z.string(), type: z.string().default(""), size: z.number() }),
  is_uploaded: z.boolean(),
  created_by: planeIdSchema.nullable(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});
export type PlaneAttachment = z.infer<typeof attachmentSchema>;

const uploadTicketSchema = z.object({
  upload_data: z.object({ url: z.url({ protocol: /^https?$/ }), fields: z.record(z.string(), z.string()) }),
  asset_id: planeIdSchema,
  attachment: attachmentSchema,
});
/** The permission to upload one file to the storage: `uploadFile` takes it. */
export type UploadTicket = z.infer<typeof uploadTicketSchema>;

const attachmentsPath = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/attachments/";
const attachmentPath = `${attachmentsPath}:attachment/`;

/**
 * Create with `{ name, type, size }`, upload the bytes, then confirm with `{ is_uploaded: true }`. A create with the
 * `external_source` and `external_id` of an existing attachment of the item answers 409 with its id, uploaded or not
 * (according to the source of v1.2.2 and v1.3.1). Lists do not contain unconfirmed attachments, and Plane's own worker
 * removes them after 7 days (`UNUPLOADED_ASSET_DELETE_DAYS`).
 */
export const attachmentsApi = {
  list: { operation: "attachments_list", method: "GET", path: attachmentsPath, answer: z.array(attachmentSchema) },
  create: { operation: "attachments_create", method: "POST", path: attachmentsPath, answer: uploadTicketSchema },
  confirm: { operation: "attachments_confirm", method: "PATCH", path: attachmentPath, answer: noContentSchema },
  remove: { operation: "attachments_remove", method: "DELETE", path: attachmentPath, answer: noContentSchema },
  /** Answers the address in the storage. It is valid for an hour and a secret for that time. */
  get: { operation: "attachments_get", method: "GET", path: attachmentPath, answer: redirectSchema },
} satisfies Record<string, Endpoint<unknown>>;
