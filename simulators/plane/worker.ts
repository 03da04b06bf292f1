import { writeActivities } from "./activities.ts";
import { writeInvitationMail } from "./invitations.ts";
import { writeLinkMetadata } from "./links.ts";
import type { JsonObject, WebhookRow } from "./rows.ts";
import { createWebhookPayloads } from "./webhooks.ts";
import type { WebhookTask } from "./worker-tasks.ts";
import type { PlaneWorld } from "./world.ts";

/** Receives the payload that the worker has created for one webhook. */
export type DeliverWebhook = (webhook: WebhookRow, task: WebhookTask, payload: JsonObject) => void;

/** Runs the oldest task. Returns false when there was none. */
export function runNextTask(world: PlaneWorld, deliver: DeliverWebhook): boolean {
  const task = world.queue.shift();
  if (!task) return false;
  if (task.kind === "activity") writeActivities(world, task);
  else if (task.kind === "crawl") writeLinkMetadata(world, task.link);
  else if (task.kind === "invite") writeInvitationMail(world, task);
  else for (const { webhook, payload } of createWebhookPayloads(world, task)) deliver(webhook, task, payload);
  return true;
}
