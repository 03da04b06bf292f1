/** Sends a message that stays up to date, and edits it when what it shows has changed. */

import { createLiveRefreshJob, type LiveRefreshBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { JobResult, StoredRow } from "../../../shared/store/port.ts";
import type { ActionBody } from "../../../shared/task/rule-set.ts";
import { findQuestion } from "../../../shared/tasks/people/questions.ts";
import { findPlanRun } from "../../../shared/tasks/plan-record.ts";
import { findWish, type WishMessage } from "../../../shared/tasks/wishes.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import {
  commitWithRetry,
  type DeliveryContext,
  JOB_DONE,
  readDeliveryState,
  retryAfter,
  sendAttemptKey,
} from "../delivery/context.ts";
import { editMessage, type MessageThread, readThread, recordEdit, sendSeparateMessage } from "../delivery/messages.ts";
import { LIVE_KINDS, renderLiveMessage } from "./live-kinds.ts";
import {
  createLiveMessagePut,
  hashView,
  type LiveEvent,
  type LiveMessage,
  type MessageSubject,
  type MessageView,
  parseMessageId,
  readLiveMessages,
  toButtonExtras,
} from "./live-message.ts";
import { updateProgressMessage } from "./progress.ts";
import { findSendDelay, isSameWait } from "./ticket-waits.ts";

/** Sends a question, review, plan or what a ticket waits for as a separate message, never grouped, that waits for an answer or a decision. */
export async function sendLiveMessage(
  context: DeliveryContext,
  { event, facts, correlation }: ActionBody & { event: LiveEvent },
): Promise<JobResult> {
  const { deps, chat } = context;
  const { isDelivered, attempt } = await readDeliveryState(context);
  if (isDelivered) return JOB_DONE;
  const { item } = facts;
  const task = item && { id: item.id, key: item.key, title: item.title, url: item.url };
  const liveMessage = await LIVE_KINDS[event.kind].createMessage(context, event, task);
  if (!liveMessage) return JOB_DONE;
  const view = await renderLiveMessage(context, liveMessage);
  if (!attempt) {
    // A closed question needs no reminder. Its first message is sent all the same: people should know what was asked.
    if (event.kind === "asked" && event.reminder > 0 && view.isClosed) return JOB_DONE;
    if (event.kind === "ticket") {
      const delay = await findSendDelay(deps, event);
      if (delay > 0) return retryAfter(context, delay);
      // What a ticket waited for may be decided already, as by a rule, or its open message shows it.
      if (view.isClosed || (await hasOpenMessage(context, event, liveMessage.subject))) return JOB_DONE;
    }
  }
  const { subject } = liveMessage;
  const thread = await readReplyThread(context, event, subject);
  const sound = toSoundExtras(event.kind === "ticket" ? "ticket_waits" : event.kind, item);
  return sendSeparateMessage(context, {
    attempt,
    priority: "notification",
    fields: { correlation, asks: event.kind },
    rich: view.rich,
    extras: { ...thread.extras, ...toButtonExtras(view), ...sound },
    repeatMark: context.presentation.texts.repeat,
    tasks: "key" in subject ? [subject.id] : [],
    thread,
    async createRecord({ messageId, rich, repeat }) {
      const viewHash = await hashView({ rich, ...toButtonExtras(view) });
      return {
        put: [createLiveMessagePut(chat, messageId, { ...liveMessage, viewHash, repeat }, view.isClosed)],
        // The task may have changed while the message was being sent: a refresh shows it.
        jobs: view.isClosed ? [] : [createLiveRefreshJob(chat, subject.id, `sent.${messageId}`, correlation)],
      };
    },
  });
}

/** Whether a message in the chat shows already what a ticket waits for; a refresh brings it up to date. */
async function hasOpenMessage(
  { deps, chat }: DeliveryContext,
  event: Extract<LiveEvent, { kind: "ticket" }>,
  subject: MessageSubject,
): Promise<boolean> {
  const rows = await readLiveMessages(deps.store, chat, subject.id);
  return rows.some(({ value }) => value.event.kind === "ticket" && isSameWait(value.event, event));
}

