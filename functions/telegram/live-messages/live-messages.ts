/**
 * Live messages: requests and steps of tickets that wait for a person. They are sent, edited when what they show has
 * changed, and take presses and replies. There is one way to show, press and answer a request for every kind; what is
 * particular about the look of a kind is its entry in `RENDERERS` (request-renderers.ts). Two steps are no requests: a
 * session that failed, and one that needs a look, whose terminal takes a reply.
 */

import { GroundcrewError } from "../../../shared/errors.ts";
import { createLiveRefreshJob, type LiveRefreshBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import { getRefusal, renderRefusal } from "../../../shared/refusals/render-refusal.ts";
import {
  createAudienceLookup,
  createUnknownError,
  decideRequest,
  findRequest,
  hasVerdict,
  readOpenRequests,
} from "../../../shared/requests/requests.ts";
import { isOption, readWords, type WordsAnswer } from "../../../shared/requests/words.ts";
import type { JobResult, Revision, StoreKey } from "../../../shared/store/port.ts";
import {
  getSubjectId,
  isRequestOpen,
  joinChoices,
  type RequestDecision,
  type RequestRecord,
} from "../../../shared/task/request.ts";
import type { ActionBody } from "../../../shared/task/rule-set.ts";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import type { WishMessage } from "../../../shared/tasks/wishes.ts";
import type { MessageExtras } from "../../../shared/telegram/bot.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import { joinRichText, type RichText, toMention, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { changeTicket, findTicket, ignoreConflict } from "../../../shared/tickets/stored-tickets.ts";
import { isApproving } from "../../../shared/tickets/ticket.ts";
import { type Ms, SECOND } from "../../../shared/time.ts";
import {
  type ButtonHandler,
  type CommandContext,
  type CommandResult,
  type RepliedMessage,
  type ReplyHandler,
  replyText,
  requireMember,
} from "../commands/command.ts";
import { type DeliveryContext, JOB_DONE, retryAfter } from "../delivery/context.ts";
import { sendSeparateMessage, updateMessage } from "../delivery/messages.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import {
  ASK_FOR_WORDS,
  BUTTON_HASH_LENGTH,
  BUTTON_VERB,
  createLiveMessagePut,
  type LiveEvent,
  type LiveMessage,
  type LiveSubject,
  liveMessageKey,
  type MessageView,
  type RenderContext,
  type RequestMessage,
  readLiveMessages,
  renderOutcome,
  renderView,
  type TicketMessage,
} from "./live-message.ts";
import { findOutcome, getRenderer, renderAskedText } from "./request-renderers.ts";
import { queueStatus, remindByList } from "./status-messages.ts";
import { renderTicketNotice } from "./ticket-renderers.ts";

/**
 * Time for which the message about the end of a turn waits: 3 s. The runner reports a completion that was written in
 * this turn within 2 s, and then nobody needs to be asked.
 */
const END_OF_TURN_DELAY_MS: Ms = 3 * SECOND;

/** Sends a request or a step of a ticket as a separate message, never grouped, that waits for an answer or a decision. */
export async function sendLiveMessage(
  context: DeliveryContext,
  { event, facts }: ActionBody & { event: LiveEvent },
): Promise<JobResult> {
  const { deps, chat, attempt, correlation } = context;
  const request = (await findRequest(deps, getRequestId(event)))?.value;
  const liveMessage = request ? toRequestMessage(request) : await findTicketMessage(context, event);
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
    createRecord: async (shown) => ({
      put: [createLiveMessagePut(chat, { ...liveMessage, ...shown }, view.isClosed)],
      // The task may have changed while the message was being sent: a refresh shows it.
      jobs: view.isClosed ? [] : [createLiveRefreshJob(chat, subject.id, `sent.${shown.messageId}`, correlation)],
    }),
  });
}

/** The id of the request that an event is about. */
function getRequestId(event: LiveEvent): string {
  if (event.kind === "ticket") return event.wait.id;
  return event.kind === "asked" ? event.question : event.request;
}

