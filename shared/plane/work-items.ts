/** The endpoints of work items and what belongs to them: relations, comments, activities, links, cycles and modules. */

import { z } from "zod";
import {
  createdSchema,
  createPageSchema,
  get,
  patch,
  planeDaySchema,
  planeIdSchema,
  planeTimeSchema,
  post,
} from "./endpoint.ts";
import { planeUserSchema, stateGroupSchema } from "./projects.ts";

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

const workItemsPath = "/api/v1/workspaces/:workspace/projects/:project/work-items/";

const workItemPath = `${workItemsPath}:item/`;

export const workItemsApi = {
  list: get("work_items_list", workItemsPath, createPageSchema(workItemSchema)),
  /** All ids of a project; use with `query: { fields: "id" }`. */
  ids: get("work_items_ids", workItemsPath, createPageSchema(workItemSchema.pick({ id: true }))),
  get: get("work_items_get", workItemPath, workItemSchema),
  /** `key` is the task key that people see, for example `ONB-12`. */
  byKey: get("work_items_by_key", "/api/v1/workspaces/:workspace/work-items/:key/", workItemSchema),
  /** With `query: { external_source, external_id }` the list route answers that single item, or 404. */
  byExternalId: get("work_items_by_external_id", workItemsPath, workItemSchema),
  /** Answers 409 with the id of the existing item for the same `external_source` and `external_id`. */
  create: post("work_items_create", workItemsPath, workItemSchema),
  update: patch("work_items_update", workItemPath, workItemSchema),
};

const relationEndsSchema = z.array(z.object({ project_id: planeIdSchema, issue_id: planeIdSchema }));

/** The dependencies of the requested item; Plane lists its relations of other kinds as well. */
const relationsSchema = z.object({ blocking: relationEndsSchema, blocked_by: relationEndsSchema });

export type PlaneRelations = z.infer<typeof relationsSchema>;

export const RELATIONS_PATH = `${workItemPath}relations/`;

/** Does not exist on v1.2.x: see `capabilities().relations`. */
export const relationsApi = {
  list: get("relations_list", RELATIONS_PATH, relationsSchema),
  /** Takes `{ relation_type, issues }`; answers the related items. */
  create: post("relations_create", RELATIONS_PATH, z.array(createdSchema)),
};

export const planeCommentSchema = z.object({
  id: planeIdSchema,
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

export type PlaneComment = z.infer<typeof planeCommentSchema>;

const commentsPath = `${workItemPath}comments/`;

export const commentsApi = {
  list: get("comments_list", commentsPath, createPageSchema(planeCommentSchema)),
  /** Answers 409 with the id of the existing comment for the same `external_source` and `external_id`. */
  create: post("comments_create", commentsPath, planeCommentSchema),
  update: patch("comments_update", `${commentsPath}:comment/`, planeCommentSchema),
};

const activitySchema = z.object({
  id: planeIdSchema,
  verb: z.string(),
  /**
   * `state`, `assignees`, `labels`, … for changes by the API; `state_id`, `assignee_ids`, `label_ids` by the browser;
   * null for the creation.
   */
  field: z.string().nullable(),
  old_value: z.string().nullable(),
  new_value: z.string().nullable(),
  old_identifier: planeIdSchema.nullable(),
  new_identifier: planeIdSchema.nullable(),
  actor: planeIdSchema.nullable(),
  /** When Plane's worker wrote the activity, which can be long after the change. */
  created_at: planeTimeSchema,
  /** When Plane handled the request that made the change, in whole seconds since 1970. */
  epoch: z.number().nullish(),
});

export type PlaneActivity = z.infer<typeof activitySchema>;

/** The activities of a work item, oldest first. */
export const activitiesApi = {
  list: get("activities_list", `${workItemPath}activities/`, createPageSchema(activitySchema)),
};

const cycleSchema = z.object({
  id: planeIdSchema,
  project: planeIdSchema,
  name: z.string(),
  /** Either both dates are set or neither: a cycle without dates is a draft. */
  start_date: planeTimeSchema.nullable(),
  end_date: planeTimeSchema.nullable(),
  archived_at: planeTimeSchema.nullable(),
  created_at: planeTimeSchema,
});

/** Only lists contain the numbers of items by the group of their state. */
const countedCycleSchema = cycleSchema.extend({
  total_issues: z.int(),
  completed_issues: z.int(),
  cancelled_issues: z.int(),
});

const moduleSchema = z.object({ id: planeIdSchema, name: z.string(), archived_at: planeTimeSchema.nullable() });

const cyclesPath = "/api/v1/workspaces/:workspace/projects/:project/cycles/";

const modulesPath = "/api/v1/workspaces/:workspace/projects/:project/modules/";

export const cyclesApi = {
  list: get("cycles_list", cyclesPath, createPageSchema(countedCycleSchema)),
  create: post("cycles_create", cyclesPath, cycleSchema),
  items: get("cycles_items", `${cyclesPath}:cycle/cycle-issues/`, createPageSchema(workItemSchema)),
  addItems: post("cycles_add_items", `${cyclesPath}:cycle/cycle-issues/`, z.array(createdSchema)),
};

export const modulesApi = {
  list: get("modules_list", modulesPath, createPageSchema(moduleSchema)),
  create: post("modules_create", modulesPath, moduleSchema),
  addItems: post("modules_add_items", `${modulesPath}:module/module-issues/`, z.array(createdSchema)),
};