/**
 * A reminder replies to the first message of its question, a plan and a question about no task to what a person wrote;
 * other messages reply to the first one about their task.
 */
async function readReplyThread(
  context: DeliveryContext,
  event: LiveEvent,
  subject: MessageSubject,
): Promise<MessageThread> {
  const thread = await readThread(context, "key" in subject ? subject.id : undefined);
  if (event.kind !== "asked" || event.reminder === 0) {
    const message = await findPersonMessage(context, event);
    return message
      ? { ...thread, extras: { replyTo: message.id, ...omitUndefined({ topic: message.topic }) } }
      : thread;
  }
  const rows = await readLiveMessages(context.deps.store, context.chat, subject.id);
  const matching = rows.filter(({ value }) => value.event.kind === "asked" && value.event.question === event.question);
  const [first] = matching.map((row) => parseMessageId(row.key)).sort((a, b) => a - b);
  return first === undefined ? thread : { ...thread, extras: { replyTo: first } };
}

/** Finds the message of the wish that a plan or a question is about, in the chat where people write to the Concierge. */
async function findPersonMessage({ deps, chat }: DeliveryContext, event: LiveEvent): Promise<WishMessage | undefined> {
  if (chat !== deps.settings.telegram?.chat) return undefined;
  if (event.kind === "asked") return (await findQuestion(deps, event.question))?.value.message;
  if (event.kind !== "plan_proposed") return undefined;
  const wish = (await findPlanRun(deps, event.plan))?.wish;
  return wish === undefined ? undefined : (await findWish(deps, wish))?.message;
}

/**
 * Updates the live messages about a task. It makes one edit at a time and runs again until all of them are up to date.
 * Running it twice is harmless: a message that already shows its view is not edited.
 */
export async function refreshLiveMessages(
  context: DeliveryContext,
  { item, correlation }: LiveRefreshBody,
): Promise<JobResult> {
  const { deps, chat } = context;
  for (const row of await readLiveMessages(deps.store, chat, item)) {
    const view = await renderLiveMessage(context, row.value);
    const viewHash = await hashView(view);
    if (viewHash !== row.value.viewHash) return editLiveMessage(context, row, { view, viewHash, correlation });
    if (view.isClosed) await recordLiveMessage(context, row, row.value, true);
  }
  return updateProgressMessage(context, item, correlation);
}

async function editLiveMessage(
  context: DeliveryContext,
  row: StoredRow<LiveMessage>,
  { view, viewHash, correlation }: { view: MessageView; viewHash: string; correlation: string },
): Promise<JobResult> {
  return editMessage(context, {
    attempt: "unread",
    messageId: parseMessageId(row.key),
    rich: view.rich,
    buttons: view.buttons,
    priority: "reply",
    fields: { correlation },
    onEdited: async () => {
      await recordLiveMessage(context, row, { ...row.value, viewHash }, view.isClosed, view);
      return retryAfter(context, 0);
    },
    // Somebody deleted the message: there is nothing to show any more, and a question can be answered elsewhere.
    onPermanentFailure: async () => {
      await recordLiveMessage(context, row, row.value, true);
      return retryAfter(context, 0);
    },
  });
}

/** Stores the message, unless its record has changed meanwhile: then the next refresh updates it. */
async function recordLiveMessage(
  context: DeliveryContext,
  { key, rev }: StoredRow<LiveMessage>,
  liveMessage: LiveMessage,
  isClosed: boolean,
  view?: MessageView,
): Promise<void> {
  const messageId = parseMessageId(key);
  const edit = view ? await recordEdit(context, messageId, view) : undefined;
  await commitWithRetry(context, {
    expect: [[key, rev]],
    put: [
      createLiveMessagePut(context.chat, messageId, liveMessage, isClosed),
      ...(edit?.put ?? []),
      { key: sendAttemptKey(context.job), value: undefined },
    ],
  });
}
