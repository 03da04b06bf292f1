import type { Settlement } from "../../../shared/store/job-operations.ts";
import type { StoredValue } from "../../../shared/store/port.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import type { EditOutcome, InlineButton } from "../../../shared/telegram/telegram-bot.ts";
import { type DeliveryContext, getRetryDelay, retryAfter } from "./context.ts";
import { NO_SEND_ATTEMPT, SEND_ATTEMPT_RETENTION, type SendAttempt, sendAttemptKey } from "./delivery-records.ts";
import { recordSendOutcome, reserveSend, type SendPriority } from "./rate-limits.ts";
import { toFailureFields } from "./send-message.ts";

interface EditRequest {
  /** The stored attempt of this job, or "unread": then it is read only if the edit fails. */
  attempt: StoredValue<SendAttempt> | undefined | "unread";
  messageId: number;
  rich: RichText;
  /** Without buttons, Telegram removes those that are under the message. */
  buttons?: InlineButton[][] | undefined;
  priority: SendPriority;
  /** Fields for the log, besides job, chat and message. */
  fields: Record<string, unknown>;
  /** How a successful edit is logged. Frequent edits are logged at level debug. */
  successLog?: { level: "info" | "debug"; message: string };
  /** Records the edit and settles the job. */
  onEdited: () => Promise<Settlement>;
  /** Settles the job when the message can never be edited. Without it, the next try finds `anew` in its attempt. */
  onPermanentFailure?: () => Promise<Settlement>;
}

/**
 * Edits one message. Repeating an edit is harmless, so nothing is recorded before the call, and an edit whose answer
 * never arrived is made again.
 */
export async function editMessage(context: DeliveryContext, request: EditRequest): Promise<Settlement> {
  const { deps, bot, job, chat } = context;
  const { messageId, rich, buttons, onEdited, onPermanentFailure } = request;
  const { level, message } = request.successLog ?? { level: "info", message: "telegram message edited" };
  const turn = await reserveSend(deps.store, chat, context.limits, request.priority);
  if (turn.wait > 0) return retryAfter(context, turn.wait);
  if (!context.isLeaseValid()) return retryAfter(context, 0);
  const outcome = await bot.editMessage(chat, messageId, rich, buttons ? { buttons } : {});
  await recordSendOutcome(deps.store, chat, turn, outcome);
  const fields = { job: job.id, chat: String(chat), messageId, ...request.fields };
  if (outcome.kind === "edited") {
    deps.log[level](message, fields);
    return onEdited();
  }
  if (outcome.kind === "gone" && !onPermanentFailure)
    deps.log.info("telegram message is gone, sending it again", { ...fields, reason: outcome.reason });
  else deps.log.warn("telegram message not edited", { ...fields, outcome: outcome.kind, ...toFailureFields(outcome) });

  const isPermanent = isPermanentFailure(outcome);
  if (isPermanent && onPermanentFailure) return onPermanentFailure();
  const attempt = request.attempt === "unread" ? await readAttempt(context) : request.attempt;
  return isPermanent
    ? retryWithAttempt(context, attempt, { anew: true }, 0)
    : retryTemporaryFailure(context, attempt, outcome);
}

type EditFailure = Exclude<EditOutcome, { kind: "edited" }>;

/** Telegram will never accept this edit: the message no longer exists, or its new text is refused. */
function isPermanentFailure(failure: EditFailure): boolean {
  return failure.kind === "gone" || (failure.kind === "refused" && failure.lasting);
}

async function readAttempt({ deps, job }: DeliveryContext): Promise<StoredValue<SendAttempt> | undefined> {
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  return attempt;
}

async function retryTemporaryFailure(
  context: DeliveryContext,
  attempt: StoredValue<SendAttempt> | undefined,
  failure: EditFailure,
): Promise<Settlement> {
  if (failure.kind === "wait") return retryAfter(context, failure.ms);
  const failures = attempt?.value.failures ?? 0;
  return retryWithAttempt(context, attempt, { failures: failures + 1 }, getRetryDelay(failures));
}

/** Retries after `wait` with the attempt updated by what this try has learnt. */
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
