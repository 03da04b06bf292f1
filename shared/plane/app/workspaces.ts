import { z } from "zod";
import type { Endpoint } from "../client.ts";
import { id, nothing } from "../schema.ts";
import { role } from "../users-members.ts";

const workspace = z.object({ id, name: z.string(), slug: z.string(), timezone: z.string(), owner: id });

const member = z.object({
  id,
  role,
  is_active: z.boolean(),
  /** The e-mail is in the list only. */
  member: z.object({ id, display_name: z.string(), is_bot: z.boolean(), email: z.string().optional() }),
});

const invitation = z.object({
  id,
  email: z.string(),
  accepted: z.boolean(),
  role,
  workspace: z.object({ id, slug: z.string() }),
});

const one = "/api/workspaces/:workspace/";

export const workspaces = {
  /** Those the account is a member of, with its role there. */
  mine: {
    operation: "workspaces_mine",
    method: "GET",
    path: "/api/users/me/workspaces/",
    answer: z.array(workspace.extend({ role })),
  },
  /** `query: { slug }`; true when it is free. */
  slugIsFree: {
    operation: "workspaces_slug_check",
    method: "GET",
    path: "/api/workspace-slug-check/",
    answer: z.object({ status: z.boolean() }),
  },
  create: { operation: "workspaces_create", method: "POST", path: "/api/workspaces/", answer: workspace },
  get: { operation: "workspaces_get", method: "GET", path: one, answer: workspace },
  update: { operation: "workspaces_update", method: "PATCH", path: one, answer: workspace },
} satisfies Record<string, Endpoint<unknown>>;

/** `:membership` is the id of the row, not of the user. */
export const workspaceMembers = {
  list: { operation: "workspace_members_list", method: "GET", path: `${one}members/`, answer: z.array(member) },
  update: {
    operation: "workspace_members_update",
    method: "PATCH",
    path: `${one}members/:membership/`,
    answer: member,
  },
} satisfies Record<string, Endpoint<unknown>>;

export const workspaceInvitations = {
  list: {
    operation: "workspace_invitations_list",
    method: "GET",
    path: `${one}invitations/`,
    answer: z.array(invitation),
  },
  /** Takes `{ emails: [{ email, role }] }`. */
  create: {
    operation: "workspace_invitations_create",
    method: "POST",
    path: `${one}invitations/`,
    answer: z.object({ message: z.string() }),
  },
  mine: {
    operation: "my_invitations_list",
    method: "GET",
    path: "/api/users/me/workspaces/invitations/",
    answer: z.array(invitation),
  },
  /** Takes `{ invitations: [id] }`. */
  accept: {
    operation: "my_invitations_accept",
    method: "POST",
    path: "/api/users/me/workspaces/invitations/",
    answer: nothing,
  },
} satisfies Record<string, Endpoint<unknown>>;
