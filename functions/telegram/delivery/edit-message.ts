import type { Settlement, StoredValue } from "../../../shared/store/port.ts";
import type { EditOutcome, InlineButton } from "../../../shared/telegram/bot.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import { type DeliveryContext, getRetryDelay, retryAfter } from "./context.ts";
import { NO_SEND_ATTEMPT, SEND_ATTEMPT_RETENTION, type SendAttempt, sendAttemptKey } from "./delivery-records.ts";
import { holdChat, type reserveSend } from "./rate-limits.ts";
import { toFailureFields } from "./send-message.ts";

interface EditRequest {
  /** What an earlier try of this job left. */
  attempt: StoredValue<SendAttempt> | undefined;
  messageId: number;
  rich: RichText;
  /** Without them those under the message are taken away. */
  buttons?: InlineButton[][] | undefined;
  /** Whose share of Telegram's limits the call is of. */
  reserve: typeof reserveSend;
  /** For the log. */
  fields: Record<string, unknown>;
  /** Keeps that it was edited. */
  onEdited: () => Promise<Settlement>;
}

/**
 * Lets one message say something else. Done twice it is done once, so nothing is kept before the call. When the message
 * is gone, or the edit will never be taken (perhaps a message is), the next try finds `anew` in its attempt.
 */
export async function editMessage(context: DeliveryContext, request: EditRequest): Promise<Settlement> {
  const { deps, bot, job, chat } = context;
  const { attempt, messageId, rich, buttons, reserve, onEdited } = request;
  const wait = await reserve(deps.store, chat, context.limits);
  if (wait > 0) return retryAfter(context, wait);
  if (!context.isLeaseValid()) return retryAfter(context, 0);
  const outcome = await bot.editMessage(chat, messageId, rich, buttons ? { buttons } : {});
  const fields = { job: job.id, chat: String(chat), messageId, ...request.fields };
  if (outcome.kind === "edited") {
    deps.log.info("telegram message edited", fields);
    return onEdited();
  }
  if (outcome.kind === "gone")
    deps.log.info("telegram message is gone, it is sent anew", { ...fields, reason: outcome.reason });
  else deps.log.warn("telegram message not edited", { ...fields, outcome: outcome.kind, ...toFailureFields(outcome) });
  return isPermanentEditFailure(outcome)
    ? retryWithAttempt(context, attempt, { anew: true }, 0)
    : retryFailedEdit(context, attempt, outcome);
}

type EditFailure = Exclude<EditOutcome, { kind: "edited" }>;

/** This edit will never be taken: the message is gone, or Telegram does not want its text. */
export function isPermanentEditFailure(failure: EditFailure): boolean {
  return failure.kind === "gone" || (failure.kind === "refused" && failure.lasting);
}

/** Comes back later. An edit whose answer never came is made again: done twice it is done once. */
export async function retryFailedEdit(
  context: DeliveryContext,
  attempt: StoredValue<SendAttempt> | undefined,
  failure: EditFailure,
): Promise<Settlement> {
  if (failure.kind === "wait") {
    await holdChat(context.deps.store, context.chat, failure.ms);
    return retryAfter(context, failure.ms);
  }
  const failures = attempt?.value.failures ?? 0;
  return retryWithAttempt(context, attempt, { failures: failures + 1 }, getRetryDelay(failures));
}

/** Comes back after `wait`, knowing what this try has learnt. */
async function retryWithAttempt(
  context: DeliveryContext,
  attempt: StoredValue<SendAttempt> | undefined,
  changes: Partial<SendAttempt>,
  wait: number,
) {
  const key = sendAttemptKey(context.job);
  const value: SendAttempt = { ...(attempt?.value ?? NO_SEND_ATTEMPT), ...changes };
  await context.deps.store.commit({
    expect: [[key, attempt?.rev ?? 0]],
    put: [{ key, value, expires: SEND_ATTEMPT_RETENTION }],
  });
  return retryAfter(context, wait);
}
