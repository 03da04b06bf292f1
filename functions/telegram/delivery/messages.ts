/**
 * The life of one message: reserved within the limits, sent with its attempt stored before the call, recorded, edited,
 * and replaced when Telegram cannot edit it. What Telegram answers decides whether the job is done, waits or fails.
 */

import { getTexts } from "../../../shared/i18n/texts.ts";
import type { PreparedMessageBody, ReplaceMessageBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { JobResult, Put, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import type { BotFailure, ChatId, EditOutcome, InlineButton, MessageExtras } from "../../../shared/telegram/bot.ts";
import {
  appendMessageHistory,
  type ChatMessage,
  chatMessageKey,
  createChatMessagePut,
  createMessageTasksPuts,
  type SentMessageRef,
  sentMessageKey,
} from "../../../shared/telegram/message-log.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import { appendRepeatMark } from "../presentation/presentation.ts";
import {
  commitWithRetry,
  createDeliveryPut,
  DELIVERY_RETENTION,
  type DeliveryContext,
  getRetryDelay,
  JOB_DONE,
  jobDeliveryKey,
  NO_SEND_ATTEMPT,
  retryAfter,
  SEND_ATTEMPT_RETENTION,
  type SendAttempt,
  sendAttemptKey,
} from "./context.ts";
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
  onSent: (sentMessage: SentMessage) => Promise<JobResult>;
}

interface ThreadRecord {
  messageId: number;
}

/** What makes a new message about a task part of the task's thread in this chat. */
export interface MessageThread {
  /** Part of the new message's `MessageExtras`. */
  extras: { replyTo?: number; topic?: number };
  /** Starts the thread with the new message, where there is none yet. */
  createPuts: (messageId: number) => Put[];
}

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
  onEdited: () => Promise<JobResult>;
  /** Settles the job when the message can never be edited. Without it, the next try finds `anew` in its attempt. */
  onPermanentFailure?: () => Promise<JobResult>;
}

type EditFailure = Exclude<EditOutcome, { kind: "edited" }>;

/** Retention for a task's thread: 7 days. Until then, new messages about a task reply to its first one. */
const THREAD_RETENTION: Ms = 7 * DAY;

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
): Promise<JobResult> {
  const { deps, bot, job, chat } = context;
  const earlier: SendAttempt = attempt?.value ?? NO_SEND_ATTEMPT;
  const doubtful = earlier.isUncertain || earlier.by !== undefined;

  const turn = await reserveSend(deps.store, chat, context.limits, priority);
  if (turn.wait > 0) return retryAfter(context, turn.wait);
  const startedAttempt: SendAttempt = { ...earlier, by: job.token, isUncertain: doubtful };
  const commitResult = await deps.store.commit({
    expect: [
      [sendAttemptKey(job), attempt?.rev ?? 0],
      [jobDeliveryKey(job), 0],
    ],
    put: [{ key: sendAttemptKey(job), value: startedAttempt, expires: SEND_ATTEMPT_RETENTION }],
  });
  if (commitResult !== "committed") return retryAfter(context, 0);
  if (!context.isLeaseValid()) return releaseAttempt(context, { ...earlier, isUncertain: doubtful }, 0);

  const { rich, extras } = compose(doubtful);
  const outcome = await bot.sendMessage(chat, rich, extras);
  await recordSendOutcome(deps.store, chat, turn, outcome);
  const fields = { job: job.id, chat: String(chat), repeat: doubtful, ...logFields };
  if (outcome.kind === "sent") {
    deps.log.info("telegram message sent", { ...fields, messageId: outcome.messageId });
    return onSent({ rich, messageId: outcome.messageId, repeat: doubtful });
  }
  deps.log.warn("telegram message not sent", { ...fields, outcome: outcome.kind, ...toFailureFields(outcome) });
  if (outcome.kind === "wait") return releaseAttempt(context, { ...earlier, isUncertain: doubtful }, outcome.ms);
  if (outcome.kind === "refused" && outcome.lasting) {
    await releaseAttempt(context, { ...earlier, isUncertain: doubtful, failures: 0 }, 0);
    return { dead: `Telegram refused the message: ${outcome.reason}` };
  }
  const failedAttempt = {
    ...earlier,
    failures: earlier.failures + 1,
    isUncertain: doubtful || outcome.kind === "unknown",
  };
  return releaseAttempt(context, failedAttempt, getRetryDelay(earlier.failures));
}

