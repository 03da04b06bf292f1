import { z } from "zod";
import type { Json } from "../json.ts";
import type { Job, LeasedJob } from "../store/job-operations.ts";
import { getUntypedFields } from "./untyped-fields.ts";

/** Bodies of the queue `inbox`: a webhook of Plane as received. */
export const inboxBodySchema = z.object({
  type: z.literal("plane_webhook"),
  raw: z.string(),
  correlation: z.string(),
});
export type InboxBody = z.infer<typeof inboxBodySchema>;

/** @param id the hash of the webhook, so that a repeated delivery creates no second job */
export function createInboxJob(id: string, lane: string, raw: string, correlation: string): Job {
  const body: InboxBody = { type: "plane_webhook", raw, correlation };
  return { id, queue: "inbox", lane, body };
}

/** Upgrades a stored body to the present schema: versions before 0.2.0 wrote no `type`. */
export function upgradeInboxBody({ body }: Pick<LeasedJob, "body">): Json {
  const fields = getUntypedFields(body);
  return fields ? { type: "plane_webhook", ...fields } : body;
}
