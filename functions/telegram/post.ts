import type { Kept, Settlement } from "../../shared/store/port.ts";
import type { Extras, Failure } from "../../shared/telegram/bot.ts";
import type { RichText } from "../../shared/telegram/text.ts";
import { ATTEMPT_KEPT, type Attempt, answersLane, attemptKey, NO_ATTEMPT, toldKey } from "./chat.ts";
import { holdChat, noticeRoom, room, spareRoom } from "./limits.ts";
import { delayAfter, later, type Work } from "./work.ts";

/** A message that is in the chat now. */
export interface Posted {
  rich: RichText;
  messageId: number;
  /** An earlier sending may have arrived too; the message says so. */
  repeat: boolean;
}

interface Posting {
  /** What an earlier try of this job left. */
  attempt: Kept<Attempt> | undefined;
  /** It waits until the others have no use for the room. */
  spare?: true;
  /** For the log. */
  fields: Record<string, unknown>;
  /** The message, marked as a possible repeat or not. */
  compose: (repeat: boolean) => { rich: RichText; extras?: Extras };
  /** Keeps that it was sent: the job's `toldKey` and the end of its attempt among the rest. */
  sent: (posted: Posted) => Promise<Settlement>;
}

/**
 * Sends one message. Before the call an attempt is kept, after it the message with the attempt's end:
 * - ended before the attempt was kept: nothing was sent;
 * - ended between the two: the next try finds the attempt and sends the message marked as a possible repeat;
 * - ended after the second: the next try finds it told.
 * Every commit expects what this try has read, so a process that slept past its lease changes nothing.
 */
export async function post(work: Work, { attempt, spare, fields: more, compose, sent }: Posting): Promise<Settlement> {
  const { deps, bot, job, chat } = work;
  const earlier: Attempt = attempt?.value ?? NO_ATTEMPT;
  const doubtful = earlier.doubtful || earlier.by !== undefined;

  const roomFor = job.lane === answersLane(chat) ? room : spare ? spareRoom : noticeRoom;
  const wait = await roomFor(deps.store, chat, work.limits);
  if (wait > 0) return later(work, wait);
  const begun: Attempt = { ...earlier, by: job.token, doubtful };
  const mine = await deps.store.commit({
    expect: [
      [attemptKey(job), attempt?.rev ?? 0],
      [toldKey(job), 0],
    ],
    put: [{ key: attemptKey(job), value: begun, expires: ATTEMPT_KEPT }],
  });
  if (mine !== "kept") return later(work, 0);
  if (!work.inTime()) return notDone(work, { ...earlier, doubtful }, 0);

  const { rich, extras } = compose(doubtful);
  const outcome = await bot.send(chat, rich, extras);
  const fields = { job: job.id, chat: String(chat), repeat: doubtful, ...more };
  if (outcome.kind === "sent") {
    deps.log.info("telegram message sent", { ...fields, messageId: outcome.messageId });
    return sent({ rich, messageId: outcome.messageId, repeat: doubtful });
  }
  deps.log.warn("telegram message not sent", { ...fields, outcome: outcome.kind, ...why(outcome) });
  if (outcome.kind === "wait") {
    await holdChat(deps.store, chat, outcome.ms);
    return notDone(work, { ...earlier, doubtful }, outcome.ms);
  }
  if (outcome.kind === "refused" && outcome.lasting) {
    await notDone(work, { ...earlier, doubtful, failures: 0 }, 0);
    return { dead: `Telegram refused the message: ${outcome.reason}` };
  }
  const failed = { ...earlier, failures: earlier.failures + 1, doubtful: doubtful || outcome.kind === "unknown" };
  return notDone(work, failed, delayAfter(earlier.failures));
}

/** Keeps what is `left` of this try's attempt, unless another try has begun its own, and comes back after `wait`. */
async function notDone(work: Work, { by: _, ...left }: Attempt, wait: number): Promise<Settlement> {
  const { store } = work.deps;
  const key = attemptKey(work.job);
  const [kept] = await store.read<Attempt>([key]);
  if (kept?.value.by === work.job.token) {
    const value = left.doubtful || left.failures > 0 || left.anew ? left : undefined;
    await store.commit({ expect: [[key, kept.rev]], put: [{ key, value, expires: ATTEMPT_KEPT }] });
  }
  return later(work, wait);
}

export function why(failure: Failure | { kind: "gone"; reason: string }): { reason: string } | { ms: number } {
  return failure.kind === "wait" ? { ms: failure.ms } : { reason: failure.reason };
}
