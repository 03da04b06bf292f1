/**
 * A request to a person as a message in Telegram: one way to show, press and answer it for every kind. What is
 * particular about the look and the words of a kind is its entry in `RENDERERS` (request-renderers.ts).
 */

import { GroundcrewError } from "../../../shared/errors.ts";
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
import { getSubjectId, isRequestOpen, joinChoices, type RequestRecord } from "../../../shared/task/request.ts";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import { joinRichText, type RichText, toMention, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { isApproving } from "../../../shared/tickets/ticket.ts";
import { type CommandContext, type CommandResult, type RepliedMessage, requireMember } from "../commands/command.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import {
  ASK_FOR_WORDS,
  BUTTON_VERB,
  type LiveMessage,
  type MessageView,
  type RenderContext,
  type RequestMessage,
  renderOutcome,
  renderView,
  UNCONFIRMED_MESSAGE,
} from "./live-message.ts";
import { findOutcome, getRenderer, renderAskedText } from "./request-renderers.ts";

/** The message of a request as it is stored. */
type ShownRequest = Extract<LiveMessage, RequestMessage>;

/** The effects of a press or a reply. `message`: what the message shows from now on; its record is made if it has none. */
export type LiveResult = CommandResult & { message?: LiveMessage };

/** The action of a button that answers with the options that are marked. */
const CHOOSE = "choose";

/** Limit of mentions in a message: 10, a whole team; Telegram notifies more than 50 of nothing. */
const MENTION_LIMIT = 10;

/** Units of the hash that a button's data has space for. */
const BUTTON_HASH_LENGTH = 12;

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
  const renderer = getRenderer(request);
  const { rows, ...content } = await renderer.render(context, request, message);
  const { lines } = content;
  if (isRequestOpen(request)) {
    const hash = request.hash.slice(0, BUTTON_HASH_LENGTH);
    const audience = await renderAudience(context, request, message.reminder);
    const progress = [note, audience, ...(content.progress ?? [])];
    return renderView(context, { ...content, progress, buttons: { id: request.id, hash, rows } });
  }
  const progress = await renderer.renderProgress?.(context, request);
  if (progress) return renderView(context, { lines, progress });
  return renderView(context, { lines, outcome: renderOutcome(presentation, await findOutcome(context, request)) });
}

/**
 * Mentions in a group whom the request concerns: the requester, with the first reminder the project's people, and then
 * nobody, because it is for all. In a chat of one person there is nobody to tell apart.
 */
async function renderAudience({ deps, chat }: RenderContext, request: RequestRecord, reminder: number) {
  if (typeof chat === "number" && chat > 0) return undefined;
  const { agents = [], people } = deps.settings;
  const findAudience = await createAudienceLookup({
    store: deps.store,
    settings: { agents, ...omitUndefined({ people }) },
  });
  const circle = (await findAudience(request))[reminder] ?? [];
  const mentions = circle.flatMap(({ name, telegram }) =>
    telegram === undefined ? [] : toMention(toSafeText(name, 80), telegram),
  );
  if (mentions.length === 0) return undefined;
  return joinRichText(["👤 ", joinRichText(mentions.slice(0, MENTION_LIMIT), ", ")]);
}

/** What came of a request, as the notice after a press or a reply. */
async function renderOutcomeToast(context: CommandContext, request: RequestRecord): Promise<string> {
  const [, line, words = ""] = await findOutcome(context, request);
  return words === "" ? line.text : `${line.text}${context.presentation.texts.colon}${toSafeText(words, 100).text}`;
}

/**
 * Finds the request that a message shows which has no record, by its buttons or its text: the store was lost since, or
 * it is the reply to a command.
 */
export async function findShownRequest(
  { deps }: CommandContext,
  { text, buttons }: RepliedMessage,
): Promise<ShownRequest | undefined> {
  const [, id, hash = ""] = buttons.map((data) => BUTTON_DATA.exec(data)).find((found) => found !== null) ?? [];
  if (id !== undefined) {
    const request = (await findRequest(deps, id))?.value;
    const unknown = { subject: { id }, request: id, hash, reminder: 0 };
    const shown = request ? toRequestMessage(request) : unknown;
    return { ...UNCONFIRMED_MESSAGE, ...shown, ...(shown.hash.startsWith(hash) ? {} : { hash }) };
  }
  // Only an open question has no buttons: nothing is approved by what a text looks like.
  const [headline = ""] = text.split("\n", 1);
  const isShown = ({ subject: { key = "" }, text: asked }: RequestRecord) =>
    key !== "" && asked !== "" && headline.includes(toSafeText(key).text) && text.includes(renderAskedText(asked));
  const request = (await readOpenRequests(deps, "question")).find(isShown);
  return request && { ...UNCONFIRMED_MESSAGE, ...toRequestMessage(request) };
}

/** Replies with a request that this chat has not shown, in place of an approval of what nobody has read here. */
export async function showRequest(context: CommandContext, request: RequestRecord): Promise<CommandResult> {
  const note = toPlainText(`ℹ️ ${context.presentation.texts.live.notShown}`);
  const { rich, buttons } = await renderRequest(context, toRequestMessage(request), note);
  return { reply: { rich, ...omitUndefined({ buttons }) } };
}

