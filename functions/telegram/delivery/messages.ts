/**
 * The life of one message: reserved within the limits, sent with its attempt stored before the call, recorded, edited,
 * and replaced when Telegram cannot edit it. What Telegram answers decides whether the job is done, waits or fails.
 */

import { sha256Hex } from "../../../shared/hashing.ts";
import { getTexts } from "../../../shared/i18n/texts.ts";
import type { PreparedMessageBody, ReplaceMessageBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Commit, JobResult, Put, StoreKey } from "../../../shared/store/port.ts";
import type { BotFailure, ChatId, InlineButton, MessageExtras } from "../../../shared/telegram/bot.ts";
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
  priority: SendPriority;
  /** Further fields for the log. */
  fields?: Record<string, unknown>;
  /** Renders the message, marked as a possible repeat or not. */
  compose: (repeat: boolean) => { rich: RichText; extras?: MessageExtras };
  /** Records the message in one commit with the job's delivery and the end of its attempt. */
  onSent: (sentMessage: SentMessage) => Promise<JobResult>;
}

/** A message of its own, as opposed to one that notifications share. */
interface SeparateMessage extends Pick<SendRequest, "priority" | "fields"> {
  rich: RichText;
  extras: MessageExtras;
  /** Ends the text of a possible repeat, where the message is not in the chat's language. */
  repeatMark?: string;
  /** Plane's ids of the tasks that it is about. */
  tasks?: readonly string[] | undefined;
  /** The task whose thread it belongs to; what `extras` say of its reply target goes first. */
  threadOf?: string | undefined;
  /** What is committed with the record of the message. */
  createRecord?: (shown: ShownMessage) => Promise<Pick<Commit, "expect" | "put" | "jobs">>;
}

interface EditRequest {
  messageId: number;
  rich: RichText;
  /** Without buttons, Telegram removes those that are under the message. */
  buttons?: InlineButton[][] | undefined;
  priority: SendPriority;
  /** Records the edit and settles the job. */
  onEdited: () => Promise<JobResult>;
  /** Settles the job when the message can never be edited: it no longer exists, or its new text is refused. */
  onPermanentFailure: () => Promise<JobResult>;
}

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
  { priority, fields: ownFields, compose, onSent }: SendRequest,
): Promise<JobResult> {
  const { deps, bot, job, chat, correlation, attempt } = context;
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
  const fields = { job: job.id, chat: String(chat), correlation, repeat: doubtful, ...ownFields };
  if (outcome.kind === "sent") {
    deps.log.info("telegram message sent", { ...fields, messageId: outcome.messageId });
    return onSent({ rich, messageId: outcome.messageId, repeat: doubtful });
  }
  deps.log.warn("telegram message not sent", { ...fields, outcome: outcome.kind, ...toFailureFields(outcome) });
  if (outcome.kind === "wait") return releaseAttempt(context, { ...earlier, isUncertain: doubtful }, outcome.ms);
  if (outcome.kind === "refused" && outcome.lasting) {
    await releaseAttempt(context, { ...earlier, isUncertain: doubtful }, 0);
    return { dead: `Telegram refused the message: ${outcome.reason}` };
  }
  const isUncertain = doubtful || outcome.kind === "unknown";
  return releaseAttempt(context, { ...earlier, isUncertain }, getRetryDelay(job.failures), true);
}

/** Stores what remains of this try's attempt, unless another try has started its own, and retries after `wait`. */
async function releaseAttempt(
  context: DeliveryContext,
  { by: _, ...remaining }: SendAttempt,
  wait: Ms,
  failed = false,
): Promise<JobResult> {
  const { store } = context.deps;
  const key = sendAttemptKey(context.job);
  const [stored] = await store.read<SendAttempt>([key]);
  if (stored?.value.by === context.job.token) {
    const value = remaining.isUncertain || remaining.resend ? remaining : undefined;
    await store.commit({ expect: [[key, stored.rev]], put: [{ key, value, expires: SEND_ATTEMPT_RETENTION }] });
  }
  return retryAfter(context, wait, failed);
}

function toFailureFields(failure: BotFailure | { kind: "gone"; reason: string }): { reason: string } | { ms: number } {
  return failure.kind === "wait" ? { ms: failure.ms } : { reason: failure.reason };
}

/**
 * Sends a message of its own. One commit records it: its text for the page, its number and tasks for replies and edits,
 * that the job is done, and the end of its attempt.
 */
