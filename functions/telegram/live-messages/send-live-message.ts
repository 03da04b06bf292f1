/** Sends a message that stays up to date, and edits it when what it shows has changed. The kind decides who renders it. */

import { createLiveRefreshJob, type LiveRefreshBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { observedKeys, workKeys } from "../../../shared/records/store-keys.ts";
import type { ReviewRecord } from "../../../shared/records/task-records.ts";
import type { JobResult, StoredRow } from "../../../shared/store/port.ts";
import type { ActionBody, EventFacts } from "../../../shared/task/rule-set.ts";
import type { ItemRecord } from "../../../shared/task/snapshot.ts";
import { findQuestion } from "../../../shared/tasks/people/questions.ts";
import { findPlanRun } from "../../../shared/tasks/plan-record.ts";
import { findWish, type WishMessage } from "../../../shared/tasks/wishes.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import { findTicket } from "../../../shared/tickets/stored-tickets.ts";
import {
  commitWithRetry,
  type DeliveryContext,
  JOB_DONE,
  jobDeliveryKey,
  retryAfter,
  type SendAttempt,
  sendAttemptKey,
} from "../delivery/context.ts";
import {
  createSentDeliveryPut,
  createSentMessagePuts,
  editMessage,
  type MessageThread,
  readThread,
  type SentMessage,
  sendMessage,
} from "../delivery/messages.ts";
import {
  createEditedMessagePuts,
  createLiveMessagePut,
  hashView,
  isPlanMessage,
  isReviewMessage,
  isTicketMessage,
  type LiveEvent,
  type LiveMessage,
  type LiveTicketMessage,
  type MessageSubject,
  type MessageView,
  markIfRepeated,
  parseMessageId,
  readLiveMessages,
  toButtonExtras,
} from "./live-message.ts";
import { renderPlanProposal } from "./plans.ts";
import { updateProgressMessage } from "./progress.ts";
import { renderQuestion } from "./questions.ts";
import { hashTaskFields, renderReview } from "./reviews.ts";
import { renderTicket } from "./ticket-messages.ts";
import { createTicketMessage, findSendDelay, isSameWait } from "./ticket-waits.ts";

/** Sends a question, review, plan or what a ticket waits for as a separate message, never grouped, that waits for an answer or a decision. */
export async function sendLiveMessage(
  context: DeliveryContext,
  { event, facts, correlation }: ActionBody & { event: LiveEvent },
): Promise<JobResult> {
  const { deps, job } = context;
  const [delivered] = await deps.store.read([jobDeliveryKey(job)]);
  const liveMessage = delivered ? undefined : await createLiveMessage(context, event, facts);
  if (!liveMessage) return JOB_DONE;
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  const view = await renderLiveMessage(context, liveMessage);
  // A closed question needs no reminder. Its first message is sent all the same: people should know what was asked.
  if (view.isClosed && !attempt && event.kind === "asked" && event.reminder > 0) return JOB_DONE;
  const delay = attempt || !isTicketMessage(liveMessage) ? 0 : await findSendDelay(deps, liveMessage);
  if (delay > 0) return retryAfter(context, delay);
  // What a ticket waited for may be decided already, as by a rule, or its open message shows it.
  if (!attempt && isTicketMessage(liveMessage) && (view.isClosed || (await hasOpenMessage(context, liveMessage))))
    return JOB_DONE;
  const thread = await readReplyThread(context, event, liveMessage.subject);
  return sendMessage(context, {
    attempt,
    priority: "notification",
    fields: { correlation, asks: event.kind },
    compose: (repeat) => ({
      rich: markIfRepeated(context, view, repeat),
      extras: {
        ...thread.extras,
        ...toButtonExtras(view),
        ...toSoundExtras(event.kind === "ticket" ? "ticket_waits" : event.kind, facts.item),
      },
    }),
    onSent: (sentMessage) => recordSentLiveMessage(context, { liveMessage, view, thread, correlation }, sentMessage),
  });
}

/** Returns undefined for a review without its task, which nobody could decide, and for a ticket that does not exist. */
async function createLiveMessage(
  { deps }: DeliveryContext,
  event: LiveEvent,
  { item: facts }: EventFacts,
): Promise<LiveMessage | undefined> {
  const common = { viewHash: "", repeat: false };
  const subject = facts && { id: facts.id, key: facts.key, title: facts.title, url: facts.url };
  if (event.kind === "asked") return { ...common, event, subject: subject ?? { id: event.question } };
  if (event.kind === "plan_proposed") return { ...common, event, subject: { id: event.plan } };
  if (event.kind === "ticket") {
    const ticket = await findTicket(deps, event.ticket);
    return ticket && createTicketMessage(ticket, event);
  }
  if (!subject) return undefined;
  const [[stored], [item]] = await Promise.all([
    deps.store.read<ReviewRecord>([workKeys.review(subject.id)]),
    deps.store.read<ItemRecord>([observedKeys.item(subject.id)]),
  ]);
  return {
    ...common,
    event,
    subject,
    review: stored?.value.id ?? "",
    fingerprint: item ? await hashTaskFields(item.value.snapshot) : {},
  };
}

/** Renders what a question, review, plan or ticket should show now. */
async function renderLiveMessage(context: DeliveryContext, liveMessage: LiveMessage): Promise<MessageView> {
  const view = await renderView(context, liveMessage);
  return liveMessage.repeat ? { ...view, rich: markIfRepeated(context, view, true) } : view;
}

function renderView(context: DeliveryContext, liveMessage: LiveMessage): Promise<MessageView> {
  if (isReviewMessage(liveMessage)) return renderReview(context, liveMessage);
  if (isPlanMessage(liveMessage)) return renderPlanProposal(context, liveMessage);
  if (isTicketMessage(liveMessage)) return renderTicket(context, liveMessage);
  return renderQuestion(context, liveMessage);
}

/** Whether a message in the chat shows already what a ticket waits for; a refresh brings it up to date. */
async function hasOpenMessage(
  { deps, chat }: DeliveryContext,
  { event, subject }: LiveTicketMessage,
): Promise<boolean> {
  const rows = await readLiveMessages(deps.store, chat, subject.id);
  return rows.some(({ value }) => isTicketMessage(value) && isSameWait(value.event, event));
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

async function recordSentLiveMessage(
  context: DeliveryContext,
  {
    liveMessage,
    view,
    thread,
    correlation,
  }: { liveMessage: LiveMessage; view: MessageView; thread: MessageThread; correlation: string },
  sentMessage: SentMessage,
): Promise<JobResult> {
  const { deps, job, chat } = context;
  const { rich, messageId, repeat } = sentMessage;
  const at = await deps.store.now();
  const tasks = "key" in liveMessage.subject ? [liveMessage.subject.id] : [];
  const viewHash = await hashView({ rich, ...toButtonExtras(view) });
  await commitWithRetry(context, {
    expect: [[jobDeliveryKey(job), 0]],
    put: [
      createSentDeliveryPut(context, messageId, at),
      ...createSentMessagePuts(context, sentMessage, at, { buttons: view.buttons, tasks }),
      createLiveMessagePut(chat, messageId, { ...liveMessage, viewHash, repeat }, view.isClosed),
      ...thread.createPuts(messageId),
    ],
    // The task may have changed while the message was being sent: a refresh shows it.
    jobs: view.isClosed ? [] : [createLiveRefreshJob(chat, liveMessage.subject.id, `sent.${messageId}`, correlation)],
  });
  return JOB_DONE;
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
  const { chat, job } = context;
  const messageId = parseMessageId(key);
  const messagePuts = view ? await createEditedMessagePuts(context, messageId, view) : [];
  await commitWithRetry(context, {
    expect: [[key, rev]],
    put: [
      createLiveMessagePut(chat, messageId, liveMessage, isClosed),
      ...messagePuts,
      { key: sendAttemptKey(job), value: undefined },
    ],
  });
}
