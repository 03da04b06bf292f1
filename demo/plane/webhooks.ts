import { createHmac } from "node:crypto";
import { showComment } from "./comments.ts";
import { showCycle } from "./cycles.ts";
import { showItemInWebhook } from "./item-show.ts";
import { showModule } from "./modules.ts";
import { showUserLiteById } from "./people.ts";
import { showProject } from "./projects.ts";
import type { JsonObject, WebhookRow } from "./rows.ts";
import { inUtc } from "./show.ts";
import type { Id } from "./types.ts";
import { type AnnounceTask, hexOf, newRow, type World } from "./world.ts";

export interface NewWebhook {
  url: string;
  project?: boolean;
  issue?: boolean;
  module?: boolean;
  cycle?: boolean;
  issue_comment?: boolean;
  is_active?: boolean;
}

export const newSecret = (world: World): string => `plane_wh_${hexOf(world.newId())}`;

export function createWebhook(world: World, workspace: Id, webhook: NewWebhook, by: Id | null): WebhookRow {
  const row: WebhookRow = {
    ...newRow(world, by),
    workspace,
    url: webhook.url,
    secret_key: newSecret(world),
    is_active: webhook.is_active ?? true,
    project: webhook.project ?? false,
    issue: webhook.issue ?? false,
    module: webhook.module ?? false,
    cycle: webhook.cycle ?? false,
    issue_comment: webhook.issue_comment ?? false,
  };
  world.data.webhooks.set(row.id, row);
  return row;
}

export const webhooksOf = (world: World, workspace: Id): WebhookRow[] =>
  [...world.data.webhooks.values()].filter((row) => row.workspace === workspace);

/** What the event is about, as it is now; undefined when it is gone. */
function readSubject(world: World, task: AnnounceTask): JsonObject | undefined {
  const { data } = world;
  const { about } = task;
  if (task.verb === "deleted") return { id: about };
  if (task.event === "project") {
    const row = data.projects.get(about);
    return row && showProject(row, inUtc);
  }
  if (task.event === "issue") {
    const row = data.items.get(about);
    return row && showItemInWebhook(world, row, inUtc);
  }
  if (task.event === "issue_comment") {
    const row = data.comments.get(about);
    return row && showComment(world, row, inUtc);
  }
  if (task.event === "cycle") {
    const row = data.cycles.get(about);
    return row && showCycle(world, row, inUtc);
  }
  const row = data.modules.get(about);
  return row && showModule(world, row, inUtc);
}

/** One payload per webhook that wants this event; none when its subject was deleted before the worker got to it. */
export function payloads(world: World, task: AnnounceTask): { webhook: WebhookRow; payload: JsonObject }[] {
  const wanting = webhooksOf(world, task.workspace).filter((row) => row.is_active && row[task.event]);
  const data = wanting.length > 0 ? readSubject(world, task) : undefined;
  if (!data) return [];
  const activity = {
    field: task.field,
    new_value: task.new_value,
    old_value: task.old_value,
    actor: showUserLiteById(world, task.actor),
    old_identifier: null,
    new_identifier: null,
  };
  return wanting.map((webhook) => ({
    webhook,
    payload: {
      event: task.event,
      action: task.verb,
      webhook_id: webhook.id,
      workspace_id: task.workspace,
      data,
      activity,
    },
  }));
}

/** Lower-case hex HMAC-SHA256 of the body. */
export const signature = (secret: string, body: string): string =>
  createHmac("sha256", secret).update(body).digest("hex");
