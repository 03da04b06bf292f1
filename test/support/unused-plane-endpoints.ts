/** Endpoints of Plane that were recorded, or that tests need, and that the product does not call. */

import { z } from "zod";
import { formOutcomeSchema, workspacesApi } from "../../shared/plane/app/session.ts";
import {
  createPageSchema,
  get,
  noContentSchema,
  patch,
  planeIdSchema,
  planeTimeSchema,
  post,
  remove,
} from "../../shared/plane/endpoint.ts";
import { planeRoleSchema } from "../../shared/plane/projects.ts";
import { cyclesApi } from "../../shared/plane/work-items.ts";

const workspacePath = "/api/v1/workspaces/:workspace/";
const itemPath = `${workspacePath}projects/:project/work-items/:item/`;
const instancePath = "/api/instances/";
const webhookPath = "/api/workspaces/:workspace/webhooks/:webhook/";

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

const linkSchema = z.object({
  id: planeIdSchema,
  issue: planeIdSchema,
  title: z.string().nullable(),
  url: z.string(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});

const invitationSchema = z.object({
  id: planeIdSchema,
  email: z.string(),
  accepted: z.boolean(),
  role: planeRoleSchema,
});

const tokenSchema = z.object({
  id: planeIdSchema,
  label: z.string(),
  is_active: z.boolean(),
  /** For example `60/min`. */
  allowed_rate_limit: z.string(),
  expired_at: planeTimeSchema.nullable(),
  created_at: planeTimeSchema,
});

const configurationsSchema = z.array(z.object({ key: z.string(), value: z.string().nullable(), category: z.string() }));

export const unusedApi = {
  health: get("instance_health", "/", z.object({ status: z.literal("OK") })),
  invitations: get("invitations_list", `${workspacePath}invitations/`, z.array(invitationSchema)),
  /** Does not exist on v1.2.x. */
  summary: get("projects_summary", `${workspacePath}projects/:project/summary/`, projectSummarySchema),
  search: get("work_items_search", `${workspacePath}work-items/search/`, searchResultSchema),
  removeItem: remove("work_items_remove", itemPath, noContentSchema),
  removeComment: remove("comments_remove", `${itemPath}comments/:comment/`, noContentSchema),
  links: get("links_list", `${itemPath}links/`, createPageSchema(linkSchema)),
  /** Answers 400 for an address that the item already has. */
  createLink: post("links_create", `${itemPath}links/`, linkSchema),
  /** The list of cycles with `query: { cycle_view: "current" }`, which answers without pages. */
  currentCycles: get("cycles_current", cyclesApi.list.path, z.array(cyclesApi.create.answer)),
  updateCycle: patch("cycles_update", `${cyclesApi.list.path}:cycle/`, cyclesApi.create.answer),
  /**
   * The browser's API for edits of a work item, with `state_id`, `assignee_ids` and `label_ids`. On v1.2.x only such an
   * edit sends a webhook.
   */
  updateIssue: patch("issues_update", "/api/workspaces/:workspace/projects/:project/issues/:item/", noContentSchema),
  token: get("api_tokens_get", "/api/users/api-tokens/:token/", tokenSchema),
  workspace: get("workspaces_get", "/api/workspaces/:workspace/", workspacesApi.create.answer),
  webhook: get("webhooks_get", webhookPath, z.object({ id: planeIdSchema, url: z.string(), is_active: z.boolean() })),
  removeWebhook: remove("webhooks_remove", webhookPath, noContentSchema),
  signInAsAdmin: post("instance_admin_sign_in", `${instancePath}admins/sign-in/`, formOutcomeSchema),
  configurations: get("instance_configurations", `${instancePath}configurations/`, configurationsSchema),
  /** Takes `{ KEY: value }`, for example `{ ENABLE_SIGNUP: "0" }`; answers the changed entries. */
  configure: patch("instance_configure", `${instancePath}configurations/`, configurationsSchema),
};
