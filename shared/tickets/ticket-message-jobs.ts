import type { Settings } from "../config/settings.ts";
import { createLiveRefreshJob } from "../jobs/outbox-jobs.ts";
import type { Job } from "../store/job-operations.ts";
import { listLiveChats } from "../telegram/live-chats.ts";
import type { Ticket } from "./ticket.ts";

/**
 * Creates the jobs that bring the messages about a ticket up to date, for the commit that changes what they show. Empty
 * when Telegram is not configured.
 * @param cause identifies the change, so that repeating it creates no second job
 */
export function createTicketMessageJobs(
  { telegram, notifications = [] }: Pick<Settings, "telegram" | "notifications">,
  { key, item }: Pick<Ticket, "key" | "item">,
  cause: string,
  correlation: string,
): Job[] {
  if (!telegram) return [];
  const chats = listLiveChats(notifications, telegram.chat);
  return chats.map((chat) => createLiveRefreshJob(chat, item.id, `${key}.${cause}`, correlation));
}