/** The notice that what is judged is not what the person was shown. */
function renderChangedToast({ presentation: { texts } }: CommandContext, request: RequestRecord): string {
  const text = getRenderer(request).getChangedText?.(texts) ?? texts.live.toast.changed;
  return fillTemplate(text, { key: toSafeText(request.subject.key ?? "", 60) }).text;
}

/**
 * Handles the press of a button. It answers the request that the button names, even under another message, and only if
 * it still is what the button's message showed. `message` is absent when its send got no answer.
 */
export async function pressRequest(
  context: CommandContext,
  press: { id: string; action: string; hash: string; message: ShownRequest | undefined },
): Promise<LiveResult> {
  const { texts } = context.presentation;
  const { id, action, hash } = press;
  const request = (await findRequest(context.deps, id))?.value;
  if (!request) return { toast: await renderUnknownToast(context, id) };
  const message = press.message ?? { ...UNCONFIRMED_MESSAGE, ...toRequestMessage(request) };
  const isShownHash = request.hash.startsWith(hash) && hash.length === BUTTON_HASH_LENGTH;
  if (action === ASK_FOR_WORDS) {
    if (!isRequestOpen(request)) return { message, toast: await renderOutcomeToast(context, request) };
    if (!isShownHash) return { message, toast: renderChangedToast(context, request) };
    const toast = getRenderer(request).getWordsText?.(texts) ?? texts.live.toast.reason;
    return { message: { ...message, asking: true }, toast };
  }
  const marked = toggleOption(request, message.marked, action);
  if (marked && isShownHash && isRequestOpen(request))
    return { message: { ...message, marked }, toast: joinMarked(request, marked) };
  const answer = readAction(request, action, message.marked);
  if (!answer) return { toast: texts.answers.expiredButton };
  const decision = { ...answer, hash: isShownHash ? request.hash : hash };
  const { toast, isRefused } = await submitDecision(context, request, decision);
  if (isRefused) return { toast };
  const { asking, marked: _marked, ...rest } = message;
  // A record that stays as it is must not be written: the edit that shows the verdict may already be under way.
  const isChanged = asking !== undefined || message.marked !== undefined;
  return { action: toAction(request, decision), toast, message: isChanged ? rest : message };
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
 * Submits a decision once; the toast says what came of it. `isRefused`: it lets something happen that the message does
 * not show whole, so nobody has read it here.
 */
export async function submitDecision(
  context: CommandContext,
  request: RequestRecord,
  given: WordsAnswer & { hash: string },
): Promise<{ toast: string; request?: RequestRecord; isDecided: boolean; isRefused?: true }> {
  const { allDeps, from, correlation, message, presentation } = context;
  requireMember(context);
  if (isRequestOpen(request) && isApproving(given.answer)) {
    const { elsewhere } = await renderRequest(context, toRequestMessage(request));
    const { allowElsewhere } = presentation.texts.live.ticket;
    if (elsewhere) return { toast: allowElsewhere[elsewhere], isDecided: false, isRefused: true };
  }
  const decision = { ...given, by: from.name, where: message ? "telegram" : "page" } as const;
  const result = await decideRequest(allDeps, request.id, decision, correlation).catch((thrown: unknown) => {
    if (thrown instanceof GroundcrewError && thrown.code === "conflict") return thrown;
    throw thrown;
  });
  if (result instanceof GroundcrewError) return { toast: renderError(presentation, result), isDecided: false };
  const isChanged = result.outcome === "changed";
  const toast = isChanged
    ? renderChangedToast(context, result.request)
    : await renderOutcomeToast(context, result.request);
  return { toast, request: result.request, isDecided: result.outcome === "decided" };
}

/**
 * Handles an answer in a person's own words. About a task, a text that stops the work, unless the request offers that
 * word, and one to a request that is over are passed on to the task's agents. Without a task such a text is for the
 * Concierge like any other: undefined.
 */
export async function replyToRequest(
  context: CommandContext,
  { request: id, hash, asking }: RequestMessage,
  text: string,
  passOn: (note?: string) => Promise<LiveResult>,
): Promise<LiveResult | undefined> {
  const { deps, from } = context;
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
  const { toast, isDecided } = await submitDecision(context, request, decision);
  // A decision that counts needs no reply: the message itself shows it.
  return { action: toAction(request, decision), ...(isDecided ? {} : toReply(toast)) };
}

/** How to answer a request that takes no such words, or where. */
async function renderHint(context: CommandContext, request: RequestRecord): Promise<RichText> {
  const { hint = "", elsewhere } = await getRenderer(request).render(context, request, toRequestMessage(request));
  return joinRichText([elsewhere ? context.presentation.texts.live.ticket.allowElsewhere[elsewhere] : hint]);
}

/** What an answer is in the audit. */
function toAction({ subject }: RequestRecord, { answer: name }: WordsAnswer) {
  return { name, task: subject.key };
}
