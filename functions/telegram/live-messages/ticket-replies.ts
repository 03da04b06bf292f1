import { GroundcrewError } from "../../../shared/errors.ts";
import { toPlainText } from "../../../shared/telegram/rich-text.ts";
import { changeTicket, findTicket } from "../../../shared/tickets/change-ticket.ts";
import { completeTicket } from "../../../shared/tickets/complete-ticket.ts";
import type { Ticket } from "../../../shared/tickets/ticket.ts";
import { listOpenDecisions, type OpenDecision } from "../../../shared/tickets/ticket-wait.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { isApproval } from "./approval-word.ts";
import { decideTicket, renderDecision } from "./decide-ticket.ts";
import { getQuestionKind } from "./find-wait-outcome.ts";
import type { LiveTicketMessage } from "./live-message.ts";
import { createTicketRefreshJob } from "./ticket-message.ts";

const ALLOW_PATTERN = /^(?:y|yes|allow|oui|autoriser)[.!]*$/i;
const DENY_PATTERN = /^(?:n|no|deny|non|interdire|refuser)[.!]*$/i;

/**
 * Handles a reply to a ticket's message: a word of approval approves, any text answers a session. Undefined for other
 * words about a ticket or a result: they are a comment on its task like any others.
 */
export async function handleTicketReply(
  context: CommandContext,
  message: LiveTicketMessage,
  text: string,
): Promise<CommandResult | undefined> {
  const { event, seen } = message;
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
  return replyText(context.presentation.texts.live.ticket.hints[kind]);
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

/** Types a reply into a session that needs a look. The update's id is that of the input, so it is typed once. */
async function typeReply(
  context: CommandContext,
  { event }: LiveTicketMessage,
  { key, run }: Ticket,
  text: string,
): Promise<CommandResult> {
  const { deps, id, presentation, correlation } = context;
  const { outcomes } = presentation.texts.live.ticket;
  const typed = { kind: "typed", at: await deps.store.now(), input: { id, kind: "text", text: text.trim() } } as const;
  const isTyped = run === event.run && (await acceptUnlessDecided(changeTicket(deps, key, typed, correlation)));
  return replyText(isTyped ? fillTemplate(outcomes.typed, { key }).text : outcomes.notNeeded);
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

function replyText(text: string): CommandResult {
  return { reply: { rich: toPlainText(text) } };
}
