import { writeActivities } from "./activities.ts";
import { writeInvitation } from "./invitations.ts";
import { writeCrawled } from "./links.ts";
import type { JsonObject, WebhookRow } from "./rows.ts";
import { payloads } from "./webhooks.ts";
import type { AnnounceTask, World } from "./world.ts";

/** Takes what the worker wrote for one webhook. */
export type Deliver = (webhook: WebhookRow, task: AnnounceTask, payload: JsonObject) => void;

/** Does the oldest task. False when there was none. */
export function work(world: World, deliver: Deliver): boolean {
  const task = world.queue.shift();
  if (!task) return false;
  if (task.kind === "activity") writeActivities(world, task);
  else if (task.kind === "crawl") writeCrawled(world, task.link);
  else if (task.kind === "invite") writeInvitation(world, task);
  else for (const { webhook, payload } of payloads(world, task)) deliver(webhook, task, payload);
  return true;
}
