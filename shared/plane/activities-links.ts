import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { createPageSchema, planeIdSchema } from "./schema.ts";
import { planeTimeSchema } from "./time.ts";

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
  list: {
    operation: "activities_list",
    method: "GET",
    path: `${itemPath}activities/`,
    answer: createPageSchema(activitySchema),
  },
} satisfies Record<string, Endpoint<unknown>>;

export const linksApi = {
  list: { operation: "links_list", method: "GET", path: `${itemPath}links/`, answer: createPageSchema(linkSchema) },
  /** Answers 400 for an address that the item already has. */
  create: { operation: "links_create", method: "POST", path: `${itemPath}links/`, answer: linkSchema },
} satisfies Record<string, Endpoint<unknown>>;
