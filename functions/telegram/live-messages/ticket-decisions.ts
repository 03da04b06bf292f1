/** A person's decision about a ticket, by button or reply, and what it answers. */

import { GroundcrewError } from "../../../shared/errors.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { getRefusal, renderRefusal } from "../../../shared/refusals/render-refusal.ts";
import { toPlainText } from "../../../shared/telegram/rich-text.ts";
import { approveTicket } from "../../../shared/tickets/approval.ts";
import { completeTicket } from "../../../shared/tickets/completion.ts";
import { joinChoices } from "../../../shared/tickets/questions.ts";
import { changeTicket, findTicket } from "../../../shared/tickets/stored-tickets.ts";
import {
  isChecking,
  listOpenDecisions,
  type OpenDecision,
  type Ticket,
  type TicketEvent,
} from "../../../shared/tickets/ticket.ts";
import { findNotDone } from "../../../shared/tickets/ticket-criteria.ts";
import type { CommandContext } from "../commands/command.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import {
  isApproval,
  type LiveKind,
  type LivePress,
  type LiveResult,
  type LiveTicketMessage,
  type TicketWaitEvent,
} from "./live-message.ts";
import { renderTicket } from "./ticket-messages.ts";
import {
  createTicketMessage,
  createUnknownTicketMessage,
  explainHiddenPermission,
  findDecision,
  findOwnDecision,
  findWaitOutcome,
  getWaitName,
  hasHiddenPermission,
  isAllowableInChat,
  renderUpdateProgress,
} from "./ticket-waits.ts";

export const ticketKind: LiveKind<LiveTicketMessage> = {
  verb: "ticket",
  async createMessage({ deps }, event) {
    const ticket = await findTicket(deps, event.ticket);
    return ticket && createTicketMessage(ticket, event);
  },
  render: renderTicket,
  press: handlePress,
  reply: replyToTicket,
};

/** The answers of buttons. */
const ANSWERS: Partial<Record<string, string>> = { allow: "allow", deny: "deny", resume: "resume" };

const ALLOW_PATTERN = /^(?:y|yes|allow|oui|autoriser)[.!]*$/i;

const DENY_PATTERN = /^(?:n|no|deny|non|interdire|refuser)[.!]*$/i;

/**
 * Takes a person's decision about a ticket; false when somebody else has decided, or the ticket has changed. `action`:
 * `ok` and `no` judge the ticket, `allow`, `deny`, `option<n>` and `resume` answer the session, `more` extends its time,
 * `cancel` gives the ticket up, and `write` answers with `text`, or approves the update of Plane, which the queue then writes.
 */
export async function decideTicket(
  context: CommandContext,
  ticket: Ticket,
  decision: OpenDecision,
  action: string,
  text = "",
): Promise<boolean> {
  const { deps, from, correlation } = context;
  const { hash } = decision;
  const { key } = ticket;
  try {
    if (action === "ok" && hash !== undefined) await approveTicket(deps, key, { by: from.name, hash }, correlation);
    else {
      const event = createDecisionEvent(context, decision, action, text, await deps.store.now());
      if (!event || isHiddenAnswer(ticket, decision, event)) return false;
      await changeTicket(deps, key, event, correlation);
    }
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "conflict") throw thrown;
    deps.log.info("ticket not decided", { correlation, ticket: key, action, error: thrown.message });
    return false;
  }
  deps.notify();
  return true;
}

/** Returns undefined for an action that this decision does not offer. */
function createDecisionEvent(
  { deps, from }: CommandContext,
  { wait, question }: OpenDecision,
  action: string,
  text: string,
  at: number,
): TicketEvent | undefined {
  const by = from.name;
  if (wait.kind === "approval") return action === "no" ? { kind: "rejected", at, by, text } : undefined;
  if (wait.kind === "result")
    return action === "write" ? { kind: "update_requested", at, by, inQueue: true } : undefined;
  if (!question) return undefined;
  const { id } = question;
  if (action === "cancel") return { kind: "cancelled", at, by, question: id };
  if (action === "more")
    return { kind: "extended", at, by, minutes: deps.settings.tickets?.minutes ?? 30, question: id };
  const option = /^option(\d)$/.exec(action)?.[1];
  const answer = option === undefined ? ANSWERS[action] : question.options?.[Number(option)];
  const written = action === "write" ? text : answer;
  return written === undefined ? undefined : { kind: "answered", at, question: id, text: written, by };
}

