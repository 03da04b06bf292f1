/** A person's decision about a ticket, by button or reply, and what it answers. */

import { GroundcrewError } from "../../../shared/errors.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { toPlainText } from "../../../shared/telegram/rich-text.ts";
import { approveTicket } from "../../../shared/tickets/approval.ts";
import { completeTicket } from "../../../shared/tickets/completion.ts";
import { joinChoices } from "../../../shared/tickets/questions.ts";
import { changeTicket, findTicket } from "../../../shared/tickets/stored-tickets.ts";
import { listOpenDecisions, type OpenDecision, type Ticket, type TicketEvent } from "../../../shared/tickets/ticket.ts";
import type { ButtonHandler, CommandContext, CommandResult } from "../commands/command.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import {
  createLiveMessagePut,
  isApproval,
  type LiveTicketMessage,
  liveMessageKey,
  type TicketWaitEvent,
} from "./live-message.ts";
import {
  createTicketRefreshJob,
  createUnknownTicketMessage,
  explainHiddenPermission,
  findDecision,
  findWaitOutcome,
  getQuestionKind,
  hasHiddenPermission,
  isAllowableInChat,
  readTicketMessage,
  renderUpdateProgress,
} from "./ticket-waits.ts";

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
 * Whether an answer would allow what its message does not show whole: the answer itself, whatever button or word it came
 * from, or a text that would be typed into a terminal that may show such a dialog.
 */
function isHiddenAnswer(ticket: Ticket, { question }: OpenDecision, event: TicketEvent): boolean {
  if (event.kind !== "answered" || !question) return false;
  if (question.kind === "permission") return event.text !== "deny" && !isAllowableInChat(question);
  return question.kind === "input" && !question.held && hasHiddenPermission(ticket);
}

/**
 * Handles the press of a button of a ticket's message. The button names the decision, and for an approval the text, that
 * its message showed: when it is not open any more, or the text has changed, the press only updates the message.
 */
export const ticketButtonHandler: ButtonHandler = async (context, { messageId, id: key, arg }) => {
  const { deps, presentation } = context;
  const [action = "", hash = ""] = arg.split(".", 2);
  const [ticket, stored] = await Promise.all([findTicket(deps, key), readTicketMessage(context, messageId)]);
  if (!ticket) return { toast: presentation.texts.answers.expiredButton };
  const jobs = [createTicketRefreshJob(context, ticket)];
  const decision = await findDecision(listOpenDecisions(ticket), hash);
  if (!decision) {
    const toast = stored ? renderDecision(context, stored.value.event, ticket) : presentation.texts.live.toast.over;
    return { toast, jobs };
  }
  const message = stored?.value ?? createUnknownTicketMessage(ticket, decision);
  const record = (value: LiveTicketMessage) => recordMessage(context, messageId, stored?.rev ?? 0, value);
  if (action === "done" && decision.question !== undefined)
    return { ...record({ ...message, asking: true }), toast: presentation.texts.live.ticket.outcomes.summary, jobs };
  const marked = toggleOption(decision, message.marked, action);
  if (marked) return { ...record({ ...message, marked }), toast: renderChoices(decision, marked), jobs };
  const choices = action === "choose" ? renderChoices(decision, message.marked) : "";
  await decideTicket(context, ticket, decision, choices === "" ? action : "write", choices);
  const adoption = stored ? {} : record(message);
  return { ...adoption, toast: renderDecision(context, message.event, await findTicket(deps, key)), jobs };
};

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