export async function sendSeparateMessage(
  context: DeliveryContext,
  {
    rich,
    extras: ownExtras,
    repeatMark = context.presentation.texts.repeat,
    tasks = [],
    threadOf,
    createRecord,
    ...request
  }: SeparateMessage,
): Promise<JobResult> {
  const { deps, job, chat } = context;
  const thread = await readThread(context, threadOf);
  const extras = { ...thread.extras, ...ownExtras };
  // The clock is read before the call: a failure between the call and its record would make the message a repeat.
  const at = await deps.store.now();
  return sendMessage(context, {
    ...request,
    compose: (repeat) => ({ rich: repeat ? appendRepeatMark(rich, repeatMark) : rich, extras }),
    async onSent(sentMessage) {
      const { messageId, repeat } = sentMessage;
      const record = chatMessageKey(chat, messageId, at);
      const message = { ...sentMessage.rich, chat: String(chat), messageId, at, repeat };
      const viewHash = await hashView({ rich: sentMessage.rich, buttons: extras.buttons });
      const created = await createRecord?.({ messageId, viewHash, repeat });
      const { expect = [], put = [], jobs = [] } = created ?? {};
      await commitWithRetry(context, {
        expect: [[jobDeliveryKey(job), 0], ...expect],
        put: [
          createDeliveryPut(job, { in: messageId, record, notice: 1 }),
          { key: sentMessageKey(chat, messageId), value: { record }, expires: DELIVERY_RETENTION },
          createChatMessagePut(record, {
            ...message,
            ...omitUndefined({ buttons: extras.buttons }),
            history: [[1, deps.clock()]],
          }),
          ...createMessageTasksPuts(chat, messageId, tasks),
          ...thread.createPuts(messageId),
          ...put,
          { key: sendAttemptKey(job), value: undefined },
        ],
        jobs,
      });
      return JOB_DONE;
    },
  });
}

/**
 * What makes a new message about a task part of the task's thread in this chat: it replies to the first message, or is
 * the first one itself. A message about no particular task is in no thread.
 */
export async function readThread({ deps, chat }: DeliveryContext, item: string | undefined) {
  const key = threadKey(chat, item ?? "");
  const [first] = item === undefined ? [] : await deps.store.read<{ messageId: number }>([key]);
  return {
    extras: omitUndefined({ replyTo: first?.value.messageId }),
    createPuts: (messageId: number): Put[] =>
      item === undefined || first ? [] : [{ key, value: { messageId }, expires: THREAD_RETENTION }],
  };
}

const threadKey = (chat: ChatId, item: string): StoreKey => `thread:${chat}:${item}`;

/** Sends a prepared message. Only a send whose answer was lost is repeated, and the repeat is marked. */
export async function sendPreparedMessage(
  context: DeliveryContext,
  { type, answer }: Pick<PreparedMessageBody, "type" | "answer">,
): Promise<JobResult> {
  const { rich, language, tasks, ...extras } = answer;
  const priority = type === "reply" ? "reply" : "notification";
  return sendSeparateMessage(context, {
    ...{ priority, rich, extras, tasks, repeatMark: getTexts(language).telegram.repeat },
  });
}

/**
 * Edits one message. Repeating an edit is harmless, so nothing is recorded before the call, and an edit whose answer
 * never arrived is made again.
 */
export async function editMessage(context: DeliveryContext, request: EditRequest): Promise<JobResult> {
  const { deps, bot, job, chat, correlation } = context;
  const { messageId, rich, buttons, priority, onEdited, onPermanentFailure } = request;
  const turn = await reserveSend(deps.store, chat, context.limits, priority);
  if (turn.wait > 0) return retryAfter(context, turn.wait);
  if (!context.isLeaseValid()) return retryAfter(context, 0);
  const outcome = await bot.editMessage(chat, messageId, rich, buttons ? { buttons } : {});
  await recordSendOutcome(deps.store, chat, turn, outcome);
  const fields = { job: job.id, chat: String(chat), correlation, messageId };
  if (outcome.kind === "edited") {
    // Progress is edited every few seconds.
    deps.log[priority === "background" ? "debug" : "info"]("telegram message edited", fields);
    return onEdited();
  }
  deps.log.warn("telegram message not edited", { ...fields, outcome: outcome.kind, ...toFailureFields(outcome) });
  if (outcome.kind === "wait") return retryAfter(context, outcome.ms);
  if (outcome.kind === "gone" || (outcome.kind === "refused" && outcome.lasting)) return onPermanentFailure();
  return retryAfter(context, getRetryDelay(job.failures), true);
}

