import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { createPageSchema, planeIdSchema } from "./schema.ts";
import { planeTimeSchema } from "./time.ts";
import { planeRoleSchema } from "./users-members.ts";

const projectSchema = z.object({
  id: planeIdSchema,
  workspace: planeIdSchema,
  name: z.string(),
  identifier: z.string(),
  description: z.string(),
  /** Set when the project is archived; its list of items is then empty, with status 200. */
  archived_at: planeTimeSchema.nullable(),
  /** Whether the key's owner is a member. Plane reveals nothing but this row about other projects. */
  is_member: z.boolean(),
  member_role: planeRoleSchema.nullable(),
  module_view: z.boolean(),
  cycle_view: z.boolean(),
  timezone: z.string(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  created_by: planeIdSchema.nullable(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});
export type PlaneProject = z.infer<typeof projectSchema>;

const projectSummarySchema = z.object({
  id: planeIdSchema,
  name: z.string(),
  identifier: z.string(),
  counts: z.object({
    issues: z.int(),
    states: z.int(),
    labels: z.int(),
    members: z.int(),
    cycles: z.int(),
    modules: z.int(),
  }),
});

const projectsPath = "/api/v1/workspaces/:workspace/projects/";
const projectPath = `${projectsPath}:project/`;

export const projectsApi = {
  list: { operation: "projects_list", method: "GET", path: projectsPath, answer: createPageSchema(projectSchema) },
  get: { operation: "projects_get", method: "GET", path: projectPath, answer: projectSchema },
  /** Answers 409 without an id for a name or identifier that is already taken. */
  create: { operation: "projects_create", method: "POST", path: projectsPath, answer: projectSchema },
  update: { operation: "projects_update", method: "PATCH", path: projectPath, answer: projectSchema },
  /** Does not exist on v1.2.x. */
  summary: {
    operation: "projects_summary",
    method: "GET",
    path: `${projectPath}summary/`,
    answer: projectSummarySchema,
  },
} satisfies Record<string, Endpoint<unknown>>;
