import { z } from "zod";
import type { Endpoint } from "../client.ts";
import { noContentSchema, planeIdSchema } from "../schema.ts";
import { planeRoleSchema } from "../users-members.ts";

const workspaceSchema = z.object({
  id: planeIdSchema,
  name: z.string(),
  slug: z.string(),
  timezone: z.string(),
  owner: planeIdSchema,
});

const workspaceMemberSchema = z.object({
  id: planeIdSchema,
  role: planeRoleSchema,
  is_active: z.boolean(),
  /** Only the list contains the e-mail address. */
  member: z.object({ id: planeIdSchema, display_name: z.string(), is_bot: z.boolean(), email: z.string().optional() }),
});

const workspaceInvitationSchema = z.object({
  id: planeIdSchema,
  email: z.string(),
  accepted: z.boolean(),
  role: planeRoleSchema,
  workspace: z.object({ id: planeIdSchema, slug: z.string() }),
});

const workspacePath = "/api/workspaces/:workspace/";

export const workspacesApi = {
  /** The workspaces of which the account is a member, with its role. */
  mine: {
    operation: "workspaces_mine",
    method: "GET",
    path: "/api/users/me/workspaces/",
    answer: z.array(workspaceSchema.extend({ role: planeRoleSchema })),
  },
  /** Takes `query: { slug }`; `status` is true when the slug is free. */
  slugIsFree: {
    operation: "workspaces_slug_check",
    method: "GET",
    path: "/api/workspace-slug-check/",
    answer: z.object({ status: z.boolean() }),
  },
  create: { operation: "workspaces_create", method: "POST", path: "/api/workspaces/", answer: workspaceSchema },
  get: { operation: "workspaces_get", method: "GET", path: workspacePath, answer: workspaceSchema },
  update: { operation: "workspaces_update", method: "PATCH", path: workspacePath, answer: workspaceSchema },
} satisfies Record<string, Endpoint<unknown>>;

/** `:membership` is the id of the membership, not of the user. */
export const workspaceMembersApi = {
  list: {
    operation: "workspace_members_list",
    method: "GET",
    path: `${workspacePath}members/`,
    answer: z.array(workspaceMemberSchema),
  },
  update: {
    operation: "workspace_members_update",
    method: "PATCH",
    path: `${workspacePath}members/:membership/`,
    answer: workspaceMemberSchema,
  },
} satisfies Record<string, Endpoint<unknown>>;

export const workspaceInvitationsApi = {
  list: {
    operation: "workspace_invitations_list",
    method: "GET",
    path: `${workspacePath}invitations/`,
    answer: z.array(workspaceInvitationSchema),
  },
  /** Takes `{ emails: [{ email, role }] }`. */
  create: {
    operation: "workspace_invitations_create",
    method: "POST",
    path: `${workspacePath}invitations/`,
    answer: z.object({ message: z.string() }),
  },
  mine: {
    operation: "my_invitations_list",
    method: "GET",
    path: "/api/users/me/workspaces/invitations/",
    answer: z.array(workspaceInvitationSchema),
  },
  /** Takes `{ invitations: [id] }`. */
  accept: {
    operation: "my_invitations_accept",
    method: "POST",
    path: "/api/users/me/workspaces/invitations/",
    answer: noContentSchema,
  },
} satisfies Record<string, Endpoint<unknown>>;
