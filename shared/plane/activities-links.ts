import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { id, listed } from "./schema.ts";
import { time } from "./time.ts";

const activity = z.object({
  id,
  issue: id.nullable(),
  verb: z.string(),
  /** `state`, `assignees`, `labels`, … from the API; `state_id`, `assignee_ids`, `label_ids` from the browser; null for the creation. */
  field: z.string().nullable(),
  old_value: z.string().nullable(),
  new_value: z.string().nullable(),
  old_identifier: id.nullable(),
  new_identifier: id.nullable(),
  actor: id.nullable(),
  created_at: time,
});
export type Activity = z.infer<typeof activity>;

const link = z.object({
  id,
  issue: id,
  title: z.string().nullable(),
  url: z.string(),
  created_at: time,
  updated_at: time,
});

const ofItem = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/";

/** Oldest first. */
export const activities = {
  list: { operation: "activities_list", method: "GET", path: `${ofItem}activities/`, answer: listed(activity) },
} satisfies Record<string, Endpoint<unknown>>;

export const links = {
  list: { operation: "links_list", method: "GET", path: `${ofItem}links/`, answer: listed(link) },
  /** An address the item has already answers 400. */
  create: { operation: "links_create", method: "POST", path: `${ofItem}links/`, answer: link },
} satisfies Record<string, Endpoint<unknown>>;
