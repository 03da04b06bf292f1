/**
 * Live messages: requests and steps of tickets that wait for a person. They are sent, edited when what they show has
 * changed, and take presses and replies.
 */

import { createLiveRefreshJob, type LiveRefreshBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { findRequest } from "../../../shared/requests/requests.ts";
import type { JobResult, StoredValue } from "../../../shared/store/port.ts";
import type { RequestRecord } from "../../../shared/task/request.ts";
import type { ActionBody } from "../../../shared/task/rule-set.ts";
import type { WishMessage } from "../../../shared/tasks/wishes.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import type { ButtonHandler, CommandContext, CommandResult, ReplyHandler } from "../commands/command.ts";
import { commitWithRetry, type DeliveryContext, JOB_DONE, readDeliveryState, retryAfter } from "../delivery/context.ts";
import { type MessageThread, readThread, sendSeparateMessage, updateMessage } from "../delivery/messages.ts";
import {
  createLiveMessagePut,
  type LiveEvent,
  type LiveMessage,
  liveMessageKey,
  type MessageView,
  NEW_MESSAGE,
  parseMessageId,
  readLiveMessages,
  renderView,
} from "./live-message.ts";
import { queueProgress } from "./progress.ts";
import {
  findShownRequest,
  type LiveResult,
  pressRequest,
  renderRequest,
  replyToRequest,
  toRequestMessage,
} from "./requests.ts";
import { createTicketMessage, findSendDelay, isNotice, renderTicketNotice, replyToNotice } from "./ticket-notices.ts";
import { queueWaiting, remindByList } from "./waiting.ts";

/** Sends a request or a step of a ticket as a separate message, never grouped, that waits for an answer or a decision. */
export async function sendLiveMessage(
  context: DeliveryContext,
  { event, facts, correlation }: ActionBody & { event: LiveEvent },
): Promise<JobResult> {
  const { deps, chat } = context;
  const { isDelivered, attempt } = await readDeliveryState(context);
  if (isDelivered) return JOB_DONE;
  const request = (await findRequest(deps, getRequestId(event)))?.value;
  const message = event.kind === "ticket" && isNotice(event) ? await createTicketMessage(deps, event) : undefined;
  const liveMessage = message ?? (request && { ...NEW_MESSAGE, ...toRequestMessage(request) });
  if (!liveMessage) return JOB_DONE;
  const view = await renderLiveMessage(context, liveMessage);
  const isReminder = event.kind === "asked" && event.reminder > 0;
  if (!attempt) {
    // A closed question needs no reminder. Its first message is sent all the same: people should know what was asked.
    if (isReminder && view.isClosed) return JOB_DONE;
    if (event.kind === "ticket") {
      const delay = findSendDelay(request, await deps.store.now());
      if (delay > 0) return retryAfter(context, delay);
      // What a ticket waited for may be decided already, as by a rule, or its open message shows it.
      if (view.isClosed || (await hasOpenMessage(context, liveMessage))) return JOB_DONE;
    }
  }
  const reminded = isReminder ? await remindByList(context, correlation) : undefined;
  if (reminded) return reminded;
  const { subject } = liveMessage;
  const thread = await readReplyThread(context, event, facts.item?.id, request);
  return sendSeparateMessage(context, {
    attempt,
    priority: "request",
    fields: { correlation, asks: event.kind },
    rich: view.rich,
    extras: {
      ...thread.extras,
      ...omitUndefined({ buttons: view.buttons }),
      ...toSoundExtras(event.kind === "ticket" ? "ticket_waits" : event.kind, facts.item),
    },
    tasks: facts.item ? [facts.item.id] : [],
    thread,
    createRecord: async ({ messageId, ...shown }) => ({
      put: [createLiveMessagePut(chat, messageId, { ...liveMessage, ...shown }, view.isClosed)],
      // The task may have changed while the message was being sent: a refresh shows it.
      jobs: view.isClosed ? [] : [createLiveRefreshJob(chat, subject.id, `sent.${messageId}`, correlation)],
    }),
  });
}

/** The id of the request that an event is about. */
function getRequestId(event: LiveEvent): string {
  if (event.kind === "ticket") return event.wait.id;
  return event.kind === "asked" ? event.question : event.request;
}

/** Renders what a message should show now. */
async function renderLiveMessage(context: DeliveryContext, message: LiveMessage): Promise<MessageView> {
  return "request" in message
    ? renderRequest(context, message)
    : renderView(context, await renderTicketNotice(context, message));
}

/** Whether a message in the chat shows the same already; a refresh brings it up to date. */
async function hasOpenMessage({ deps, chat }: DeliveryContext, message: LiveMessage): Promise<boolean> {
  const toKey = (one: LiveMessage) => JSON.stringify("request" in one ? one.request : one.event.wait);
  const rows = await readLiveMessages(deps.store, chat, message.subject.id);
  return rows.some(({ value }) => toKey(value) === toKey(message));
}

/**
 * A reminder replies to the first message of its question, a plan and a question about no task to what a person wrote;
 * other messages reply to the first one about their task.
 */
async function readReplyThread(
  context: DeliveryContext,
  event: LiveEvent,
  task: string | undefined,
  request: RequestRecord | undefined,
): Promise<MessageThread> {
  const { deps, chat } = context;
  const thread = await readThread(context, task);
  if (event.kind !== "asked" || event.reminder === 0) {
    // The message of the wish that the request is about is in the chat where people write to the Concierge.
    const message: WishMessage | undefined =
      chat === deps.settings.telegram?.chat && event.kind !== "ticket" ? request?.subject.message : undefined;
    return message && message.chat === undefined
      ? { ...thread, extras: { replyTo: message.id, ...omitUndefined({ topic: message.topic }) } }
      : thread;
  }
  const rows = await readLiveMessages(deps.store, chat, task ?? event.question);
  const matching = rows.filter(({ value }) => "request" in value && value.request === event.question);
  const [first] = matching.map((row) => parseMessageId(row.key)).sort((a, b) => a - b);
  return first === undefined ? thread : { ...thread, extras: { replyTo: first } };
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
    const { value: message } = row;
    const messageId = parseMessageId(row.key);
    const { rich, buttons, isClosed } = await renderLiveMessage(context, message);
    // Where somebody deleted the message there is nothing to show any more, and a question can be answered elsewhere.
    const createRecord = (viewHash: string, isOver: boolean) => ({
      expect: [[row.key, row.rev] as [string, number]],
      put: [createLiveMessagePut(chat, messageId, { ...message, viewHash }, isOver)],
    });
    const result = await updateMessage(context, {
      shown: { messageId, ...message },
      ...{ rich, buttons, priority: "reply", fields: { correlation } },
      createRecord: async ({ viewHash, isGone }) =>
        isGone ? createRecord(message.viewHash, true) : createRecord(viewHash, isClosed),
    });
    if (result) return result === JOB_DONE ? retryAfter(context, 0) : result;
    if (isClosed) await commitWithRetry(context, createRecord(message.viewHash, true));
  }
  await queueProgress(context, item, correlation);
  await queueWaiting(context, correlation);
  return JOB_DONE;
}

