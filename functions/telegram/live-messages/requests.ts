/**
 * A request to a person as a message in Telegram: one way to show, press and answer it for every kind. What is
 * particular about the look and the words of a kind is its entry in `RENDERERS` (request-renderers.ts).
 */

import { GroundcrewError } from "../../../shared/errors.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { getRefusal, renderRefusal } from "../../../shared/refusals/render-refusal.ts";
import { decideRequest, findRequest, hasVerdict } from "../../../shared/requests/requests.ts";
import {
  getSubjectId,
  isRequestOpen,
  type RequestDecision,
  type RequestKindName,
  type RequestRecord,
} from "../../../shared/task/request.ts";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import { toPlainText } from "../../../shared/telegram/rich-text.ts";
import { joinChoices } from "../../../shared/tickets/questions.ts";
import { normalizeName } from "../commands/arguments.ts";
import type { CommandContext } from "../commands/command.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import {
  ASK_FOR_WORDS,
  getRequestId,
  isApproval,
  type LiveContent,
  type LiveKind,
  type LiveRequestMessage,
  type LiveResult,
  NEW_MESSAGE,
  type RequestEvent,
  type RequestRenderer,
  type TicketWaitEvent,
  UNCONFIRMED_MESSAGE,
} from "./live-message.ts";
import { getRenderer } from "./request-renderers.ts";

/** What a decision in Telegram says: an answer with the person's own words. */
type Answer = Pick<RequestDecision, "answer" | "comment">;

/** The events that are sent as messages of each kind of request. */
const MESSAGE_EVENTS: Partial<Record<RequestKindName, RequestEvent["kind"]>> = {
  question: "asked",
  review: "review",
  plan: "plan_proposed",
};

/** The action of a button that answers with the options that are marked. */
const CHOOSE = "choose";

/** Units of the hash that a button's data has space for. */
const BUTTON_HASH_LENGTH = 12;

/**
 * A press answers the request that the button names, even under another message, and only if it still is what the
 * button's message showed.
 */
export const requestKind: LiveKind<LiveRequestMessage, RequestEvent | TicketWaitEvent> = {
  // Short, because the data of a button has 64 bytes: `r:` and 36 of an id, 12 of an action and 12 of a hash.
  verb: "r",
  async createMessage({ deps }, event) {
    const request = (await findRequest(deps, getRequestId(event)))?.value;
    return request && { ...NEW_MESSAGE, ...toMessageFields(request) };
  },
  render: renderRequest,
  press: pressRequest,
  reply: replyToRequest,
};

function toMessageFields(request: RequestRecord) {
  const { id, hash, kind, reminders: reminder } = request;
  const event = { kind: MESSAGE_EVENTS[kind] ?? "asked", reminder } as const;
  return { subject: { id: getSubjectId(request) }, request: id, hash, kind, event };
}

/** Renders a request in its current state: open with its buttons, or with what came of it. */
async function renderRequest(context: DeliveryContext, message: LiveRequestMessage): Promise<LiveContent> {
  const request = (await findRequest(context.deps, message.request))?.value;
  if (!request) return { lines: [], outcome: [toPlainText(context.presentation.texts.live.toast.over)] };
  const renderer = getRenderer(request);
  const content = await renderer.render(context, request, message);
  const progress = isRequestOpen(request) ? undefined : await renderer.renderProgress?.(context, request);
  if (progress) return { lines: content.lines, progress };
  if (!isRequestOpen(request)) return { lines: content.lines, outcome: await renderer.renderOutcome(context, request) };
  const { rows, ...open } = content;
  return { ...open, buttons: { id: request.id, hash: request.hash.slice(0, BUTTON_HASH_LENGTH), rows } };
}

async function pressRequest(
  context: CommandContext,
  { id, action, hash, message }: Parameters<LiveKind<LiveRequestMessage>["press"]>[1],
): Promise<LiveResult> {
  const { texts } = context.presentation;
  const request = (await findRequest(context.deps, id))?.value;
  if (!request) return { toast: texts.answers.expiredButton };
  const shown = message ?? createUnconfirmedMessage(request);
  const isShownHash = request.hash.startsWith(hash) && hash.length === BUTTON_HASH_LENGTH;
  const renderer = getRenderer(request);
  if (action === ASK_FOR_WORDS) {
    if (!isRequestOpen(request)) return { message: shown, toast: renderer.getOutcomeToast(context, request, false) };
    if (!isShownHash) return { message: shown, toast: renderer.getChangedToast(context, request) };
    return { message: { ...shown, asking: true }, toast: renderer.getWordsToast(context) };
  }
  const marked = toggleOption(request, shown.marked, action);
  if (marked && isShownHash && isRequestOpen(request))
    return { message: { ...shown, marked }, toast: joinMarked(request, marked) };
  const answer = readAction(request, action, shown.marked);
  if (!answer) return { toast: texts.answers.expiredButton };
  const refusal = isRequestOpen(request) && renderer.explainRefusal?.(context, request, answer.answer);
  if (refusal) return { toast: refusal };
  const decision = { ...answer, hash: isShownHash ? request.hash : hash };
  const { asking: _asking, marked: _marked, ...rest } = shown;
  return { ...(await submitDecision(context, request, decision)), message: rest };
}