/** Renders what a message should show now. */
async function renderLiveMessage(context: DeliveryContext, message: LiveSubject): Promise<MessageView> {
  return "request" in message
    ? renderRequest(context, message)
    : renderView(context, await renderTicketNotice(context, message));
}

/** The message of a step of a ticket that is no request; undefined for the event of a request that is gone. */
async function findTicketMessage({ deps }: DeliveryContext, event: LiveEvent): Promise<TicketMessage | undefined> {
  if (event.kind !== "ticket" || (event.wait.kind !== "attention" && event.wait.kind !== "failed")) return undefined;
  const ticket = await findTicket(deps, event.ticket);
  return ticket && { event, subject: { id: ticket.item.id } };
}

/** Whether a message in the chat shows the same already; a refresh brings it up to date. */
async function hasOpenMessage({ deps, chat }: DeliveryContext, message: LiveSubject): Promise<boolean> {
  const toKey = (one: LiveSubject) => JSON.stringify("request" in one ? one.request : one.event.wait);
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
  { subject }: LiveSubject,
  request: RequestRecord | undefined,
): Promise<Pick<MessageExtras, "replyTo" | "topic">> {
  if (event.kind === "asked" && event.reminder > 0) {
    const rows = await readLiveMessages(deps.store, chat, subject.id);
    const ids = rows.flatMap(({ value }) =>
      "request" in value && value.request === event.question ? [value.messageId] : [],
    );
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
    const { value: shown } = row;
    const { rich, buttons, isClosed } = await renderLiveMessage(context, shown);
    const result = await updateMessage(context, {
      ...{ shown, rich, buttons, priority: "reply" },
      // Where somebody deleted the message there is nothing to show any more, and a question can be answered elsewhere.
      createRecord: async ({ viewHash, isGone }) => ({
        expect: [[row.key, row.rev]],
        put: [createLiveMessagePut(chat, { ...shown, viewHash }, isGone || isClosed)],
      }),
    });
    if (result) return result === JOB_DONE ? retryAfter(context, 0) : result;
  }
  await queueStatus(context, item);
  return JOB_DONE;
}

/**
 * Handles the press of a button. It answers the request that the button names, even under another message, and only if
 * it still is what the button's message showed. A message whose send got no answer has no record.
 */
