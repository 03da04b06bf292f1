import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { day, id, listed, nothing } from "./schema.ts";
import { stateGroup } from "./states-labels.ts";
import { time } from "./time.ts";
import { user } from "./users-members.ts";

const priority = z.enum(["urgent", "high", "medium", "low", "none"]);

/** Ids, or what `expand` makes of them. */
const state = z.union([id, z.object({ id, name: z.string(), color: z.string(), group: stateGroup })]);
const assignee = z.union([id, user]);
const label = z.union([id, z.object({ id, name: z.string(), color: z.string() })]);
const project = z.union([id, z.object({ id, identifier: z.string(), name: z.string() })]);

/** A work item as lists, single reads, creates and PATCHes answer it. `pick` from it what `fields=` asks for. */
export const workItem = z.object({
  id,
  project,
  sequence_id: z.int(),
  name: z.string(),
  /** As Plane stores it: HTML that may hold anything. */
  description_html: z.string(),
  state,
  priority,
  assignees: z.array(assignee),
  labels: z.array(label),
  parent: id.nullable(),
  start_date: day.nullable(),
  target_date: day.nullable(),
  completed_at: time.nullable(),
  /** A day here, a time everywhere else; the item is in no list then, but found by its external id. */
  archived_at: day.nullable(),
  is_draft: z.boolean(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  created_by: id.nullable(),
  updated_by: id.nullable(),
  created_at: time,
  updated_at: time,
});

const found = z.object({
  issues: z.array(
    z.object({ id, name: z.string(), sequence_id: z.int(), project_id: id, project__identifier: z.string() }),
  ),
});

const all = "/api/v1/workspaces/:workspace/projects/:project/work-items/";
const one = `${all}:item/`;

export const workItems = {
  list: { operation: "work_items_list", method: "GET", path: all, answer: listed(workItem) },
  /** The full id pass: ask it with `query: { fields: "id" }`. */
  ids: { operation: "work_items_ids", method: "GET", path: all, answer: listed(workItem.pick({ id: true })) },
  get: { operation: "work_items_get", method: "GET", path: one, answer: workItem },
  /** `key` is what people see, for example `ONB-12`. */
  byKey: {
    operation: "work_items_by_key",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/work-items/:key/",
    answer: workItem,
  },
  /** Asked with `query: { external_source, external_id }` the list route answers with that one item, or 404. */
  byExternalId: { operation: "work_items_by_external_id", method: "GET", path: all, answer: workItem },
  search: {
    operation: "work_items_search",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/work-items/search/",
    answer: found,
  },
  /** The same `external_source` and `external_id` twice answers 409 with the id of the first. */
  create: { operation: "work_items_create", method: "POST", path: all, answer: workItem },
  update: { operation: "work_items_update", method: "PATCH", path: one, answer: workItem },
  remove: { operation: "work_items_remove", method: "DELETE", path: one, answer: nothing },
} satisfies Record<string, Endpoint<unknown>>;