/** Handles the press of a button of a request. */
export const pressLiveButton: ButtonHandler = async (context, { messageId, id, arg }) => {
  const [action = "", hash = ""] = arg.split(".", 2);
  const row = await readLiveMessage(context, messageId);
  if (row && !("request" in row.value)) return { toast: context.presentation.texts.answers.expiredButton };
  const message = row?.value;
  const press = { id, action, hash, message: message && "request" in message ? message : undefined };
  return recordResult(context, messageId, row, await pressRequest(context, press));
};

/**
 * Creates the handler of replies to live messages. A word of approval or an answer is worth as much as the press of a
 * button.
 * @param passOn passes a text on to the agents of the task with this id; `note` is said first
 */
export function createLiveReplyHandler(
  passOn: (context: CommandContext, id: string, text: string, note?: string) => Promise<CommandResult>,
): ReplyHandler {
  return async (context, { to: messageId, text, message: replied }) => {
    const row = await readLiveMessage(context, messageId);
    const message = row?.value ?? (replied && (await findShownRequest(context, replied)));
    if (!message) return undefined;
    const passOnReply = (note?: string) => passOn(context, message.subject.id, text, note);
    const result =
      "request" in message
        ? await replyToRequest(context, message, text, passOnReply)
        : await replyToNotice(context, message, text);
    return result && recordResult(context, messageId, row, result.action ? { message, ...result } : result);
  };
}

async function readLiveMessage(
  { deps, chat }: CommandContext,
  messageId: number,
): Promise<StoredValue<LiveMessage> | undefined> {
  return (await deps.store.read<LiveMessage>([liveMessageKey(chat, messageId)]))[0];
}

/** Adds to a result that the message is recorded if it shows something else now, and that it is refreshed. */
function recordResult(
  { chat, id, correlation }: CommandContext,
  messageId: number,
  row: StoredValue<LiveMessage> | undefined,
  { message = row?.value, ...result }: LiveResult,
): CommandResult {
  if (!message) return result;
  const refresh = createLiveRefreshJob(chat, message.subject.id, `heard.${id}`, correlation);
  const jobs = [...(result.jobs ?? []), refresh];
  if (message === row?.value) return { ...result, jobs };
  return {
    ...result,
    expect: [[liveMessageKey(chat, messageId), row?.rev ?? 0]],
    put: [createLiveMessagePut(chat, messageId, message, false)],
    jobs,
  };
}
