import type { Settings } from "../config/settings.ts";
import type { Job } from "../store/port.ts";
import type { InternalJob } from "../task/events.ts";
import type { ChatId } from "./bot.ts";

/** Lane of one task's refreshes in one chat: they run in order and delay no others. */
export function liveRefreshLane(chat: ChatId, item: string): string {
  return `telegram:${chat}:live:${item}`;
}

/** Creates the body of the job that refreshes a task's live messages: questions, reviews and progress. */
export function createLiveRefreshBody(item: string, correlation: string) {
  return { do: "look", item, correlation } satisfies InternalJob;
}

/** @param cause unique name of what happened, so that the same cause creates the job once */
export function createLiveRefreshJob(chat: ChatId, item: string, cause: string, correlation: string): Job {
  const id = `look:${chat}:${item}:${cause}`;
  return { id, queue: "outbox", lane: liveRefreshLane(chat, item), body: createLiveRefreshBody(item, correlation) };
}

/**
 * Creates the job that shows a task's progress (NOTIF-07), to be committed with the progress itself. Empty if progress
 * messages are turned off.
 */
export function createProgressJobs(
  { telegram, progress }: Pick<Settings, "telegram" | "progress">,
  item: string,
  cause: string,
  correlation: string,
): Job[] {
  return telegram && progress ? [createLiveRefreshJob(telegram.chat, item, cause, correlation)] : [];
}
