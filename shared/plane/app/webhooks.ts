import { z } from "zod";
import type { Endpoint } from "../client.ts";
import { id, nothing } from "../schema.ts";
import { time } from "../time.ts";

const webhook = z.object({
  id,
  workspace: id,
  url: z.string(),
  /** Plane switches a webhook off when all its attempts failed. */
  is_active: z.boolean(),
  secret_key: z.string(),
  project: z.boolean(),
  issue: z.boolean(),
  module: z.boolean(),
  cycle: z.boolean(),
  issue_comment: z.boolean(),
});

const delivery = z.object({
  id,
  webhook: id,
  event_type: z.string(),
  request_method: z.string(),
  /** The receiver's, as text. */
  response_status: z.string().nullable(),
  retry_count: z.int(),
  created_at: time,
});

const all = "/api/workspaces/:workspace/webhooks/";
const one = `${all}:webhook/`;

export const webhooks = {
  list: { operation: "webhooks_list", method: "GET", path: all, answer: z.array(webhook) },
  get: { operation: "webhooks_get", method: "GET", path: one, answer: webhook },
  /** An address that is taken answers 409, without an id; a private one 400. */
  create: { operation: "webhooks_create", method: "POST", path: all, answer: webhook },
  update: { operation: "webhooks_update", method: "PATCH", path: one, answer: webhook },
  /** The old secret is void at once. */
  regenerate: { operation: "webhooks_regenerate", method: "POST", path: `${one}regenerate/`, answer: webhook },
  remove: { operation: "webhooks_remove", method: "DELETE", path: one, answer: nothing },
  log: {
    operation: "webhooks_log",
    method: "GET",
    path: "/api/workspaces/:workspace/webhook-logs/:webhook/",
    answer: z.array(delivery),
  },
} satisfies Record<string, Endpoint<unknown>>;