/** Records what a message shows now, or one whose send got no answer, so that it is kept up to date like the others. */
function recordMessage(
  { chat }: CommandContext,
  messageId: number,
  rev: number,
  message: LiveTicketMessage,
): CommandResult {
  return {
    expect: [[liveMessageKey(chat, messageId), rev]],
    put: [createLiveMessagePut(chat, messageId, message, false)],
  };
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
export async function handleTicketReply(
  context: CommandContext,
  message: LiveTicketMessage,
  text: string,
): Promise<CommandResult | undefined> {
  const { event, fingerprint: seen } = message;
  const ticket = await findTicket(context.deps, event.ticket);
  if (!ticket) return undefined;
  const decisions = listOpenDecisions(ticket);
  switch (event.wait.kind) {
    case "approval": {
      if (!isApproval(text)) return undefined;
      const decision = decisions.find(({ wait }) => wait.kind === "approval" && wait.id === event.wait.id);
      // A reply does not show which text it is about, so once it has changed only the button approves.
      return decideByReply(context, message, ticket, decision?.hash === seen ? decision : undefined, "ok");
    }
    case "result":
    case "update": {
      if (!isApproval(text)) return undefined;
      const decision = decisions.find(({ wait }) => wait.kind === "result" && wait.id === event.wait.id);
      return decideByReply(context, message, ticket, decision, "write");
    }
    case "question": {
      const decision = decisions.find(({ question }) => question?.id === event.wait.id);
      return decision && message.asking
        ? completeByReply(context, message, ticket, decision, text)
        : answerByReply(context, message, ticket, decision, text);
    }
    case "attention":
      return typeReply(context, message, ticket, text);
    case "failed":
      return undefined;
  }
}

/** An accepted decision needs no reply: the message itself shows it. */
async function decideByReply(
  context: CommandContext,
  { event }: LiveTicketMessage,
  ticket: Ticket,
  decision: OpenDecision | undefined,
  action: string,
  text?: string,
): Promise<CommandResult> {
  const jobs = [createTicketRefreshJob(context, ticket)];
  if (decision && (await decideTicket(context, ticket, decision, action, text))) return { jobs };
  return { ...replyText(renderDecision(context, event, await findTicket(context.deps, ticket.key))), jobs };
}

function replyText(text: string): CommandResult {
  return { reply: { rich: toPlainText(text) } };
}

async function completeByReply(
  context: CommandContext,
  { event }: LiveTicketMessage,
  ticket: Ticket,
  { wait }: OpenDecision,
  text: string,
): Promise<CommandResult> {
  const { deps, from, correlation } = context;
  const completion = { summary: text, source: "person", by: from.name, question: wait.id } as const;
  const isAccepted = await acceptUnlessDecided(completeTicket(deps, ticket.key, completion, correlation));
  const jobs = [createTicketRefreshJob(context, ticket)];
  if (isAccepted) return { jobs };
  return { ...replyText(renderDecision(context, event, await findTicket(deps, ticket.key))), jobs };
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

function answerByReply(
  context: CommandContext,
  message: LiveTicketMessage,
  ticket: Ticket,
  decision: OpenDecision | undefined,
  text: string,
): Promise<CommandResult> | CommandResult {
  const kind = getQuestionKind(message.event);
  if (!decision || kind === "input") return decideByReply(context, message, ticket, decision, "write", text.trim());
  const word = text.trim();
  const isAllowed = isApproval(word) || ALLOW_PATTERN.test(word);
  if (kind === "permission" && (isAllowed || DENY_PATTERN.test(word)))
    return decideByReply(context, message, ticket, decision, isAllowed ? "allow" : "deny");
  const hint = kind === "permission" && explainHiddenPermission(context.presentation, message.event, ticket);
  return replyText(hint || context.presentation.texts.live.ticket.hints[kind]);
}

/** Types a reply into a session that needs a look. The update's id is that of the input, so it is typed once. */
async function typeReply(
  context: CommandContext,
  { event }: LiveTicketMessage,
  ticket: Ticket,
  text: string,
): Promise<CommandResult> {
  const { deps, id, presentation, correlation } = context;
  const { outcomes, allowElsewhere } = presentation.texts.live.ticket;
  const { key, run } = ticket;
  if (hasHiddenPermission(ticket)) return replyText(allowElsewhere.typing);
  const typed = { kind: "typed", at: await deps.store.now(), input: { id, kind: "text", text: text.trim() } } as const;
  const isTyped = run === event.run && (await acceptUnlessDecided(changeTicket(deps, key, typed, correlation)));
  return replyText(isTyped ? fillTemplate(outcomes.typed, { key }).text : outcomes.notNeeded);
}
