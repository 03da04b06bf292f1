import type { Settings } from "../config/settings.ts";
import type { Job } from "../store/port.ts";
import type { InternalJob } from "../task/events.ts";
import type { ChatId } from "./bot.ts";

/** Looks at one task's messages in one chat follow each other and hold up no others. */
export function liveRefreshLane(chat: ChatId, item: string): string {
  return `telegram:${chat}:live:${item}`;
}

/** The body of the job that brings what messages say of a task up to date: questions, reviews, its progress. */
export function createLiveRefreshBody(item: string, correlation: string) {
  return { do: "look", item, correlation } satisfies InternalJob;
}

/** @param cause names what happened, once and for all */
export function createLiveRefreshJob(chat: ChatId, item: string, cause: string, correlation: string): Job {
  const id = `look:${chat}:${item}:${cause}`;
  return { id, queue: "outbox", lane: liveRefreshLane(chat, item), body: createLiveRefreshBody(item, correlation) };
}

/**
 * The job that shows how a task is getting on (NOTIF-07), for the commit that keeps what there is to show; none where
 * nobody wants to see it.
 */
export function createProgressJobs(
  { telegram, progress }: Pick<Settings, "telegram" | "progress">,
  item: string,
  cause: string,
  correlation: string,
): Job[] {
  return telegram && progress ? [createLiveRefreshJob(telegram.chat, item, cause, correlation)] : [];
}
