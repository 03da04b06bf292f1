import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { planeIdSchema } from "./schema.ts";

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

const projectMembershipSchema = z.object({ id: planeIdSchema, member: planeIdSchema, role: planeRoleSchema });

const invitationSchema = z.object({
  id: planeIdSchema,
  email: z.string(),
  accepted: z.boolean(),
  role: planeRoleSchema,
});

export const usersApi = {
  me: { operation: "users_me", method: "GET", path: "/api/v1/users/me/", answer: planeUserSchema },
} satisfies Record<string, Endpoint<unknown>>;

/** The workspace's members including bots, in one answer without pages. */
export const membersApi = {
  list: {
    operation: "members_list",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/members/",
    answer: z.array(memberSchema),
  },
} satisfies Record<string, Endpoint<unknown>>;

export const invitationsApi = {
  list: {
    operation: "invitations_list",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/invitations/",
    answer: z.array(invitationSchema),
  },
} satisfies Record<string, Endpoint<unknown>>;

/** A project's members, in one answer without pages and without their roles. */
export const projectMembersApi = {
  list: {
    operation: "project_members_list",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/projects/:project/members/",
    answer: z.array(planeUserSchema),
  },
  add: {
    operation: "project_members_add",
    method: "POST",
    path: "/api/v1/workspaces/:workspace/projects/:project/members/",
    answer: projectMembershipSchema,
  },
} satisfies Record<string, Endpoint<unknown>>;