/** Stores what remains of this try's attempt, unless another try has started its own, and retries after `wait`. */
async function releaseAttempt(
  context: DeliveryContext,
  { by: _, ...remaining }: SendAttempt,
  wait: number,
): Promise<JobResult> {
  const { store } = context.deps;
  const key = sendAttemptKey(context.job);
  const [stored] = await store.read<SendAttempt>([key]);
  if (stored?.value.by === context.job.token) {
    const value = remaining.isUncertain || remaining.failures > 0 || remaining.resend ? remaining : undefined;
    await store.commit({ expect: [[key, stored.rev]], put: [{ key, value, expires: SEND_ATTEMPT_RETENTION }] });
  }
  return retryAfter(context, wait);
}

function toFailureFields(failure: BotFailure | { kind: "gone"; reason: string }): { reason: string } | { ms: number } {
  return failure.kind === "wait" ? { ms: failure.ms } : { reason: failure.reason };
}

/**
 * Records a separate message that was just sent: its text for the page, its number and tasks for replies and edits, and
 * the end of the job's attempt.
 * @param at store time that is part of the message's key and determines its place in the list
 */
export function createSentMessagePuts(
  { deps, job, chat }: DeliveryContext,
  { rich, messageId, repeat }: SentMessage,
  at: Ms,
  { buttons, tasks = [] }: { buttons?: InlineButton[][] | undefined; tasks?: readonly string[] | undefined } = {},
): Put[] {
  const record = chatMessageKey(chat, messageId, at);
  const shown: [number, Ms][] = [[1, deps.clock()]];
  return [
    { key: sentMessageKey(chat, messageId), value: { record } satisfies SentMessageRef, expires: DELIVERY_RETENTION },
    createChatMessagePut(record, {
      ...rich,
      ...omitUndefined({ buttons }),
      chat: String(chat),
      messageId,
      at,
      repeat,
      history: shown,
    }),
    ...createMessageTasksPuts(chat, messageId, tasks),
    { key: sendAttemptKey(job), value: undefined },
  ];
}

/** Records that the job is done: its message is in the chat and must not be sent again. */
export function createSentDeliveryPut({ job, chat }: DeliveryContext, messageId: number, at: Ms): Put {
  return createDeliveryPut(job, { in: messageId, record: chatMessageKey(chat, messageId, at), notice: 1 });
}

/** A message about no particular task is in no thread. */
export async function readThread({ deps, chat }: DeliveryContext, item: string | undefined): Promise<MessageThread> {
  if (item === undefined) return { extras: {}, createPuts: () => [] };
  const key = threadKey(chat, item);
  const [first] = await deps.store.read<ThreadRecord>([key]);
  if (first) return { extras: { replyTo: first.value.messageId }, createPuts: () => [] };
  return {
    extras: {},
    createPuts: (messageId) => [{ key, value: { messageId } satisfies ThreadRecord, expires: THREAD_RETENTION }],
  };
}

const threadKey = (chat: ChatId, item: string): StoreKey => `thread:${chat}:${item}`;

/** Sends a prepared message. Only a send whose answer was lost is repeated, and the repeat is marked. */
export async function sendPreparedMessage(context: DeliveryContext, body: PreparedMessageBody): Promise<JobResult> {
  const { store } = context.deps;
  const { answer: message, correlation } = body;
  const [delivered] = await store.read([jobDeliveryKey(context.job)]);
  if (delivered) return JOB_DONE;
  const [attempt] = await store.read<SendAttempt>([sendAttemptKey(context.job)]);
  // The clock is read before the call: a failure between the call and its record would make the message a repeat.
  const at = await store.now();
  const { buttons, replyTo, topic, silent } = message;
  const extras = omitUndefined({ buttons, replyTo, silent });
  return sendMessage(context, {
    attempt,
    priority: body.type === "reply" ? "reply" : "notification",
    fields: { correlation },
    compose: (repeat) => ({
      rich: repeat ? appendRepeatMark(message.rich, getTexts(message.language).telegram.repeat) : message.rich,
      extras: { ...extras, ...omitUndefined({ topic }) },
    }),
    onSent: (sentMessage) => recordPreparedMessage(context, body, sentMessage, at),
  });
}

