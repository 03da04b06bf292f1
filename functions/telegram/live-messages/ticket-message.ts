import { createLiveRefreshJob } from "../../../shared/jobs/outbox-jobs.ts";
import type { Job } from "../../../shared/store/job-operations.ts";
import type { Store } from "../../../shared/store/port.ts";
import { findTicket } from "../../../shared/tickets/change-ticket.ts";
import type { Ticket } from "../../../shared/tickets/ticket.ts";
import { hashDecision, type OpenDecision } from "../../../shared/tickets/ticket-wait.ts";
import { type Ms, SECOND } from "../../../shared/time.ts";
import type { CommandContext } from "../commands/command.ts";
import {
  isTicketMessage,
  type LiveMessage,
  type LiveTicketMessage,
  liveMessageKey,
  type TicketWaitEvent,
} from "./live-message.ts";

/** Creates the record of a message about what a ticket waits for. */
export function createTicketMessage({ key, item, shown }: Ticket, event: TicketWaitEvent): LiveTicketMessage {
  return {
    shown: "",
    repeat: false,
    event,
    subject: { id: item.id, key, title: shown.content.title, url: item.url },
    ...(event.wait.kind === "approval" ? { seen: shown.hash } : {}),
  };
}

/**
 * Time for which the message about the end of a turn waits: 3 s. The runner reports a completion that was written in this
 * turn within 2 s, and then nobody needs to be asked.
 */
const END_OF_TURN_DELAY_MS: Ms = 3 * SECOND;

/** Returns how long the send of a ticket's message still has to wait. */
export async function findSendDelay(
  deps: { store: Pick<Store, "read" | "now"> },
  { event }: LiveTicketMessage,
): Promise<Ms> {
  if (event.wait.kind !== "question" || event.reason !== "asked_input") return 0;
  const ticket = await findTicket(deps, event.ticket);
  const question = ticket?.questions.find(({ id }) => id === event.wait.id);
  // Claude Code waits for the answer to a question that it offers options for.
  if (!question || question.held) return 0;
  return question.at + END_OF_TURN_DELAY_MS - (await deps.store.now());
}

/** Whether two messages are about the same thing that waits. */
export function isSameWait(one: TicketWaitEvent, other: TicketWaitEvent): boolean {
  return one.ticket === other.ticket && one.wait.kind === other.wait.kind && one.wait.id === other.wait.id;
}

/** Finds the decision that a press is bound to, among those that the ticket waits for now. */
export async function findDecision(
  decisions: readonly OpenDecision[],
  hash: string,
): Promise<OpenDecision | undefined> {
  for (const decision of decisions) if ((await hashDecision(decision)) === hash) return decision;
  return undefined;
}

/** Creates the job that updates a ticket's messages after a press, a reply or a command. */
export function createTicketRefreshJob({ chat, id, correlation }: CommandContext, { item }: Ticket): Job {
  return createLiveRefreshJob(chat, item.id, `heard.${id}`, correlation);
}

/** Reads the record of a pressed message; undefined for a message whose send got no answer. */
export async function readTicketMessage(
  { deps, chat }: CommandContext,
  messageId: number,
): Promise<{ rev: number; value: LiveTicketMessage } | undefined> {
  const [row] = await deps.store.read<LiveMessage>([liveMessageKey(chat, messageId)]);
  return row && isTicketMessage(row.value) ? { rev: row.rev, value: row.value } : undefined;
}

/** Creates the record of a message whose send got no answer; its text is what waits now. */
export function createUnknownTicketMessage(ticket: Ticket, { wait, question }: OpenDecision): LiveTicketMessage {
  const reason = question && question.kind !== "ended" ? `asked_${question.kind}` : ticket.reason;
  const event = {
    kind: "ticket",
    ticket: ticket.key,
    run: ticket.run,
    from: null,
    state: ticket.state,
    reason,
    text: question?.text ?? ticket.detail,
    by: null,
    wait,
  } as const;
  return { ...createTicketMessage(ticket, event), repeat: true };
}
