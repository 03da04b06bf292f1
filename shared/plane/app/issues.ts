import type { Endpoint } from "../client.ts";
import { noContentSchema } from "../schema.ts";

/**
 * The browser's API for edits of a work item, with `state_id`, `assignee_ids` and `label_ids`. On v1.2.x only such an
 * edit sends a webhook.
 */
export const issuesApi = {
  update: {
    operation: "issues_update",
    method: "PATCH",
    path: "/api/workspaces/:workspace/projects/:project/issues/:item/",
    answer: noContentSchema,
  },
} satisfies Record<string, Endpoint<unknown>>;