/** What the press of a button says: the number of an option chooses it; undefined for an unknown one. */
function readAction(request: RequestRecord, action: string, marked: readonly number[] = []): Answer | undefined {
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

/** What a message shows whose send got no answer, so that its buttons are removed like those of the others. */
function createUnconfirmedMessage(request: RequestRecord): LiveRequestMessage {
  return { ...UNCONFIRMED_MESSAGE, ...toMessageFields(request) };
}

/** Submits a decision once; the toast says what came of it. */
export async function submitDecision(
  context: CommandContext,
  { id }: Pick<RequestRecord, "id">,
  given: Answer & { hash: string },
): Promise<{ toast: string; request?: RequestRecord; isDecided: boolean }> {
  const { deps, from, correlation, message, presentation } = context;
  const decision = { ...given, by: from.name, where: message ? "telegram" : "page" } as const;
  const result = await decideRequest(deps, id, decision, correlation).catch((thrown: unknown) => {
    if (thrown instanceof GroundcrewError && thrown.code === "conflict") return thrown;
    throw thrown;
  });
  if (result instanceof GroundcrewError) {
    const toast = renderRefusal(presentation.texts, getRefusal(result) ?? { name: "ticketNotPossible" });
    return { toast: toast ?? result.message, isDecided: false };
  }
  const { outcome, request } = result;
  const isDecided = outcome === "decided";
  const renderer = getRenderer(request);
  const toast =
    outcome === "changed"
      ? renderer.getChangedToast(context, request)
      : renderer.getOutcomeToast(context, request, isDecided);
  return { toast, request, isDecided };
}

/**
 * Handles an answer in a person's own words. About a task, a text that stops the work, unless the request offers that
 * word, and one to a request that is over are passed on to the task's agents. Without a task such a text is for the
 * Concierge like any other: undefined.
 */
async function replyToRequest(
  context: CommandContext,
  { request: id, hash, asking }: LiveRequestMessage,
  text: string,
  passOn: (note?: string) => Promise<LiveResult>,
): Promise<LiveResult | undefined> {
  const { deps, from, presentation } = context;
  const request = (await findRequest(deps, id))?.value;
  if (!request) return { reply: { rich: toPlainText(presentation.texts.live.toast.over) } };
  const renderer = getRenderer(request);
  const words = (renderer.readWords ?? readOwnWords)(context, text.trim(), request, asking);
  // Other words about a ticket or a result are a comment on its task like any others.
  if (!words) return undefined;
  if ("hint" in words) return { reply: { rich: toPlainText(words.hint) } };
  const refusal = isRequestOpen(request) && renderer.explainRefusal?.(context, request, words.answer);
  if (refusal) return { reply: { rich: toPlainText(refusal) } };
  const decision = { ...words, hash };
  const isRepeated = hasVerdict(request, { ...decision, by: from.name, where: "telegram" });
  const isAboutTask = request.subject.item !== undefined;
  if (!isRequestOpen(request) && !isRepeated) {
    const toast = renderer.getOutcomeToast(context, request, false);
    if (renderer.readWords) return { reply: { rich: toPlainText(toast) } };
    if (isAboutTask) return passOn(request.verdict && toast);
    return decision.answer === "approve" ? { reply: { rich: toPlainText(toast) } } : undefined;
  }
  const isOption = request.options.some(({ label }) => normalizeName(label) === normalizeName(text));
  if (isAboutTask && !isRepeated && isStopWord(text) && !isOption) return passOn();
  const { toast, isDecided } = await submitDecision(context, request, decision);
  // A decision that counts needs no reply: the message itself shows it.
  return isDecided ? {} : { reply: { rich: toPlainText(toast) } };
}

const readOwnWords: NonNullable<RequestRenderer["readWords"]> = (_, text, request, asking) =>
  readWords(request, text, asking);

/** What a person's words say: the answer to a question; else a word of approval approves, and a reason sends back. */
export function readWords({ kind }: RequestRecord, text: string, isReason: boolean | undefined): Answer {
  if (kind === "question") return { answer: "answer", comment: text };
  return !isReason && isApproval(text) ? { answer: "approve" } : { answer: "send_back", comment: text };
}
