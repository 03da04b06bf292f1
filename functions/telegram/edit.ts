import type { Kept, Settlement } from "../../shared/store/port.ts";
import type { Button, EditOutcome } from "../../shared/telegram/bot.ts";
import type { RichText } from "../../shared/telegram/text.ts";
import { ATTEMPT_KEPT, type Attempt, attemptKey, NO_ATTEMPT } from "./chat.ts";
import { holdChat, type room } from "./limits.ts";
import { why } from "./post.ts";
import { delayAfter, later, type Work } from "./work.ts";

interface Editing {
  /** What an earlier try of this job left. */
  attempt: Kept<Attempt> | undefined;
  messageId: number;
  rich: RichText;
  /** Without them those under the message are taken away. */
  buttons?: Button[][] | undefined;
  /** Whose share of Telegram's limits the call is of. */
  roomFor: typeof room;
  /** For the log. */
  fields: Record<string, unknown>;
  /** Keeps that it was edited. */
  edited: () => Promise<Settlement>;
}

/**
 * Lets one message say something else. Done twice it is done once, so nothing is kept before the call. When the message
 * is gone, or the edit will never be taken (perhaps a message is), the next try finds `anew` in its attempt.
 */
export async function edit(work: Work, editing: Editing): Promise<Settlement> {
  const { deps, bot, job, chat } = work;
  const { attempt, messageId, rich, buttons, roomFor, edited } = editing;
  const wait = await roomFor(deps.store, chat, work.limits);
  if (wait > 0) return later(work, wait);
  if (!work.inTime()) return later(work, 0);
  const outcome = await bot.edit(chat, messageId, rich, buttons ? { buttons } : {});
  const fields = { job: job.id, chat: String(chat), messageId, ...editing.fields };
  if (outcome.kind === "edited") {
    deps.log.info("telegram message edited", fields);
    return edited();
  }
  if (outcome.kind === "gone")
    deps.log.info("telegram message is gone, it is sent anew", { ...fields, reason: outcome.reason });
  else deps.log.warn("telegram message not edited", { ...fields, outcome: outcome.kind, ...why(outcome) });
  return isLasting(outcome) ? again(work, attempt, { anew: true }, 0) : afterFailure(work, attempt, outcome);
}

type EditFailure = Exclude<EditOutcome, { kind: "edited" }>;

/** This edit will never be taken: the message is gone, or Telegram does not want its text. */
export function isLasting(failure: EditFailure): boolean {
  return failure.kind === "gone" || (failure.kind === "refused" && failure.lasting);
}

/** Comes back later. An edit whose answer never came is made again: done twice it is done once. */
export async function afterFailure(
  work: Work,
  attempt: Kept<Attempt> | undefined,
  failure: EditFailure,
): Promise<Settlement> {
  if (failure.kind === "wait") {
    await holdChat(work.deps.store, work.chat, failure.ms);
    return later(work, failure.ms);
  }
  const failures = attempt?.value.failures ?? 0;
  return again(work, attempt, { failures: failures + 1 }, delayAfter(failures));
}

/** Comes back after `wait`, knowing what this try has learnt. */
async function again(work: Work, attempt: Kept<Attempt> | undefined, learnt: Partial<Attempt>, wait: number) {
  const key = attemptKey(work.job);
  const value: Attempt = { ...(attempt?.value ?? NO_ATTEMPT), ...learnt };
  await work.deps.store.commit({ expect: [[key, attempt?.rev ?? 0]], put: [{ key, value, expires: ATTEMPT_KEPT }] });
  return later(work, wait);
}