/**
 * Whether an answer would allow what its message does not show whole: the answer itself, whatever button or word it
 * came from, or a text that would be typed into a terminal that may show such a dialog.
 */
function isHiddenAnswer(ticket: Ticket, { question }: OpenDecision, event: TicketEvent): boolean {
  if (event.kind !== "answered" || !question) return false;
  if (question.kind === "permission") return event.text !== "deny" && !isAllowableInChat(question);
  return question.kind === "input" && !question.held && hasHiddenPermission(ticket);
}

/**
 * Handles the press of a button of a ticket's message. The button names the decision, and for an approval the text,
 * that its message showed: when it is not open any more, or the text has changed, the press only updates the message.
 */
async function handlePress(
  context: CommandContext,
  { id: key, action, hash, message: stored }: LivePress<LiveTicketMessage>,
): Promise<LiveResult> {
  const { deps, presentation } = context;
  const { answers, live } = presentation.texts;
  const ticket = await findTicket(deps, key);
  if (!ticket) return { toast: answers.expiredButton };
  const decision = await findDecision(listOpenDecisions(ticket), hash);
  if (!decision) return { toast: stored ? renderDecision(context, stored.event, ticket) : live.toast.over };
  const message = stored ?? createUnknownTicketMessage(ticket, decision);
  if (action === "done" && decision.question !== undefined)
    return { message: { ...message, asking: true }, toast: live.ticket.outcomes.summary };
  const marked = toggleOption(decision, message.marked, action);
  if (marked) return { message: { ...message, marked }, toast: renderChoices(decision, marked) };
  const choices = action === "choose" ? renderChoices(decision, message.marked) : "";
  await decideTicket(context, ticket, decision, choices === "" ? action : "write", choices);
  return { message, toast: renderDecision(context, message.event, await findTicket(deps, key)) };
}

/** What a press or a reply has come to, in a sentence. */
function renderDecision({ presentation }: CommandContext, event: TicketWaitEvent, ticket: Ticket | undefined): string {
  const { texts } = presentation;
  const { outcomes } = texts.live.ticket;
  const outcome = findWaitOutcome(event, ticket, texts);
  if (outcome) return outcome.detail ? `${outcome.line.text}${texts.colon}${outcome.detail}` : outcome.line.text;
  const hidden = explainHiddenPermission(presentation, event, ticket);
  if (hidden !== undefined) return hidden;
  const [progress] = ticket ? renderUpdateProgress(event, ticket, presentation) : [];
  if (progress) return progress.text;
  const isChanged = event.wait.kind === "approval";
  return isChanged ? fillTemplate(outcomes.changed, { key: event.ticket }).text : texts.live.toast.over;
}

/** Returns the marked options after a press; undefined for other buttons. */
function toggleOption(
  { question }: OpenDecision,
  marked: readonly number[] = [],
  action: string,
): number[] | undefined {
  const index = Number(/^option(\d)$/.exec(action)?.[1] ?? Number.NaN);
  if (!question?.isMultiple || question.options?.[index] === undefined) return undefined;
  return marked.includes(index) ? marked.filter((one) => one !== index) : [...marked, index].sort((a, b) => a - b);
}

/** The marked options as one answer; empty without any. */
function renderChoices({ question }: OpenDecision, marked: readonly number[] = []): string {
  return joinChoices(keepDefined(marked.map((index) => question?.options?.[index])));
}

/**
 * Handles a reply to a ticket's message: a word of approval approves, any text answers a session. Undefined for other
 * words about a ticket or a result: they are a comment on its task like any others.
 */
