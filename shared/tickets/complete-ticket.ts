import { cleanText } from "../clean-text.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import { findKeptTask } from "../work/tasks/find-task.ts";
import { findApprovalRule } from "./approve-ticket.ts";
import { changeTicket, findTicket } from "./change-ticket.ts";
import { MAX_SUMMARY_LENGTH } from "./exchange.ts";
import type { Ticket } from "./ticket.ts";
import { isTicketClosed } from "./ticket-filters.ts";

interface Completion {
  summary: string;
  source: NonNullable<Ticket["completion"]>["source"];
  by: string;
  /** The question that it answers: when somebody has decided it meanwhile, the completion is refused. */
  question?: string;
}

/**
 * Completes the run of a ticket with a summary; the first one counts. Where a rule approves updates, Plane is updated.
 * Throws `conflict` when no session runs.
 */
export async function completeTicket(
  deps: WorkDeps,
  key: string,
  { summary, ...rest }: Completion,
  correlation: string,
): Promise<Ticket> {
  const text = cleanText(summary, MAX_SUMMARY_LENGTH);
  const at = await deps.store.now();
  const completed = await changeTicket(deps, key, { kind: "completed", at, summary: text, ...rest }, correlation);
  await approveUpdateByRule(deps, completed, correlation);
  return (await findTicket(deps, key)) ?? completed;
}

/** Approves the update of a completed ticket when a rule wants it; the queue writes it. */
export async function approveUpdateByRule(deps: WorkDeps, ticket: Ticket, correlation: string): Promise<void> {
  const rule = ticket.state === "completed" ? await findApprovalRule(deps, ticket, ({ update }) => update) : undefined;
  const { tickets } = deps.settings;
  if (rule === undefined || !tickets) return;
  const task = await findKeptTask(deps, ticket.item.id);
  // A person decides about the result of a work item that was closed meanwhile.
  if (task && isTicketClosed(tickets, ticket, task)) return;
  const by = `tickets.approve[${rule}]`;
  const event = { kind: "update_requested", at: await deps.store.now(), by, inQueue: true } as const;
  await changeTicket(deps, ticket.key, event, correlation);
  deps.kick();
}
