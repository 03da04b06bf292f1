import { createLiveRefreshJob } from "../../../shared/jobs/outbox-jobs.ts";
import { observedKeys } from "../../../shared/observe/store-keys.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Settlement } from "../../../shared/store/job-operations.ts";
import type { ActionBody, EventFacts } from "../../../shared/task/rule-set.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import { toSoundExtras } from "../../../shared/telegram/message-sounds.ts";
import { findTicket } from "../../../shared/tickets/change-ticket.ts";
import { workKeys } from "../../../shared/work/context/work-keys.ts";
import type { KeptReview } from "../../../shared/work/lifecycle/review-record.ts";
import { findPlanRun } from "../../../shared/work/plan-runs/plan-run.ts";
import { findQuestion } from "../../../shared/work/questions/question-record.ts";
import { findWish, type WishMessage } from "../../../shared/work/wishes/wish-record.ts";
import { commitWithRetry, type DeliveryContext, retryAfter, SETTLED } from "../delivery/context.ts";
import { jobDeliveryKey, type SendAttempt, sendAttemptKey } from "../delivery/delivery-records.ts";
import { type MessageThread, readThread } from "../delivery/message-thread.ts";
import { type SentMessage, sendMessage } from "../delivery/send-message.ts";
import { createSentDeliveryPut, createSentMessagePuts } from "../delivery/sent-message-puts.ts";
import {
  createLiveMessagePut,
  hashView,
  isTicketMessage,
  type LiveEvent,
  type LiveMessage,
  type LiveTicketMessage,
  type MessageSubject,
  type MessageView,
  parseMessageId,
  readLiveMessages,
  toButtonExtras,
} from "./live-message.ts";
import { markIfRepeated, renderLiveMessage } from "./render-live-message.ts";
import { hashTaskFields } from "./review-fingerprint.ts";
import { createTicketMessage, findSendDelay, isSameWait } from "./ticket-message.ts";

/** Sends a question, review, plan or what a ticket waits for as a separate message, never grouped, that waits for an answer or a decision. */
export async function sendLiveMessage(
  context: DeliveryContext,
  { event, facts, correlation }: ActionBody & { event: LiveEvent },
): Promise<Settlement> {
  const { deps, job } = context;
  const [delivered] = await deps.store.read([jobDeliveryKey(job)]);
  const liveMessage = delivered ? undefined : await createLiveMessage(context, event, facts);
  if (!liveMessage) return SETTLED;
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  const view = await renderLiveMessage(context, liveMessage);
  // A closed question needs no reminder. Its first message is sent all the same: people should know what was asked.
  if (view.isClosed && !attempt && event.kind === "asked" && event.reminder > 0) return SETTLED;
  const delay = attempt || !isTicketMessage(liveMessage) ? 0 : await findSendDelay(deps, liveMessage);
  if (delay > 0) return retryAfter(context, delay);
  // What a ticket waited for may be decided already, as by a rule, or its open message shows it.
  if (!attempt && isTicketMessage(liveMessage) && (view.isClosed || (await hasOpenMessage(context, liveMessage))))
    return SETTLED;
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
  const common = { shown: "", repeat: false };
  const subject = facts && { id: facts.id, key: facts.key, title: facts.title, url: facts.url };
  if (event.kind === "asked") return { ...common, event, subject: subject ?? { id: event.question } };
  if (event.kind === "plan_proposed") return { ...common, event, subject: { id: event.plan } };
  if (event.kind === "ticket") {
    const ticket = await findTicket(deps, event.ticket);
    return ticket && createTicketMessage(ticket, event);
  }
  if (!subject) return undefined;
  const [[stored], [item]] = await Promise.all([
    deps.store.read<KeptReview>([workKeys.review(subject.id)]),
    deps.store.read<KeptItem>([observedKeys.item(subject.id)]),
  ]);
  return {
    ...common,
    event,
    subject,
    review: stored?.value.id ?? "",
    seen: item ? await hashTaskFields(item.value.snapshot) : {},
  };
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
): Promise<Settlement> {
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
      createLiveMessagePut(chat, messageId, { ...liveMessage, shown: viewHash, repeat }, view.isClosed),
      ...thread.createPuts(messageId),
    ],
    // The task may have changed while the message was being sent: a refresh shows it.
    jobs: view.isClosed ? [] : [createLiveRefreshJob(chat, liveMessage.subject.id, `sent.${messageId}`, correlation)],
  });
  return SETTLED;
}
