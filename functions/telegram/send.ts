import type { Kept, Key, Put, Settlement } from "../../shared/store/port.ts";
import type { Failure } from "../../shared/telegram/bot.ts";
import type { RichText } from "../../shared/telegram/text.ts";
import { alsoShown, type ChatMessage, type Delivery, messageKey, messagePut } from "../../shared/why/chat.ts";
import type { Told } from "./burst.ts";
import {
  ATTEMPT_KEPT,
  type Attempt,
  attemptKey,
  BURST_KEPT,
  type Burst,
  chatKey,
  NO_ATTEMPT,
  TOLD_KEPT,
  toldKey,
} from "./chat.ts";
import { holdChat, room } from "./limits.ts";
import { message } from "./messages.ts";
import { commitDone, DONE, delayAfter, later, type Work } from "./work.ts";

interface Sending {
  told: Told;
  correlations: string[];
  /** What an earlier try of this job left. */
  attempt: Kept<Attempt> | undefined;
  /** What is kept of the chat; the message takes its place. */
  burst: Kept<Burst> | undefined;
  /** Store time at which the burst began. */
  since: number;
  /** The message that is gone and sent anew: the new one takes its place in what is kept. */
  anew?: { record: Key; seen: ChatMessage["shown"] };
}

/**
 * Sends one message. Before the call an attempt is kept, after it the message with the attempt's end:
 * - ended before the attempt was kept: nothing was sent;
 * - ended between the two: the next try finds the attempt and sends the message marked as a possible repeat;
 * - ended after the second: the next try finds it told.
 * Every commit expects what this try has read, so a process that slept past its lease changes nothing.
 */
export async function send(work: Work, sending: Sending): Promise<Settlement> {
  const { deps, bot, job, chat, look } = work;
  const { told, attempt, correlations } = sending;
  const earlier: Attempt = attempt?.value ?? NO_ATTEMPT;
  const doubtful = earlier.doubtful || earlier.by !== undefined;

  const wait = await room(deps.store, chat, work.limits);
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

  const shown = message(told, look, doubtful);
  const outcome = await bot.send(chat, shown);
  const fields = { job: job.id, chat: String(chat), notices: told.count, repeat: doubtful, correlations };
  if (outcome.kind === "sent") {
    deps.log.info("telegram message sent", { ...fields, messageId: outcome.messageId });
    return sent(work, sending, shown, outcome.messageId, doubtful);
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

async function sent(
  work: Work,
  sending: Sending,
  rich: RichText,
  messageId: number,
  repeat: boolean,
): Promise<Settlement> {
  const { job, chat, deps } = work;
  const { told, since, anew } = sending;
  const record = anew?.record ?? messageKey(chat, messageId, since);
  const seen = alsoShown(anew?.seen ?? [], told.count, deps.clock());
  const burst: Burst = { messageId, since, told, shown: told.count, repeat, correlations: [], record };
  let rev = sending.burst?.rev ?? 0;
  for (;;) {
    const outcome = await commitDone(work, {
      expect: [
        [chatKey(chat), rev],
        [toldKey(job), 0],
      ],
      put: [
        { key: chatKey(chat), value: burst, expires: BURST_KEPT },
        { key: toldKey(job), value: { in: messageId, record, notice: 1 } satisfies Delivery, expires: TOLD_KEPT },
        asSeen(work, burst, rich, seen),
        { key: attemptKey(job), value: undefined },
      ],
    });
    if (outcome === "kept") return DONE;
    const [done, kept] = await deps.store.read<Burst>([toldKey(job), chatKey(chat)]);
    if (done) return DONE;
    rev = kept?.rev ?? 0;
  }
}

/** The burst's message as people see it now, for the page. */
export function asSeen({ chat }: Work, burst: Burst, rich: RichText, shown: ChatMessage["shown"]): Put {
  const { record, messageId, since, repeat } = burst;
  return messagePut(record, { ...rich, chat: String(chat), messageId, at: since, repeat, shown });
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

export function why(failure: Failure): { reason: string } | { ms: number } {
  return failure.kind === "wait" ? { ms: failure.ms } : { reason: failure.reason };
}