export const pressLiveButton: ButtonHandler = async (context, { messageId, id, arg }) => {
  const [action = "", hash = ""] = arg.split(".", 2);
  const request = (await findRequest(context.deps, id))?.value;
  const row = await readLiveMessage(context, messageId);
  if (!request) return recordResult(context, messageId, row, { toast: await renderUnknownToast(context, id) });
  const message = row && "request" in row.value ? row.value : toRequestMessage(request);
  const record = (result: LiveResult) => recordResult(context, messageId, row, { message, ...result });
  const isShownHash = request.hash.startsWith(hash) && hash.length === BUTTON_HASH_LENGTH;
  if (action === ASK_FOR_WORDS) {
    if (!isRequestOpen(request)) return record({ toast: await renderOutcomeToast(context, request) });
    if (!isShownHash) return record({ toast: renderChangedToast(context, request) });
    return record({ message: { ...message, asking: true }, toast: getWordsToast(context, request) });
  }
  const marked = toggleOption(request, message.marked, action);
  if (marked && isShownHash && isRequestOpen(request))
    return record({ message: { ...message, marked }, toast: joinMarked(request, marked) });
  const answer = readAction(request, action, message.marked);
  if (!answer) return record({ toast: context.presentation.texts.answers.expiredButton });
  return record(await submitDecision(context, request, { ...answer, hash: isShownHash ? request.hash : hash }));
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

async function readLiveMessage({ deps, chat }: CommandContext, messageId: number) {
  return (await deps.store.read<LiveMessage>([liveMessageKey(chat, messageId)]))[0];
}

/** Adds to a result that the message is recorded if it shows something else now, and that it is refreshed. */
function recordResult(
  { chat, id, correlation }: CommandContext,
  messageId: number,
  row: Awaited<ReturnType<typeof readLiveMessage>>,
  { message = row?.value, ...result }: LiveResult,
): CommandResult {
  if (!message) return result;
  const refresh = createLiveRefreshJob(chat, message.subject.id, `heard.${id}`, correlation);
  const jobs = [...(result.jobs ?? []), refresh];
  // A record that stays as it is must not be written: the edit that shows the verdict may already be under way.
  if (message === row?.value) return { ...result, jobs };
  // Without a record the send got no answer, or the record was lost.
  const value = { messageId, viewHash: "", repeat: true, ...message };
  const expect: [StoreKey, Revision][] = [[liveMessageKey(chat, messageId), row?.rev ?? 0]];
  return { ...result, expect, put: [createLiveMessagePut(chat, value, false)], jobs };
}

/** Returns how long the send of the message of a ticket's request still has to wait. */
function findSendDelay(request: RequestRecord | undefined, now: Ms): Ms {
  const { waits, call } = request?.session ?? {};
  // Claude Code waits for the answer to a question that it offers options for.
  return request && waits === "input" && call === undefined ? request.createdAt + END_OF_TURN_DELAY_MS - now : 0;
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
  const isTyped = await changeTicket(deps, ticket.key, typed, correlation).catch(ignoreConflict);
  return isTyped ? replyText(outcomes.typed, { key: ticket.key }) : replyText(outcomes.notNeeded);
}

/** The effects of a press or a reply. `message`: what the message shows from now on; its record is made if it has none. */
type LiveResult = CommandResult & { message?: LiveSubject };

/** The action of a button that answers with the options that are marked. */
const CHOOSE = "choose";

/** Limit of mentions in a message: 10, a whole team; Telegram notifies more than 50 of nothing. */
const MENTION_LIMIT = 10;

const BUTTON_DATA = new RegExp(`^${BUTTON_VERB}:([^:]+):\\w+\\.(\\w{${BUTTON_HASH_LENGTH}})$`);

/** What the message of a request is about, as it is stored. */
export function toRequestMessage(request: RequestRecord): RequestMessage {
  const { id, hash, reminders: reminder } = request;
  return { subject: { id: getSubjectId(request) }, request: id, hash, reminder };
}

/** Renders a request in its current state: open with its buttons, or with what came of it; `note` is said while it is open. */
export async function renderRequest(
  context: RenderContext,
  message: RequestMessage,
  note?: RichText,
): Promise<MessageView> {
  const { presentation, deps } = context;
  const request = (await findRequest(deps, message.request))?.value;
  if (!request) return renderView(context, { lines: [], outcome: [toPlainText(presentation.texts.live.toast.over)] });
  const content = await getRenderer(request).render(context, request, message);
  if (isRequestOpen(request)) {
    const audience = await renderAudience(context, request, message.reminder);
    return renderView(context, { ...content, progress: [note, audience, ...(content.progress ?? [])] }, request);
  }
  const { lines } = content;
  const outcome = await findOutcome(context, request);
  const text = renderOutcome(presentation, outcome);
  return renderView(context, outcome.isPending ? { lines, progress: text } : { lines, outcome: text });
}

/**
 * Mentions in a group whom the request concerns: the requester, with the first reminder the project's people, and then
 * nobody, because it is for all. In a chat of one person there is nobody to tell apart.
 */
async function renderAudience({ deps, chat }: RenderContext, request: RequestRecord, reminder: number) {
  if (typeof chat === "number" && chat > 0) return undefined;
  const { store, settings } = deps;
  const findAudience = await createAudienceLookup({ store, settings: { ...settings, agents: settings.agents ?? [] } });
  const circle = (await findAudience(request))[reminder] ?? [];
  const mentions = circle.flatMap(({ name, telegram }) =>
    telegram === undefined ? [] : toMention(toSafeText(name, 80), telegram),
  );
  return mentions.length > 0 ? joinRichText(["👤 ", joinRichText(mentions.slice(0, MENTION_LIMIT), ", ")]) : undefined;
}

/** What came of a request, as the notice after a press or a reply. */
async function renderOutcomeToast(context: CommandContext, request: RequestRecord): Promise<string> {
  const { line, words = "" } = await findOutcome(context, request);
  return words === "" ? line.text : `${line.text}${context.presentation.texts.colon}${toSafeText(words, 100).text}`;
}

/**
 * Finds the request that a message shows which has no record, by its buttons or its text: the store was lost since, or
 * it is the reply to a command.
 */
async function findShownRequest(
  { deps }: CommandContext,
  { text, buttons }: RepliedMessage,
): Promise<RequestMessage | undefined> {
  const [, id, hash = ""] = buttons.map((data) => BUTTON_DATA.exec(data)).find((found) => found !== null) ?? [];
  if (id !== undefined) {
    const request = (await findRequest(deps, id))?.value;
    if (request?.hash.startsWith(hash)) return toRequestMessage(request);
    return { subject: { id }, request: id, reminder: 0, ...(request && toRequestMessage(request)), hash };
  }
  // Only an open question has no buttons: nothing is approved by what a text looks like.
  const [headline = ""] = text.split("\n", 1);
  const isShown = ({ subject: { key = "" }, text: asked }: RequestRecord) =>
    key !== "" && asked !== "" && headline.includes(toSafeText(key).text) && text.includes(renderAskedText(asked));
  const request = (await readOpenRequests(deps, "question")).find(isShown);
  return request && toRequestMessage(request);
}

/** Replies with a request that this chat has not shown, in place of an approval of what nobody has read here. */
export async function showRequest(context: CommandContext, request: RequestRecord): Promise<CommandResult> {
  const note = toPlainText(`ℹ️ ${context.presentation.texts.live.notShown}`);
  const { rich, buttons } = await renderRequest(context, toRequestMessage(request), note);
  return { reply: { rich, ...omitUndefined({ buttons }) } };
}

/** The notice that what is judged is not what the person was shown. */
function renderChangedToast({ presentation }: CommandContext, { kind, subject }: RequestRecord): string {
  const { plan, toast } = presentation.texts.live;
  return fillTemplate(kind === "plan" ? plan.replaced : toast.changed, { key: toSafeText(subject.key ?? "", 60) }).text;
}

/** The notice that words are asked for: a summary, what to change, or a reason. */
function getWordsToast({ presentation }: CommandContext, { kind, answers }: RequestRecord): string {
  const { ticket, plan, toast } = presentation.texts.live;
  if (answers.includes("complete")) return ticket.outcomes.summary;
  return kind === "plan" ? plan.reasonToast : toast.reason;
}

/** The notice that a request is unknown, as after the loss of the store, and whether it is asked again. */
async function renderUnknownToast(context: CommandContext, id: string): Promise<string> {
  requireMember(context);
  const { deps, from, correlation, presentation } = context;
  return renderError(presentation, await createUnknownError(deps, id, from.name, correlation));
}

function renderError({ texts }: CommandContext["presentation"], error: GroundcrewError): string {
  return renderRefusal(texts, getRefusal(error) ?? { name: "ticketNotPossible" }) ?? error.message;
}

/** What the press of a button says: the number of an option chooses it; undefined for an unknown one. */
function readAction(request: RequestRecord, action: string, marked: readonly number[] = []): WordsAnswer | undefined {
  const { answers, options } = request;
  const option = options[Number(action)];
  if (option) return { answer: "answer", comment: option.label };
  const chosen = action === CHOOSE ? joinMarked(request, marked) : "";
  if (chosen !== "") return { answer: "answer", comment: chosen };
  return action !== "answer" && answers.includes(action) ? { answer: action } : undefined;
}

/** Returns the marked options after a press, where several may be chosen; undefined for other buttons. */
function toggleOption(
  { session, options }: RequestRecord,
  marked: readonly number[] = [],
  action: string,
): number[] | undefined {
  const index = Number(action);
  if (!session?.isMultiple || options[index] === undefined) return undefined;
  return marked.includes(index) ? marked.filter((one) => one !== index) : [...marked, index].sort((a, b) => a - b);
}

/** The marked options as one answer; empty without any. */
function joinMarked({ options }: RequestRecord, marked: readonly number[]): string {
  return joinChoices(keepDefined(marked.map((index) => options[index]?.label)));
}

/**
 * Submits a decision once; the toast says what came of it. `action`: what it is in the audit, if it counts. What lets
 * something happen that the message does not show whole is refused, because nobody has read it here.
 */
export async function submitDecision(
  context: CommandContext,
  request: RequestRecord,
  given: Pick<RequestDecision, "answer" | "comment" | "hash">,
): Promise<{ toast: string; action?: { name: string; task: string | undefined } }> {
  const { allDeps, from, correlation, message, presentation } = context;
  requireMember(context);
  if (isRequestOpen(request) && isApproving(given.answer)) {
    const { elsewhere } = await renderRequest(context, toRequestMessage(request));
    if (elsewhere) return { toast: presentation.texts.live.ticket.allowElsewhere[elsewhere] };
  }
  const decision = { ...given, by: from.name, where: message ? "telegram" : "page" } as const;
  const result = await decideRequest(allDeps, request.id, decision, correlation).catch((thrown: unknown) => {
    if (thrown instanceof GroundcrewError && thrown.code === "conflict") return thrown;
    throw thrown;
  });
  if (result instanceof GroundcrewError) return { toast: renderError(presentation, result) };
  if (result.outcome === "changed") return { toast: renderChangedToast(context, result.request) };
  const toast = await renderOutcomeToast(context, result.request);
  if (result.outcome === "closed") return { toast };
  return { toast, action: { name: given.answer, task: request.subject.key } };
}

/**
 * Handles an answer in a person's own words. About a task, a text that stops the work, unless the request offers that
 * word, and one to a request that is over are passed on to the task's agents. Without a task such a text is for the
 * Concierge like any other: undefined.
 */
async function replyToRequest(
  context: CommandContext,
  shown: RequestMessage,
  text: string,
  passOn: (note?: string) => Promise<LiveResult>,
): Promise<LiveResult | undefined> {
  const { deps, from } = context;
  const { request: id, hash, asking } = shown;
  const toReply = (toast: string) => ({ reply: { rich: toPlainText(toast) } });
  const request = (await findRequest(deps, id))?.value;
  if (!request) return toReply(await renderUnknownToast(context, id));
  const words = readWords(request, text, asking);
  const isAboutTask = request.subject.item !== undefined;
  // Other words about a ticket are a comment on its task like any others, and so they are part of what is approved.
  if (!words && (request.kind === "ticket" || !isAboutTask)) return undefined;
  const decision = words && { ...words, hash };
  const isRepeated = decision !== undefined && hasVerdict(request, { ...decision, by: from.name, where: "telegram" });
  if (!isRequestOpen(request) && !isRepeated) {
    const toast = await renderOutcomeToast(context, request);
    if (decision?.comment === undefined) return toReply(toast);
    return isAboutTask ? passOn(request.verdict && toast) : undefined;
  }
  if (!decision) return { reply: { rich: await renderHint(context, request) } };
  if (isAboutTask && !isRepeated && isStopWord(text) && !isOption(request, text)) return passOn();
  const { toast, action } = await submitDecision(context, request, decision);
  // A decision that counts needs no reply: the message itself shows it, and also what has changed.
  return action ? { action } : { message: shown, ...toReply(toast) };
}

/** How to answer a request that takes no such words, or where. */
async function renderHint(context: CommandContext, request: RequestRecord): Promise<RichText> {
  const { hint = "", elsewhere } = await getRenderer(request).render(context, request, toRequestMessage(request));
  return joinRichText([elsewhere ? context.presentation.texts.live.ticket.allowElsewhere[elsewhere] : hint]);
}