async function recordPreparedMessage(
  context: DeliveryContext,
  { answer: { buttons, tasks } }: PreparedMessageBody,
  sentMessage: SentMessage,
  at: Ms,
): Promise<JobResult> {
  await commitWithRetry(context, {
    expect: [[jobDeliveryKey(context.job), 0]],
    put: [
      createSentDeliveryPut(context, sentMessage.messageId, at),
      ...createSentMessagePuts(context, sentMessage, at, { buttons, tasks }),
    ],
  });
  return JOB_DONE;
}

/**
 * Edits one message. Repeating an edit is harmless, so nothing is recorded before the call, and an edit whose answer
 * never arrived is made again.
 */
export async function editMessage(context: DeliveryContext, request: EditRequest): Promise<JobResult> {
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
    ? retryWithAttempt(context, attempt, { resend: true }, 0)
    : retryTemporaryFailure(context, attempt, outcome);
}

/** Telegram will never accept this edit: the message no longer exists, or its new text is refused. */
function isPermanentFailure(failure: EditFailure): boolean {
  return failure.kind === "gone" || (failure.kind === "refused" && failure.lasting);
}

async function readAttempt({ deps, job }: DeliveryContext): Promise<StoredValue<SendAttempt> | undefined> {
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  return attempt;
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

async function retryTemporaryFailure(
  context: DeliveryContext,
  attempt: StoredValue<SendAttempt> | undefined,
  failure: EditFailure,
): Promise<JobResult> {
  if (failure.kind === "wait") return retryAfter(context, failure.ms);
  const failures = attempt?.value.failures ?? 0;
  return retryWithAttempt(context, attempt, { failures: failures + 1 }, getRetryDelay(failures));
}

/** Replaces the text of a message. If the message cannot be edited, the text is sent as a new message. */
export async function replaceMessage(context: DeliveryContext, body: ReplaceMessageBody): Promise<JobResult> {
  const { deps, job } = context;
  const { messageId, rich, buttons, topic, language } = body.show;
  const [delivered] = await deps.store.read([jobDeliveryKey(job)]);
  if (delivered) return JOB_DONE;
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  if (attempt?.value.resend) {
    const message = { rich, language, ...omitUndefined({ buttons, topic }) };
    const { chat, correlation } = body;
    return sendPreparedMessage(context, { type: "reply", chat, answer: message, correlation });
  }
  return editMessage(context, {
    attempt,
    messageId,
    rich,
    buttons,
    priority: "reply",
    fields: { correlation: body.correlation },
    onEdited: () => recordReplacement(context, body),
  });
}

/** Records that the job is done, and the message as people see it now. */
async function recordReplacement(
  context: DeliveryContext,
  { show: { messageId, rich, buttons } }: ReplaceMessageBody,
): Promise<JobResult> {
  const { deps, job, chat } = context;
  const [sentRecord] = await deps.store.read<SentMessageRef>([sentMessageKey(chat, messageId)]);
  const record = sentRecord?.value.record ?? sentMessageKey(chat, messageId);
  const [stored] = await deps.store.read<ChatMessage>([record]);
  const put = [
    createDeliveryPut(job, { in: messageId, record, notice: 1 }),
    { key: sendAttemptKey(job), value: undefined },
  ];
  const updated = sentRecord && stored && updateChatMessage(stored.value, rich, buttons, deps.clock());
  await commitWithRetry(context, {
    expect: [[jobDeliveryKey(job), 0]],
    put: updated ? [...put, createChatMessagePut(record, updated)] : put,
  });
  return JOB_DONE;
}

function updateChatMessage(
  { buttons: _, ...before }: ChatMessage,
  rich: RichText,
  buttons: InlineButton[][] | undefined,
  at: Ms,
): ChatMessage {
  const [notificationCount = 1] = before.history.at(-1) ?? [];
  return {
    ...before,
    ...rich,
    ...omitUndefined({ buttons }),
    history: appendMessageHistory(before.history, notificationCount, at),
  };
}
