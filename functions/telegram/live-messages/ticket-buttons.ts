import { findTicket } from "../../../shared/tickets/change-ticket.ts";
import type { Ticket } from "../../../shared/tickets/ticket.ts";
import { listOpenDecisions, type OpenDecision } from "../../../shared/tickets/ticket-wait.ts";
import type { ButtonHandler, CommandContext, CommandResult } from "../commands/command.ts";
import { decideTicket, renderDecision } from "./decide-ticket.ts";
import { createLiveMessagePut, liveMessageKey } from "./live-message.ts";
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
  const asksForSummary = action === "done" && decision.question !== undefined;
  const adoption =
    stored && !asksForSummary ? {} : await recordMessage(context, messageId, { ticket, decision, asksForSummary });
  if (asksForSummary) return { ...adoption, toast: presentation.texts.live.ticket.outcomes.summary, jobs };
  await decideTicket(context, ticket, decision, action);
  const { event } = stored?.value ?? createUnknownTicketMessage(ticket, decision);
  return { ...adoption, toast: renderDecision(context, event, await findTicket(deps, key)), jobs };
};

/**
 * Records that a message asks for the summary, and a message whose send got no answer, so that it is kept up to date
 * like the others.
 */
async function recordMessage(
  context: CommandContext,
  messageId: number,
  { ticket, decision, asksForSummary }: { ticket: Ticket; decision: OpenDecision; asksForSummary: boolean },
): Promise<CommandResult> {
  const { chat } = context;
  const stored = await readTicketMessage(context, messageId);
  const message = stored?.value ?? createUnknownTicketMessage(ticket, decision);
  return {
    expect: [[liveMessageKey(chat, messageId), stored?.rev ?? 0]],
    put: [createLiveMessagePut(chat, messageId, asksForSummary ? { ...message, asking: true } : message, false)],
  };
}
