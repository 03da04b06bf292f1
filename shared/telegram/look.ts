import type { Settings } from "../config.ts";
import type { Job } from "../store/port.ts";
import type { Errand } from "../task/events.ts";
import type { Chat } from "./bot.ts";

/** Looks at one task's messages in one chat follow each other and hold up no others. */
export function lookLane(chat: Chat, item: string): string {
  return `telegram:${chat}:live:${item}`;
}

/** The body of the job that brings what messages say of a task up to date: questions, reviews, its progress. */
export function lookBody(item: string, correlation: string) {
  return { do: "look", item, correlation } satisfies Errand;
}

/** @param cause names what happened, once and for all */
export function lookJob(chat: Chat, item: string, cause: string, correlation: string): Job {
  const id = `look:${chat}:${item}:${cause}`;
  return { id, queue: "outbox", lane: lookLane(chat, item), body: lookBody(item, correlation) };
}

/**
 * The job that shows how a task is getting on (NOTIF-07), for the commit that keeps what there is to show; none where
 * nobody wants to see it.
 */
export function progressJobs(
  { telegram, progress }: Pick<Settings, "telegram" | "progress">,
  item: string,
  cause: string,
  correlation: string,
): Job[] {
  return telegram && progress ? [lookJob(telegram.chat, item, cause, correlation)] : [];
}
