import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { createPageSchema, noContentSchema, planeDaySchema, planeIdSchema } from "./schema.ts";
import { stateGroupSchema } from "./states-labels.ts";
import { planeTimeSchema } from "./time.ts";
import { planeUserSchema } from "./users-members.ts";

const prioritySchema = z.enum(["urgent", "high", "medium", "low", "none"]);

/** Ids, or the objects that `expand` puts in their place. */
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

/**
 * A work item in the answers of lists, single reads, creates and PATCHes. With `fields=`, `pick` the requested fields.
 */
export const workItemSchema = z.object({
  id: planeIdSchema,
  project: projectFieldSchema,
  sequence_id: z.int(),
  name: z.string(),
  /** Unsanitized HTML, as Plane stores it. */
  description_html: z.string(),
  state: stateFieldSchema,
  priority: prioritySchema,
  assignees: z.array(assigneeFieldSchema),
  labels: z.array(labelFieldSchema),
  parent: planeIdSchema.nullable(),
  start_date: planeDaySchema.nullable(),
  target_date: planeDaySchema.nullable(),
  completed_at: planeTimeSchema.nullable(),
  /**
   * A day, unlike in all other objects, which have a time. No list contains an archived item, but a read by its
   * external id finds it.
   */
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
  /** All ids of a project; use with `query: { fields: "id" }`. */
  ids: {
    operation: "work_items_ids",
    method: "GET",
    path: workItemsPath,
    answer: createPageSchema(workItemSchema.pick({ id: true })),
  },
  get: { operation: "work_items_get", method: "GET", path: workItemPath, answer: workItemSchema },
  /** `key` is the task key that people see, for example `ONB-12`. */
  byKey: {
    operation: "work_items_by_key",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/work-items/:key/",
    answer: workItemSchema,
  },
  /** With `query: { external_source, external_id }` the list route answers that single item, or 404. */
  byExternalId: { operation: "work_items_by_external_id", method: "GET", path: workItemsPath, answer: workItemSchema },
  search: {
    operation: "work_items_search",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/work-items/search/",
    answer: searchResultSchema,
  },
  /** Answers 409 with the id of the existing item for the same `external_source` and `external_id`. */
  create: { operation: "work_items_create", method: "POST", path: workItemsPath, answer: workItemSchema },
  update: { operation: "work_items_update", method: "PATCH", path: workItemPath, answer: workItemSchema },
  remove: { operation: "work_items_remove", method: "DELETE", path: workItemPath, answer: noContentSchema },
} satisfies Record<string, Endpoint<unknown>>;
