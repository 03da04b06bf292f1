import type { Settlement } from "../../../shared/store/job-operations.ts";
import type { StoredValue } from "../../../shared/store/port.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import type { BotFailure, MessageExtras } from "../../../shared/telegram/telegram-bot.ts";
import { type DeliveryContext, getRetryDelay, retryAfter } from "./context.ts";
import {
  jobDeliveryKey,
  NO_SEND_ATTEMPT,
  SEND_ATTEMPT_RETENTION,
  type SendAttempt,
  sendAttemptKey,
} from "./delivery-records.ts";
import { recordSendOutcome, reserveSend, type SendPriority } from "./rate-limits.ts";

/** A message that was just sent. */
export interface SentMessage {
  rich: RichText;
  messageId: number;
  /** An earlier send may have arrived too; the message says so. */
  repeat: boolean;
}

interface SendRequest {
  /** The stored attempt of an earlier try of this job. */
  attempt: StoredValue<SendAttempt> | undefined;
  priority: SendPriority;
  /** Fields for the log. */
  fields: Record<string, unknown>;
  /** Renders the message, marked as a possible repeat or not. */
  compose: (repeat: boolean) => { rich: RichText; extras?: MessageExtras };
  /** Records the message in one commit with the job's delivery and the end of its attempt. */
  onSent: (sentMessage: SentMessage) => Promise<Settlement>;
}

/**
 * Sends one message. It records an attempt before the call, and the message together with the attempt's end after it.
 * If the process dies
 * - before the attempt is recorded, nothing was sent;
 * - between the two, the next try finds the attempt and sends the message marked as a possible repeat;
 * - after the second, the next try finds the delivery and does nothing.
 * Every commit expects the revisions this try has read, so a process that was frozen past its lease changes nothing.
 */
export async function sendMessage(
  context: DeliveryContext,
  { attempt, priority, fields: logFields, compose, onSent }: SendRequest,
): Promise<Settlement> {
  const { deps, bot, job, chat } = context;
  const earlier: SendAttempt = attempt?.value ?? NO_SEND_ATTEMPT;
  const doubtful = earlier.doubtful || earlier.by !== undefined;

  const turn = await reserveSend(deps.store, chat, context.limits, priority);
  if (turn.wait > 0) return retryAfter(context, turn.wait);
  const startedAttempt: SendAttempt = { ...earlier, by: job.token, doubtful };
  const commitResult = await deps.store.commit({
    expect: [
      [sendAttemptKey(job), attempt?.rev ?? 0],
      [jobDeliveryKey(job), 0],
    ],
    put: [{ key: sendAttemptKey(job), value: startedAttempt, expires: SEND_ATTEMPT_RETENTION }],
  });
  if (commitResult !== "kept") return retryAfter(context, 0);
  if (!context.isLeaseValid()) return releaseAttempt(context, { ...earlier, doubtful }, 0);

  const { rich, extras } = compose(doubtful);
  const outcome = await bot.sendMessage(chat, rich, extras);
  await recordSendOutcome(deps.store, chat, turn, outcome);
  const fields = { job: job.id, chat: String(chat), repeat: doubtful, ...logFields };
  if (outcome.kind === "sent") {
    deps.log.info("telegram message sent", { ...fields, messageId: outcome.messageId });
    return onSent({ rich, messageId: outcome.messageId, repeat: doubtful });
  }
  deps.log.warn("telegram message not sent", { ...fields, outcome: outcome.kind, ...toFailureFields(outcome) });
  if (outcome.kind === "wait") return releaseAttempt(context, { ...earlier, doubtful }, outcome.ms);
  if (outcome.kind === "refused" && outcome.lasting) {
    await releaseAttempt(context, { ...earlier, doubtful, failures: 0 }, 0);
    return { dead: `Telegram refused the message: ${outcome.reason}` };
  }
  const failedAttempt = {
    ...earlier,
    failures: earlier.failures + 1,
    doubtful: doubtful || outcome.kind === "unknown",
  };
  return releaseAttempt(context, failedAttempt, getRetryDelay(earlier.failures));
}

/** Stores what remains of this try's attempt, unless another try has started its own, and retries after `wait`. */
async function releaseAttempt(
  context: DeliveryContext,
  { by: _, ...remaining }: SendAttempt,
  wait: number,
): Promise<Settlement> {
  const { store } = context.deps;
  const key = sendAttemptKey(context.job);
  const [stored] = await store.read<SendAttempt>([key]);
  if (stored?.value.by === context.job.token) {
    const value = remaining.doubtful || remaining.failures > 0 || remaining.anew ? remaining : undefined;
    await store.commit({ expect: [[key, stored.rev]], put: [{ key, value, expires: SEND_ATTEMPT_RETENTION }] });
  }
  return retryAfter(context, wait);
}

export function toFailureFields(
  failure: BotFailure | { kind: "gone"; reason: string },
): { reason: string } | { ms: number } {
  return failure.kind === "wait" ? { ms: failure.ms } : { reason: failure.reason };
}
