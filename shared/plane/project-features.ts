import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { projectsApi } from "./projects.ts";
import { createPageSchema, planeIdSchema } from "./schema.ts";
import { planeTimeSchema } from "./time.ts";

const projectFeaturesSchema = z.object({
  id: planeIdSchema,
  name: z.string(),
  identifier: z.string(),
  archived_at: planeTimeSchema.nullable(),
  is_member: z.boolean(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  module_view: z.boolean(),
  cycle_view: z.boolean(),
  issue_views_view: z.boolean(),
  page_view: z.boolean(),
  intake_view: z.boolean(),
});
export type ProjectFeatures = z.infer<typeof projectFeaturesSchema>;

/** Projects with their enabled features; uses the routes of `projectsApi`. */
export const projectFeaturesApi = {
  list: { ...projectsApi.list, answer: createPageSchema(projectFeaturesSchema) },
  create: { ...projectsApi.create, answer: projectFeaturesSchema },
  update: { ...projectsApi.update, answer: projectFeaturesSchema },
} satisfies Record<string, Endpoint<unknown>>;
