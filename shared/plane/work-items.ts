/** The endpoints of work items and what belongs to them: relations, comments, activities, links, cycles and modules. */

import { z } from "zod";
import {
  createPageSchema,
  get,
  noContentSchema,
  patch,
  planeDaySchema,
  planeIdSchema,
  planeTimeSchema,
  post,
  remove,
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
  list: get("work_items_list", workItemsPath, createPageSchema(workItemSchema)),
  /** All ids of a project; use with `query: { fields: "id" }`. */
  ids: get("work_items_ids", workItemsPath, createPageSchema(workItemSchema.pick({ id: true }))),
  get: get("work_items_get", workItemPath, workItemSchema),
  /** `key` is the task key that people see, for example `ONB-12`. */
  byKey: get("work_items_by_key", "/api/v1/workspaces/:workspace/work-items/:key/", workItemSchema),
  /** With `query: { external_source, external_id }` the list route answers that single item, or 404. */
  byExternalId: get("work_items_by_external_id", workItemsPath, workItemSchema),
  search: get("work_items_search", "/api/v1/workspaces/:workspace/work-items/search/", searchResultSchema),
  /** Answers 409 with the id of the existing item for the same `external_source` and `external_id`. */
  create: post("work_items_create", workItemsPath, workItemSchema),
  update: patch("work_items_update", workItemPath, workItemSchema),
  remove: remove("work_items_remove", workItemPath, noContentSchema),
};

const relationEndsSchema = z.array(z.object({ project_id: planeIdSchema, issue_id: planeIdSchema }));

/** The related items by kind, seen from the requested item. */
const relationsSchema = z.object({
  blocking: relationEndsSchema,
  blocked_by: relationEndsSchema,
  duplicate: relationEndsSchema,
  relates_to: relationEndsSchema,
  start_after: relationEndsSchema,
  start_before: relationEndsSchema,
  finish_after: relationEndsSchema,
  finish_before: relationEndsSchema,
});

export type PlaneRelations = z.infer<typeof relationsSchema>;

const createdRelationsSchema = z.array(
  z.object({
    id: planeIdSchema,
    project_id: planeIdSchema,
    sequence_id: z.int(),
    relation_type: z.string(),
    name: z.string(),
  }),
);

export const RELATIONS_PATH = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/relations/";

/** Does not exist on v1.2.x: see `capabilities().relations`. */
export const relationsApi = {
  list: get("relations_list", RELATIONS_PATH, relationsSchema),
  /** Takes `{ relation_type, issues }`; answers the related items. */
  create: post("relations_create", RELATIONS_PATH, createdRelationsSchema),
};

const commentSchema = z.object({
  id: planeIdSchema,
  issue: planeIdSchema,
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

export type PlaneComment = z.infer<typeof commentSchema>;

const commentsPath = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/comments/";

const commentPath = `${commentsPath}:comment/`;

export const commentsApi = {
  list: get("comments_list", commentsPath, createPageSchema(commentSchema)),
  /** Answers 409 with the id of the existing comment for the same `external_source` and `external_id`. */
  create: post("comments_create", commentsPath, commentSchema),
  update: patch("comments_update", commentPath, commentSchema),
  remove: remove("comments_remove", commentPath, noContentSchema),
};

const activitySchema = z.object({
  id: planeIdSchema,
  issue: planeIdSchema.nullable(),
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

const linkSchema = z.object({
  id: planeIdSchema,
  issue: planeIdSchema,
  title: z.string().nullable(),
  url: z.string(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});

const itemPath = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/";

/** The activities of a work item, oldest first. */
export const activitiesApi = {
  list: get("activities_list", `${itemPath}activities/`, createPageSchema(activitySchema)),
};

export const linksApi = {
  list: get("links_list", `${itemPath}links/`, createPageSchema(linkSchema)),
  /** Answers 400 for an address that the item already has. */
  create: post("links_create", `${itemPath}links/`, linkSchema),
};

const cycleSchema = z.object({
  id: planeIdSchema,
  project: planeIdSchema,
  name: z.string(),
  /** Either both dates are set or neither: a cycle without dates is a draft. */
  start_date: planeTimeSchema.nullable(),
  end_date: planeTimeSchema.nullable(),
  archived_at: planeTimeSchema.nullable(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  owned_by: planeIdSchema.nullable(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});

/** Additional fields in lists: the numbers of items by the group of their state. */
const itemCountFields = {
  total_issues: z.int(),
  completed_issues: z.int(),
  cancelled_issues: z.int(),
  started_issues: z.int(),
  unstarted_issues: z.int(),
  backlog_issues: z.int(),
};

const countedCycleSchema = cycleSchema.extend(itemCountFields);

export type PlaneCycle = z.infer<typeof countedCycleSchema>;

const moduleSchema = z.object({
  id: planeIdSchema,
  project: planeIdSchema,
  name: z.string(),
  status: z.string(),
  start_date: planeDaySchema.nullable(),
  target_date: planeDaySchema.nullable(),
  archived_at: planeTimeSchema.nullable(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});

const cycleItemSchema = z.object({ id: planeIdSchema, issue: planeIdSchema, cycle: planeIdSchema });

const moduleItemSchema = z.object({ id: planeIdSchema, issue: planeIdSchema, module: planeIdSchema });

const cyclesPath = "/api/v1/workspaces/:workspace/projects/:project/cycles/";

const modulesPath = "/api/v1/workspaces/:workspace/projects/:project/modules/";

export const cyclesApi = {
  list: get("cycles_list", cyclesPath, createPageSchema(countedCycleSchema)),
  /** The same route with `query: { cycle_view: "current" }`, which answers without pages. */
  current: get("cycles_current", cyclesPath, z.array(countedCycleSchema)),
  create: post("cycles_create", cyclesPath, cycleSchema),
  update: patch("cycles_update", `${cyclesPath}:cycle/`, cycleSchema),
  items: get("cycles_items", `${cyclesPath}:cycle/cycle-issues/`, createPageSchema(workItemSchema)),
  addItems: post("cycles_add_items", `${cyclesPath}:cycle/cycle-issues/`, z.array(cycleItemSchema)),
};

export const modulesApi = {
  list: get("modules_list", modulesPath, createPageSchema(moduleSchema.extend(itemCountFields))),
  create: post("modules_create", modulesPath, moduleSchema),
  addItems: post("modules_add_items", `${modulesPath}:module/module-issues/`, z.array(moduleItemSchema)),
};
