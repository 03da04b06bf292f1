import type { ActivityRow, Json } from "./rows.ts";
import type { Id } from "./types.ts";

/** Task: write the history of a change of a work item, which changes its `updated_at` once more. */
export interface ActivityTask {
  kind: "activity";
  item: Id;
  actor: Id;
  /** Time of the change in seconds since the epoch. */
  epoch: number;
  rows: NewActivity[];
}
export type NewActivity = Partial<
  Pick<ActivityRow, "old_value" | "new_value" | "old_identifier" | "new_identifier" | "issue_comment">
> &
  Pick<ActivityRow, "verb" | "field" | "comment"> & {
    /** The item whose history gets the entry, if it is not the changed one. */
    issue?: Id;
  };

type EventName = "project" | "issue" | "issue_comment" | "cycle" | "module";
/** Task: create the deliveries of an event. Plane reads the subject's data only when the worker runs it. */
export interface WebhookTask {
  kind: "announce";
  workspace: Id;
  event: EventName;
  verb: "created" | "updated" | "deleted";
  about: Id;
  field: string | null;
  old_value: Json;
  new_value: Json;
  actor: Id;
}
/** Creates the task for an event about a row. `field` and its values are null unless one column was edited. */
export function createWebhookTask(
  event: WebhookTask["event"],
  { id, workspace }: { id: Id; workspace: Id },
  verb: WebhookTask["verb"],
  field: string | null,
  old_value: Json,
  new_value: Json,
  actor: Id,
): WebhookTask {
  return { kind: "announce", workspace, event, verb, about: id, field, old_value, new_value, actor };
}

/** Task: fetch the title of a linked page. */
interface CrawlTask {
  kind: "crawl";
  link: Id;
}
/** Task: send an invitation, which stores its text. */
export interface InviteTask {
  kind: "invite";
  invitation: Id;
  inviter: Id;
}
export type WorkerTask = ActivityTask | WebhookTask | CrawlTask | InviteTask;
