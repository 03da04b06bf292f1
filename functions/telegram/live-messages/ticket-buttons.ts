import { keepDefined } from "../../../shared/keep-defined.ts";
import { findTicket } from "../../../shared/tickets/change-ticket.ts";
import { joinChoices } from "../../../shared/tickets/join-choices.ts";
import { listOpenDecisions, type OpenDecision } from "../../../shared/tickets/ticket-wait.ts";
import type { ButtonHandler, CommandContext, CommandResult } from "../commands/command.ts";
import { decideTicket, renderDecision } from "./decide-ticket.ts";
import { createLiveMessagePut, type LiveTicketMessage, liveMessageKey } from "./live-message.ts";
import {
  createTicketRefreshJob,
  createUnknownTicketMessage,
  findDecision,
  readTicketMessage,
} from "./ticket-message.ts";

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
