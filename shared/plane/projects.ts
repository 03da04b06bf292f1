import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { id, listed } from "./schema.ts";
import { time } from "./time.ts";
import { role } from "./users-members.ts";

const project = z.object({
  id,
  workspace: id,
  name: z.string(),
  identifier: z.string(),
  description: z.string(),
  /** Set: the project is archived and lists no items, with status 200. */
  archived_at: time.nullable(),
  /** Whether the key's owner is a member; of other projects Plane shows this row and nothing else. */
  is_member: z.boolean(),
  member_role: role.nullable(),
  module_view: z.boolean(),
  cycle_view: z.boolean(),
  timezone: z.string(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  created_by: id.nullable(),
  created_at: time,
  updated_at: time,
});
export type Project = z.infer<typeof project>;

const summary = z.object({
  id,
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

const all = "/api/v1/workspaces/:workspace/projects/";
const one = `${all}:project/`;

export const projects = {
  list: { operation: "projects_list", method: "GET", path: all, answer: listed(project) },
  get: { operation: "projects_get", method: "GET", path: one, answer: project },
  /** A name or identifier that is taken answers 409, without an id. */
  create: { operation: "projects_create", method: "POST", path: all, answer: project },
  update: { operation: "projects_update", method: "PATCH", path: one, answer: project },
  /** Not on v1.2.x. */
  summary: { operation: "projects_summary", method: "GET", path: `${one}summary/`, answer: summary },
} satisfies Record<string, Endpoint<unknown>>;