async function replyToTicket(
  context: CommandContext,
  message: LiveTicketMessage,
  text: string,
): Promise<LiveResult | undefined> {
  const { event, fingerprint: seen } = message;
  const { wait } = event;
  const ticket = await findTicket(context.deps, event.ticket);
  if (!ticket) return undefined;
  if (wait.kind === "attention") return typeReply(context, event, ticket, text);
  const decision = findOwnDecision(event, ticket);
  if (wait.kind === "question") return answerSession(context, message, ticket, decision, text);
  if (wait.kind === "failed" || !isApproval(text)) return undefined;
  if (wait.kind !== "approval") return decideByReply(context, event, ticket, decision, "write");
  // A reply does not show which text it is about, so once it has changed only the button approves.
  return decideByReply(context, event, ticket, decision?.hash === seen ? decision : undefined, "ok");
}

async function decideByReply(
  context: CommandContext,
  event: TicketWaitEvent,
  ticket: Ticket,
  decision: OpenDecision | undefined,
  action: string,
  text?: string,
): Promise<LiveResult> {
  const isDecided = decision !== undefined && (await decideTicket(context, ticket, decision, action, text));
  return replyUnlessAccepted(context, event, isDecided);
}

/** An accepted decision needs no reply: the message itself shows it. */
async function replyUnlessAccepted(context: CommandContext, event: TicketWaitEvent, isAccepted: boolean) {
  if (isAccepted) return {};
  return replyText(renderDecision(context, event, await findTicket(context.deps, event.ticket)));
}

function replyText(text: string): LiveResult {
  return { reply: { rich: toPlainText(text) } };
}

/** Answers what a session asks, or completes its ticket where the message asks for the summary. */
async function answerSession(
  context: CommandContext,
  { event, asking }: LiveTicketMessage,
  ticket: Ticket,
  decision: OpenDecision | undefined,
  text: string,
): Promise<LiveResult> {
  const { from, presentation } = context;
  if (decision && asking) {
    const completion = { summary: text, source: "person", by: from.name, question: decision.wait.id } as const;
    return completeByReply(context, event, ticket.key, completion);
  }
  const name = getWaitName(event);
  const word = text.trim();
  if (!decision || (name !== "permission" && name !== "time" && name !== "ended"))
    return decideByReply(context, event, ticket, decision, "write", word);
  const isAllowed = isApproval(word) || ALLOW_PATTERN.test(word);
  if (name === "permission" && (isAllowed || DENY_PATTERN.test(word)))
    return decideByReply(context, event, ticket, decision, isAllowed ? "allow" : "deny");
  const hint = name === "permission" && explainHiddenPermission(presentation, event, ticket);
  return replyText(hint || presentation.texts.live.ticket.hints[name]);
}

/** Completes a ticket with the summary of a reply; the reply to it says what is missing, or that the tests run first. */
async function completeByReply(
  context: CommandContext,
  event: TicketWaitEvent,
  key: string,
  completion: Parameters<typeof completeTicket>[2],
): Promise<LiveResult> {
  const { texts } = context.presentation;
  let answer: string | undefined;
  const completed = completeTicket(context.deps, key, completion, context.correlation).then(
    (ticket) => {
      if (isChecking(ticket)) answer = texts.live.ticket.outcomes.tests;
    },
    (thrown: unknown) => {
      if (findNotDone(thrown)) answer = renderRefusal(texts, getRefusal(thrown) ?? { name: "" });
      throw thrown;
    },
  );
  const isAccepted = await acceptUnlessDecided(completed);
  return answer === undefined ? replyUnlessAccepted(context, event, isAccepted) : replyText(answer);
}

async function acceptUnlessDecided(change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "conflict") throw thrown;
    return false;
  }
}

/** Types a reply into a session that needs a look. The update's id is that of the input, so it is typed once. */
async function typeReply(
  context: CommandContext,
  event: TicketWaitEvent,
  ticket: Ticket,
  text: string,
): Promise<LiveResult> {
  const { deps, id, presentation, correlation } = context;
  const { outcomes, allowElsewhere } = presentation.texts.live.ticket;
  const { key, run } = ticket;
  if (hasHiddenPermission(ticket)) return replyText(allowElsewhere.typing);
  const typed = { kind: "typed", at: await deps.store.now(), input: { id, kind: "text", text: text.trim() } } as const;
  const isTyped = run === event.run && (await acceptUnlessDecided(changeTicket(deps, key, typed, correlation)));
  return replyText(isTyped ? fillTemplate(outcomes.typed, { key }).text : outcomes.notNeeded);
}
