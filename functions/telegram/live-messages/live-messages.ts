/**
 * Live messages: the kinds of requests that wait for a person, and what all of them do. They are sent, edited when what
 * they show has changed, and take presses and replies.
 */

import { createLiveRefreshJob, type LiveRefreshBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { findRequest } from "../../../shared/requests/requests.ts";
import type { JobResult, StoredRow, StoredValue } from "../../../shared/store/port.ts";
import type { ActionBody } from "../../../shared/task/rule-set.ts";
import type { WishMessage } from "../../../shared/tasks/wishes.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import type { ButtonHandler, CommandContext, CommandResult, ReplyHandler } from "../commands/command.ts";
import {
  commitWithRetry,
  type DeliveryContext,
  JOB_DONE,
  readDeliveryState,
  retryAfter,
  sendAttemptKey,
} from "../delivery/context.ts";
import { editMessage, type MessageThread, readThread, recordEdit, sendSeparateMessage } from "../delivery/messages.ts";
import { appendRepeatMark } from "../presentation/presentation.ts";
import {
  createLiveMessagePut,
  getRequestId,
  hashView,
  type LiveEvent,
  type LiveKind,
  type LiveMessage,
  type LiveResult,
  liveMessageKey,
  type MessageSubject,
  type MessageView,
  parseMessageId,
  readLiveMessages,
  renderView,
  toButtonExtras,
} from "./live-message.ts";
import { queueProgress } from "./progress.ts";
import { requestKind } from "./requests.ts";
import { findSendDelay, isNotice, ticketKind } from "./ticket-notices.ts";
import { queueWaiting, remindByList } from "./waiting.ts";

const LIVE_KINDS: Readonly<Record<LiveEvent["kind"], LiveKind<LiveMessage, LiveEvent>>> = {
  asked: requestKind,
  review: requestKind,
  plan_proposed: requestKind,
  ticket: ticketKind,
};

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
  const kind: LiveKind<LiveMessage, LiveEvent> =
    event.kind === "ticket" && !isNotice(event) ? requestKind : LIVE_KINDS[event.kind];
  const liveMessage = await kind.createMessage(context, event, task);
  if (!liveMessage) return JOB_DONE;
  const view = await renderLiveMessage(context, liveMessage);
  if (!attempt) {
    // A closed question needs no reminder. Its first message is sent all the same: people should know what was asked.
    if (event.kind === "asked" && event.reminder > 0 && view.isClosed) return JOB_DONE;
    if (event.kind === "ticket") {
      const delay = await findSendDelay(deps, event);
      if (delay > 0) return retryAfter(context, delay);
      // What a ticket waited for may be decided already, as by a rule, or its open message shows it.
      if (view.isClosed || (await hasOpenMessage(context, event, liveMessage))) return JOB_DONE;
    }
  }
  const reminded = event.kind === "asked" && event.reminder > 0 ? await remindByList(context, correlation) : undefined;
  if (reminded) return reminded;
  const { subject } = liveMessage;
  const thread = await readReplyThread(context, event, task, subject);
  const sound = toSoundExtras(event.kind === "ticket" ? "ticket_waits" : event.kind, item);
  return sendSeparateMessage(context, {
    attempt,
    priority: "request",
    fields: { correlation, asks: event.kind },
    rich: view.rich,
    extras: { ...thread.extras, ...toButtonExtras(view), ...sound },
    tasks: task ? [task.id] : [],
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

/** Renders what a message should show now, with the repeat mark if it may be in the chat twice. */
export async function renderLiveMessage(context: DeliveryContext, message: LiveMessage): Promise<MessageView> {
  const kind = LIVE_KINDS[message.event.kind];
  const view = renderView(context, kind.verb, await kind.render(context, message));
  const { repeat } = context.presentation.texts;
  return message.repeat ? { ...view, rich: appendRepeatMark(view.rich, repeat) } : view;
}

/** Whether a message in the chat shows already what a ticket waits for; a refresh brings it up to date. */
async function hasOpenMessage(
  { deps, chat }: DeliveryContext,
  { ticket, wait }: Extract<LiveEvent, { kind: "ticket" }>,
  { subject }: LiveMessage,
): Promise<boolean> {
  const rows = await readLiveMessages(deps.store, chat, subject.id);
  return rows.some(({ value }) => {
    if ("request" in value) return value.request === wait.id;
    const { event } = value;
    return (
      event.kind === "ticket" && event.ticket === ticket && event.wait.kind === wait.kind && event.wait.id === wait.id
    );
  });
}

/**
 * A reminder replies to the first message of its question, a plan and a question about no task to what a person wrote;
 * other messages reply to the first one about their task.
 */
async function readReplyThread(
  context: DeliveryContext,
  event: LiveEvent,
  task: { id: string } | undefined,
  subject: Pick<MessageSubject, "id">,
): Promise<MessageThread> {
  const thread = await readThread(context, task?.id);
  if (event.kind !== "asked" || event.reminder === 0) {
    const message = await findPersonMessage(context, event);
    return message
      ? { ...thread, extras: { replyTo: message.id, ...omitUndefined({ topic: message.topic }) } }
      : thread;
  }
  const rows = await readLiveMessages(context.deps.store, context.chat, subject.id);
  const matching = rows.filter(({ value }) => "request" in value && value.request === event.question);
  const [first] = matching.map((row) => parseMessageId(row.key)).sort((a, b) => a - b);
  return first === undefined ? thread : { ...thread, extras: { replyTo: first } };
}

/** Finds the message of the wish that a plan or a question is about, in the chat where people write to the Concierge. */
async function findPersonMessage({ deps, chat }: DeliveryContext, event: LiveEvent): Promise<WishMessage | undefined> {
  if (chat !== deps.settings.telegram?.chat) return undefined;
  return event.kind === "ticket" ? undefined : (await findRequest(deps, getRequestId(event)))?.value.subject.message;
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
  await queueProgress(context, item, correlation);
  await queueWaiting(context, correlation);
  return JOB_DONE;
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

/** Handlers of the buttons of live messages, by the verb that a button's data begins with. */
export const LIVE_BUTTON_HANDLERS: Readonly<Record<string, ButtonHandler>> = Object.fromEntries(
  Object.values(LIVE_KINDS).map((kind) => [kind.verb, createButtonHandler(kind)]),
);

function createButtonHandler(kind: LiveKind<LiveMessage, LiveEvent>): ButtonHandler {
  return async (context, { messageId, id, arg }) => {
    const [action = "", hash = ""] = arg.split(".", 2);
    const row = await readLiveMessage(context, messageId);
    if (row && LIVE_KINDS[row.value.event.kind] !== kind)
      return { toast: context.presentation.texts.answers.expiredButton };
    return recordResult(context, messageId, row, await kind.press(context, { id, action, hash, message: row?.value }));
  };
}

/**
 * Creates the handler of replies to live messages. A word of approval or an answer is worth as much as the press of a
 * button.
 * @param passOn passes a text on to the agents of the task with this id; `note` is said first
 */
export function createLiveReplyHandler(
  passOn: (context: CommandContext, id: string, text: string, note?: string) => Promise<CommandResult>,
): ReplyHandler {
  return async (context, { to: messageId, text }) => {
    const row = await readLiveMessage(context, messageId);
    if (!row) return undefined;
    const { event, subject } = row.value;
    const passOnReply = (note?: string) => passOn(context, subject.id, text, note);
    const result = await LIVE_KINDS[event.kind].reply(context, row.value, text, passOnReply);
    return result && recordResult(context, messageId, row, result);
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
