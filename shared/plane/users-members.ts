import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { id } from "./schema.ts";

export const user = z.object({
  id,
  first_name: z.string(),
  last_name: z.string(),
  email: z.string().nullable(),
  display_name: z.string(),
});

/** Plane's roles: 20 admin, 15 member, 5 guest. */
export const role = z.int();

const member = user.extend({ role });

const projectMembership = z.object({ id, member: id, role });

const invitation = z.object({ id, email: z.string(), accepted: z.boolean(), role });

export const users = {
  me: { operation: "users_me", method: "GET", path: "/api/v1/users/me/", answer: user },
} satisfies Record<string, Endpoint<unknown>>;

/** The workspace's members, bots included, in one answer without pages. */
export const members = {
  list: {
    operation: "members_list",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/members/",
    answer: z.array(member),
  },
} satisfies Record<string, Endpoint<unknown>>;

export const invitations = {
  list: {
    operation: "invitations_list",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/invitations/",
    answer: z.array(invitation),
  },
} satisfies Record<string, Endpoint<unknown>>;

/** A project's members, in one answer without pages and without their roles. */
export const projectMembers = {
  list: {
    operation: "project_members_list",
    method: "GET",
    path: "/api/v1/workspaces/:workspace/projects/:project/members/",
    answer: z.array(user),
  },
  add: {
    operation: "project_members_add",
    method: "POST",
    path: "/api/v1/workspaces/:workspace/projects/:project/members/",
    answer: projectMembership,
  },
} satisfies Record<string, Endpoint<unknown>>;
