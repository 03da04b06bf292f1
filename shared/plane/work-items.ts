import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { createPageSchema, noContentSchema, planeDaySchema, planeIdSchema } from "./schema.ts";
import { stateGroupSchema } from "./states-labels.ts";
import { planeTimeSchema } from "./time.ts";
import { planeUserSchema } from "./users-members.ts";

const prioritySchema = z.enum(["urgent", "high", "medium", "low", "none"]);

/** Ids, or what `expand` makes of them. */
const stateFieldSchema = z.union([
  planeIdSchema,
  z.object({ id: planeIdSchema, name: z.string(), color: z.string(), group: stateGroupSchema }),
]);
const assigneeFieldSchema = z.union([planeIdSchema, planeUserSchema]);
const labelFieldSchema = z.union([planeIdSchema, z.object({ id: planeIdSchema, name: z.string(), color: z.string() })]);
const projectFieldSchema = z.union([
  planeIdSchema,
  z.object({ id: planeIdSchema, identifier: z.string(), name: z.string() }),
]);

/** A work item as lists, single reads, creates and PATCHes answer it. `pick` from it what `fields=` asks for. */
export const workItemSchema = z.object({
  id: planeIdSchema,
  project: projectFieldSchema,
  sequence_id: z.int(),
  name: z.string(),
  /** As Plane stores it: HTML that may hold anything. */
  description_html: z.string(),
  state: stateFieldSchema,
  priority: prioritySchema,
  assignees: z.array(assigneeFieldSchema),
  labels: z.array(labelFieldSchema),
  parent: planeIdSchema.nullable(),
  start_date: planeDaySchema.nullable(),
  target_date: planeDaySchema.nullable(),
  completed_at: planeTimeSchema.nullable(),
  /** A day here, a time everywhere else; the item is in no list then, but found by its external id. */
  archived_at: planeDaySchema.nullable(),
  is_draft: z.boolean(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  created_by: planeIdSchema.nullable(),
  updated_by: planeIdSchema.nullable(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});

const searchResultSchema = z.object({
  issues: z.array(
    z.object({
      id: planeIdSchema,
      name: z.string(),
      sequence_id: z.int(),
      project_id: planeIdSchema,
      project__identifier: z.string(),
    }),
  ),
});

const workItemsPath = "/api/v1/workspaces/:workspace/projects/:project/work-items/";
const workItemPath = `${workItemsPath}:item/`;

export const workItemsApi = {
  list: { operation: "work_items_list", method: "GET", path: workItemsPath, answer: createPageSchema(workItemSchema) },
  /** The full id pass: ask it with `query: { fields: "id" }`. */
  ids: {
    operation: "work_items_ids",
    method: "GET",
    path: workItemsPath,
    answer: createPageSchema(workItemSchema.pick({ id: true })),
  },
  get: { operation: "work_items_get", method: "GET", path: workItemPath, answer: workItemSchema },
  /** `key` is what people see, for example `ONB-12`. */
  byKey: {
    operation: "work_items_by_key",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/work-items/:key/",
    answer: workItemSchema,
  },
  /** Asked with `query: { external_source, external_id }` the list route answers with that one item, or 404. */
  byExternalId: { operation: "work_items_by_external_id", method: "GET", path: workItemsPath, answer: workItemSchema },
  search: {
    operation: "work_items_search",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/work-items/search/",
    answer: searchResultSchema,
  },
  /** The same `external_source` and `external_id` twice answers 409 with the id of the first. */
  create: { operation: "work_items_create", method: "POST", path: workItemsPath, answer: workItemSchema },
  update: { operation: "work_items_update", method: "PATCH", path: workItemPath, answer: workItemSchema },
  remove: { operation: "work_items_remove", method: "DELETE", path: workItemPath, answer: noContentSchema },
} satisfies Record<string, Endpoint<unknown>>;
