import type { Endpoint } from "../client.ts";
import { nothing } from "../schema.ts";

/** A work item as the browser edits it: `state_id`, `assignee_ids`, `label_ids`. On v1.2.x only such an edit sends a webhook. */
export const issues = {
  update: {
    operation: "issues_update",
    method: "PATCH",
    path: "/api/workspaces/:workspace/projects/:project/issues/:item/",
    answer: nothing,
  },
} satisfies Record<string, Endpoint<unknown>>;
