/**
 * Live messages: requests and steps of tickets that wait for a person. They are sent, edited when what they show has
 * changed, and take presses and replies. Two steps are no requests: a session that failed, and one that needs a look,
 * whose terminal takes a reply.
 */

import { GroundcrewError } from "../../../shared/errors.ts";
import { createLiveRefreshJob, type LiveRefreshBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { findRequest } from "../../../shared/requests/requests.ts";
import type { JobResult, StoredValue } from "../../../shared/store/port.ts";
import { isRequestOpen, type RequestRecord } from "../../../shared/task/request.ts";
import type { ActionBody } from "../../../shared/task/rule-set.ts";
import type { WishMessage } from "../../../shared/tasks/wishes.ts";
import type { MessageExtras } from "../../../shared/telegram/bot.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import { toPlainText } from "../../../shared/telegram/rich-text.ts";
import { changeTicket, findTicket } from "../../../shared/tickets/stored-tickets.ts";
import { findSilence } from "../../../shared/tickets/ticket.ts";
import { type Ms, SECOND } from "../../../shared/time.ts";
import {
  type ButtonHandler,
  type CommandContext,
  type CommandResult,
  type ReplyHandler,
  replyText,
} from "../commands/command.ts";
import { commitWithRetry, type DeliveryContext, JOB_DONE, retryAfter } from "../delivery/context.ts";
import { sendSeparateMessage, updateMessage } from "../delivery/messages.ts";
import { EVENT_EMOJI, fillTemplate, renderTaskTitle, toTicketPath } from "../presentation/presentation.ts";
import {
  createLiveMessagePut,
  type LiveContent,
  type LiveEvent,
  type LiveMessage,
  liveMessageKey,
  type MessageView,
  NEW_MESSAGE,
  parseMessageId,
  type RenderContext,
  readLiveMessages,
  renderHeadline,
  renderOutcome,
  renderView,
  SHORT_LINES,
  type TicketMessage,
  type TicketWaitEvent,
  toLongLines,
  toSafeLines,
} from "./live-message.ts";
import {
  findShownRequest,
  type LiveResult,
  pressRequest,
  renderRequest,
  replyToRequest,
  toRequestMessage,
} from "./requests.ts";
import { queueStatus, remindByList } from "./status-messages.ts";
import { renderTerminalLink } from "./ticket-renderers.ts";

/**
 * Time for which the message about the end of a turn waits: 3 s. The runner reports a completion that was written in
 * this turn within 2 s, and then nobody needs to be asked.
 */
const END_OF_TURN_DELAY_MS: Ms = 3 * SECOND;

/** Limit of the text of a screen. */
const SCREEN_LIMIT = 1_000;

/** Sends a request or a step of a ticket as a separate message, never grouped, that waits for an answer or a decision. */
export async function sendLiveMessage(
  context: DeliveryContext,
  { event, facts }: ActionBody & { event: LiveEvent },
): Promise<JobResult> {
  const { deps, chat, attempt, correlation } = context;
  const request = (await findRequest(deps, getRequestId(event)))?.value;
  const ticket = isNotice(event) ? await findTicket(deps, event.ticket) : undefined;
  const liveMessage = isNotice(event)
    ? ticket && { ...NEW_MESSAGE, event, subject: { id: ticket.item.id } }
    : request && { ...NEW_MESSAGE, ...toRequestMessage(request) };
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
  const reminded = isReminder ? await remindByList(context) : undefined;
  if (reminded) return reminded;
  const { subject } = liveMessage;
  return sendSeparateMessage(context, {
    priority: "request",
    fields: { asks: event.kind },
    rich: view.rich,
    extras: {
      ...(await findReplyTarget(context, event, liveMessage, request)),
      ...omitUndefined({ buttons: view.buttons }),
      ...toSoundExtras(event.kind === "ticket" ? "ticket_waits" : event.kind, facts.item),
    },
    tasks: facts.item ? [facts.item.id] : [],
    threadOf: facts.item?.id,
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
 * What a message replies to other than the first one about its task: a reminder to the first message of its question, a
 * plan and a question about no task to what a person wrote.
 */
async function findReplyTarget(
  { deps, chat }: DeliveryContext,
  event: LiveEvent,
  { subject }: LiveMessage,
  request: RequestRecord | undefined,
): Promise<Pick<MessageExtras, "replyTo" | "topic">> {
  if (event.kind === "asked" && event.reminder > 0) {
    const rows = await readLiveMessages(deps.store, chat, subject.id);
    const matching = rows.filter(({ value }) => "request" in value && value.request === event.question);
    const ids = matching.map((row) => parseMessageId(row.key));
    return ids.length === 0 ? {} : { replyTo: Math.min(...ids) };
  }
  // The message of the wish that the request is about is in the chat where people write to the Concierge.
  const message: WishMessage | undefined = event.kind === "ticket" ? undefined : request?.subject.message;
  if (!message || message.chat !== undefined || chat !== deps.settings.telegram?.chat) return {};
  return { replyTo: message.id, ...omitUndefined({ topic: message.topic }) };
}

/**
 * Updates the live messages about a task. It makes one edit at a time and runs again until all of them are up to date.
 * Running it twice is harmless: a message that already shows its view is not edited.
 */
export async function refreshLiveMessages(context: DeliveryContext, { item }: LiveRefreshBody): Promise<JobResult> {
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
      ...{ rich, buttons, priority: "reply" },
      createRecord: async ({ viewHash, isGone }) =>
        isGone ? createRecord(message.viewHash, true) : createRecord(viewHash, isClosed),
    });
    if (result) return result === JOB_DONE ? retryAfter(context, 0) : result;
    if (isClosed) await commitWithRetry(context, createRecord(message.viewHash, true));
  }
  await queueStatus(context, item);
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

/** Whether a step of a ticket only informs people; else it is a request. */
function isNotice(event: LiveEvent): event is TicketWaitEvent {
  return event.kind === "ticket" && (event.wait.kind === "attention" || event.wait.kind === "failed");
}

/** Returns how long the send of the message of a ticket's request still has to wait. */
function findSendDelay(request: RequestRecord | undefined, now: Ms): Ms {
  const { waits, call } = request?.session ?? {};
  // Claude Code waits for the answer to a question that it offers options for.
  return request && waits === "input" && call === undefined ? request.createdAt + END_OF_TURN_DELAY_MS - now : 0;
}

/** Renders what a person should look at: a silence has its time, anything else is the text of a screen. */
async function renderTicketNotice(context: RenderContext, { event }: TicketMessage): Promise<LiveContent> {
  const { deps, presentation } = context;
  const { headlines, hints, outcomes, silentSince } = presentation.texts.live.ticket;
  const notNeeded = renderOutcome(presentation, ["ℹ️", toPlainText(outcomes.notNeeded)]);
  const ticket = await findTicket(deps, event.ticket);
  if (!ticket) return { lines: [], outcome: notNeeded };
  const name = event.wait.kind === "failed" ? "failed" : "attention";
  const { key, item, shown, attention } = ticket;
  const task = { key, title: shown.content.title, url: item.url };
  const title = renderTaskTitle(presentation, task, { path: toTicketPath(key) });
  const head = renderHeadline(presentation, [EVENT_EMOJI.ticket, headlines[name]], title);
  if (name === "failed") return { lines: [head, ...toSafeLines(event.text, 1_000, SHORT_LINES)], hint: hints.failed };
  const text = attention ?? event.text;
  const since = findSilence(text);
  const time = since === undefined ? "" : presentation.format.momentInSentence(since, await deps.store.now());
  const screen = since === undefined ? toLongLines(text, SCREEN_LIMIT) : [fillTemplate(silentSince, { time })];
  const lines = [head, ...screen, renderTerminalLink(context, { subject: { key } })];
  const isOver = attention === undefined || event.run !== ticket.run;
  return isOver ? { lines, outcome: notNeeded } : { lines, hint: hints.attention };
}

/** Types a reply into a session that needs a look. The update's id is that of the input, so it is typed once. */
async function replyToNotice(
  { deps, id, presentation, correlation }: CommandContext,
  { event }: TicketMessage,
  text: string,
): Promise<CommandResult | undefined> {
  if (event.wait.kind !== "attention") return undefined;
  const { outcomes } = presentation.texts.live.ticket;
  const ticket = await findTicket(deps, event.ticket);
  if (!ticket || ticket.run !== event.run) return replyText(outcomes.notNeeded);
  const asksPermission = ticket.questions.some((one) => isRequestOpen(one) && one.session.waits === "permission");
  // A dialog may be what the terminal shows: it would read the text as its answer, or, at the start, get nothing of it.
  if (ticket.state === "starting" || asksPermission) return replyText(presentation.texts.refusals.terminalBusy);
  const typed = { kind: "typed", input: { id, kind: "text", text: text.trim() } } as const;
  try {
    await changeTicket(deps, ticket.key, typed, correlation);
    return replyText(outcomes.typed, { key: ticket.key });
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "conflict") throw thrown;
    return replyText(outcomes.notNeeded);
  }
}
