import { z } from "zod";
import type { Endpoint } from "../client.ts";
import { noContentSchema, planeIdSchema, planeSecretSchema } from "../schema.ts";
import { planeTimeSchema } from "../time.ts";

const webhookSchema = z.object({
  id: planeIdSchema,
  workspace: planeIdSchema,
  url: z.string(),
  /** Plane disables a webhook when all attempts of a delivery failed. */
  is_active: z.boolean(),
  secret_key: planeSecretSchema,
  project: z.boolean(),
  issue: z.boolean(),
  module: z.boolean(),
  cycle: z.boolean(),
  issue_comment: z.boolean(),
});

const webhookDeliverySchema = z.object({
  id: planeIdSchema,
  webhook: planeIdSchema,
  event_type: z.string(),
  request_method: z.string(),
  /** The receiver's HTTP status, as text. */
  response_status: z.string().nullable(),
  retry_count: z.int(),
  created_at: planeTimeSchema,
});

const webhooksPath = "/api/workspaces/:workspace/webhooks/";
const webhookPath = `${webhooksPath}:webhook/`;

export const webhooksApi = {
  list: { operation: "webhooks_list", method: "GET", path: webhooksPath, answer: z.array(webhookSchema) },
  get: { operation: "webhooks_get", method: "GET", path: webhookPath, answer: webhookSchema },
  /** Answers 409 without an id for an address that another webhook has, and 400 for a private address. */
  create: { operation: "webhooks_create", method: "POST", path: webhooksPath, answer: webhookSchema },
  update: { operation: "webhooks_update", method: "PATCH", path: webhookPath, answer: webhookSchema },
  /** The old secret becomes invalid at once. */
  regenerate: {
    operation: "webhooks_regenerate",
    method: "POST",
    path: `${webhookPath}regenerate/`,
    answer: webhookSchema,
  },
  remove: { operation: "webhooks_remove", method: "DELETE", path: webhookPath, answer: noContentSchema },
  log: {
    operation: "webhooks_log",
    method: "GET",
    path: "/api/workspaces/:workspace/webhook-logs/:webhook/",
    answer: z.array(webhookDeliverySchema),
  },
} satisfies Record<string, Endpoint<unknown>>;
