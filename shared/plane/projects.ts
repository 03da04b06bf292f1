/** The endpoints around work items: instance, users and members, projects with their features, states and labels. */

import { z } from "zod";
import { createdSchema, createPageSchema, get, patch, planeIdSchema, planeTimeSchema, post } from "./endpoint.ts";

const instanceInfoSchema = z.object({
  instance: z.object({
    /** For example `1.3.1`; v1.2.2 says `1.2.0`. */
    current_version: z.string(),
    edition: z.string(),
    is_setup_done: z.boolean(),
  }),
  config: z.object({
    is_email_password_enabled: z.boolean().optional(),
    /** Bytes. */
    file_size_limit: z.number(),
  }),
});

/** Plane's public information about itself, which requires no key. */
export const instanceApi = { info: get("instance_info", "/api/instances/", instanceInfoSchema) };

export const planeUserSchema = z.object({
  id: planeIdSchema,
  first_name: z.string(),
  last_name: z.string(),
  email: z.string().nullable(),
  display_name: z.string(),
});

/** Plane's roles: 20 admin, 15 member, 5 guest. */
export const planeRoleSchema = z.int();

const memberSchema = planeUserSchema.extend({ role: planeRoleSchema });

export const usersApi = { me: get("users_me", "/api/v1/users/me/", planeUserSchema) };

/** The workspace's members including bots, in one answer without pages. */
export const membersApi = {
  list: get("members_list", "/api/v1/workspaces/:workspace/members/", z.array(memberSchema)),
};

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
  /** Number of those who have access, without bots. */
  total_members: z.number(),
  module_view: z.boolean(),
  cycle_view: z.boolean(),
  issue_views_view: z.boolean().optional(),
  page_view: z.boolean().optional(),
  intake_view: z.boolean().optional(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  created_by: planeIdSchema.nullable(),
  created_at: planeTimeSchema,
});

export type PlaneProject = z.infer<typeof projectSchema>;

const projectsPath = "/api/v1/workspaces/:workspace/projects/";

const projectPath = `${projectsPath}:project/`;

export const projectsApi = {
  list: get("projects_list", projectsPath, createPageSchema(projectSchema)),
  get: get("projects_get", projectPath, projectSchema),
  /** Answers 409 without an id for a name or identifier that is already taken. */
  create: post("projects_create", projectsPath, projectSchema),
  update: patch("projects_update", projectPath, projectSchema),
};

const membersPath = `${projectPath}members/`;

/** A project's members, in one answer without pages and without their roles. */
export const projectMembersApi = {
  list: get("project_members_list", membersPath, z.array(planeUserSchema)),
  add: post("project_members_add", membersPath, createdSchema),
};

export const stateGroupSchema = z.enum(["backlog", "unstarted", "started", "completed", "cancelled", "triage"]);

const stateSchema = z.object({
  id: planeIdSchema,
  name: z.string(),
  color: z.string(),
  group: stateGroupSchema,
  sequence: z.number(),
  default: z.boolean(),
});

const labelSchema = z.object({ id: planeIdSchema, name: z.string(), color: z.string() });

const statesPath = `${projectPath}states/`;

const labelsPath = `${projectPath}labels/`;

/** A create answers 409 with the id of the existing state or label if the name is already taken. */
export const statesApi = {
  list: get("states_list", statesPath, createPageSchema(stateSchema)),
  create: post("states_create", statesPath, stateSchema),
};

export const labelsApi = {
  list: get("labels_list", labelsPath, createPageSchema(labelSchema)),
  create: post("labels_create", labelsPath, labelSchema),
};
