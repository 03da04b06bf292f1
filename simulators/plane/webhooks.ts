import { createHmac } from "node:crypto";
import { renderComment } from "./comments.ts";
import { renderCycle } from "./cycles.ts";
import { renderModule } from "./modules.ts";
import { renderUserLiteById } from "./people.ts";
import { renderWebhookItem } from "./render-item.ts";
import { renderProject } from "./render-project.ts";
import { formatUtc } from "./render-row.ts";
import type { JsonObject, WebhookRow } from "./rows.ts";
import type { Id } from "./types.ts";
import type { WebhookTask } from "./worker-tasks.ts";
import { createRow, type PlaneWorld, toHex } from "./world.ts";

export interface NewWebhook {
  url: string;
  project?: boolean;
  issue?: boolean;
  module?: boolean;
  cycle?: boolean;
  issue_comment?: boolean;
  is_active?: boolean;
}

export const createWebhookSecret = (world: PlaneWorld): string => `plane_wh_${toHex(world.newId())}`;

export function createWebhook(world: PlaneWorld, workspace: Id, webhook: NewWebhook, by: Id | null): WebhookRow {
  const row: WebhookRow = {
    ...createRow(world, by),
    workspace,
    url: webhook.url,
    secret_key: createWebhookSecret(world),
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

export const listWebhooks = (world: PlaneWorld, workspace: Id): WebhookRow[] =>
  [...world.data.webhooks.values()].filter((row) => row.workspace === workspace);

/** Renders the current data of the event's subject; undefined when it was deleted. */
function renderSubject(world: PlaneWorld, task: WebhookTask): JsonObject | undefined {
  const { data } = world;
  const { about } = task;
  if (task.verb === "deleted") return { id: about };
  if (task.event === "project") {
    const row = data.projects.get(about);
    return row && renderProject(row, formatUtc);
  }
  if (task.event === "issue") {
    const row = data.items.get(about);
    return row && renderWebhookItem(world, row, formatUtc);
  }
  if (task.event === "issue_comment") {
    const row = data.comments.get(about);
    return row && renderComment(world, row, formatUtc);
  }
  if (task.event === "cycle") {
    const row = data.cycles.get(about);
    return row && renderCycle(world, row, formatUtc);
  }
  const row = data.modules.get(about);
  return row && renderModule(world, row, formatUtc);
}

/** Creates one payload per webhook with this event; none when the subject was deleted before the worker ran. */
export function createWebhookPayloads(
  world: PlaneWorld,
  task: WebhookTask,
): { webhook: WebhookRow; payload: JsonObject }[] {
  const subscribers = listWebhooks(world, task.workspace).filter((row) => row.is_active && row[task.event]);
  const data = subscribers.length > 0 ? renderSubject(world, task) : undefined;
  if (!data) return [];
  const activity = {
    field: task.field,
    new_value: task.new_value,
    old_value: task.old_value,
    actor: renderUserLiteById(world, task.actor),
    old_identifier: null,
    new_identifier: null,
  };
  return subscribers.map((webhook) => ({
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

/** Signs a body: HMAC-SHA256 in lower-case hex. */
export const signWebhook = (secret: string, body: string): string =>
  createHmac("sha256", secret).update(body).digest("hex");