/** Records that a message can never be edited, so that the next try of the job sends its text as a new one. */
export async function sendInNextTry(context: DeliveryContext): Promise<JobResult> {
  const { deps, job, attempt } = context;
  const key = sendAttemptKey(job);
  const value: SendAttempt = { ...(attempt?.value ?? NO_SEND_ATTEMPT), resend: true };
  const put = [{ key, value, expires: SEND_ATTEMPT_RETENTION }];
  await deps.store.commit({ expect: [[key, attempt?.rev ?? 0]], put });
  return retryAfter(context, 0);
}

/** What the record of a message that is kept up to date says about it. */
export interface ShownMessage {
  messageId: number;
  /** Hash of what the message shows, so that it is only edited when this changes. */
  viewHash: string;
  /** An earlier send may have arrived too; the message says so. */
  repeat: boolean;
}

/** An update of a message that is kept up to date. */
interface MessageUpdate extends Pick<EditRequest, "rich" | "buttons" | "priority"> {
  shown: ShownMessage;
  /** Store time before which the message is not edited. */
  notBefore?: Ms;
  /** What is committed after the edit, or when the message can never be edited because somebody has deleted it. */
  createRecord: (update: { viewHash: string; isGone: boolean }) => Promise<Pick<Commit, "expect" | "put">>;
}

/** Hashes what a message shows: texts and buttons that are equal have the same hash. */
async function hashView({ rich, buttons = [] }: Pick<EditRequest, "rich" | "buttons">): Promise<string> {
  return (await sha256Hex(JSON.stringify([rich, buttons]))).slice(0, 16);
}

/** Edits a message if it does not show its view yet, and records it. Undefined when it is up to date. */
export async function updateMessage(
  context: DeliveryContext,
  { shown: { messageId, viewHash: shownHash, repeat }, notBefore = 0, createRecord, ...request }: MessageUpdate,
): Promise<JobResult | undefined> {
  const { rich, buttons } = request;
  const view = { rich: repeat ? appendRepeatMark(rich, context.presentation.texts.repeat) : rich, buttons };
  const viewHash = await hashView(view);
  if (viewHash === shownHash) return undefined;
  const wait = notBefore - (await context.deps.store.now());
  if (wait > 0) return retryAfter(context, wait);
  const record = async (isGone: boolean): Promise<JobResult> => {
    const edited = isGone ? [] : (await recordEdit(context, messageId, view)).put;
    const { expect, put = [] } = await createRecord({ viewHash, isGone });
    await commitWithRetry(context, { ...omitUndefined({ expect }), put: [...put, ...edited] });
    return JOB_DONE;
  };
  return editMessage(context, {
    ...request,
    ...view,
    messageId,
    onEdited: () => record(false),
    onPermanentFailure: () => record(true),
  });
}

/** Replaces the text of a message. If the message cannot be edited, the text is sent as a new message. */
export async function replaceMessage(context: DeliveryContext, { show }: ReplaceMessageBody): Promise<JobResult> {
  const { job, attempt } = context;
  const { messageId, isOptional, ...answer } = show;
  if (attempt?.value.resend) return sendPreparedMessage(context, { type: "reply", answer });
  return editMessage(context, {
    ...{ messageId, rich: show.rich, buttons: show.buttons, priority: "reply" },
    async onEdited() {
      const { record, put } = await recordEdit(context, messageId, show);
      await commitWithRetry(context, {
        expect: [[jobDeliveryKey(job), 0]],
        put: [createDeliveryPut(job, { in: messageId, record, notice: 1 }), ...put],
      });
      return JOB_DONE;
    },
    onPermanentFailure: async () => (isOptional ? JOB_DONE : sendInNextTry(context)),
  });
}

/** Updates an edited message in the log of messages, for the dashboard; no put if its record has expired. */
async function recordEdit(
  { deps, chat }: DeliveryContext,
  messageId: number,
  { rich, buttons }: Pick<EditRequest, "rich" | "buttons">,
): Promise<{ record: StoreKey; put: Put[] }> {
  const key = sentMessageKey(chat, messageId);
  const [ref] = await deps.store.read<SentMessageRef>([key]);
  const record = ref?.value.record ?? key;
  const [stored] = ref ? await deps.store.read<ChatMessage>([record]) : [];
  if (!stored) return { record, put: [] };
  const { buttons: _, ...before } = stored.value;
  const history = appendMessageHistory(before.history, 1, deps.clock());
  return {
    record,
    put: [createChatMessagePut(record, { ...before, ...rich, ...omitUndefined({ buttons }), history })],
  };
}
