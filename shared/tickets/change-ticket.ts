import { GroundcrewError } from "../errors.ts";
import { createTicketUpdateJob } from "../jobs/work-jobs.ts";
import { keepDefined } from "../keep-defined.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Put, Revision, Store } from "../store/port.ts";
import { updateValue, type ValueUpdate } from "../store/update.ts";
import { MINUTE, type Ms } from "../time.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import { findKeptTask } from "../work/tasks/find-task.ts";
import { prepareWorkEvent } from "../work/tasks/publish-work-event.ts";
import { applyTicketEvent } from "./apply-ticket-event.ts";
import { FINISHED_TICKET_MS, isFinal, type Ticket, ticketKeys, ticketSets, toUtcDay } from "./ticket.ts";
import type { TicketEvent, TicketOutcome } from "./ticket-event.ts";
import { createTicketMessageJobs } from "./ticket-message-jobs.ts";
import { toTicketNewsPut } from "./ticket-news.ts";
import { findNewWait } from "./ticket-wait.ts";

/** Time after which the queue finishes an update that was interrupted: 1 min, longer than one takes. */
const UPDATE_JOB_DELAY_MS: Ms = MINUTE;

/**
 * Applies an event to the stored ticket and returns the ticket. The record, its entry in the decision log and the jobs
 * that follow are one commit. Throws a GroundcrewError when the event is refused.
 */
export async function changeTicket(
  deps: WorkDeps,
  key: string,
  event: TicketEvent,
  correlation: string,
): Promise<Ticket> {
  return updateValue<Ticket, Ticket>(deps, ticketKeys.ticket(key), async (ticket, rev) => {
    const outcome = requireApplied(applyTicketEvent(ticket, event));
    if (outcome.ticket === ticket) return { result: ticket };
    return { ...(await prepareTicketChange(deps, ticket, rev, outcome, correlation)), result: outcome.ticket };
  });
}

/** Prepares the commit of a changed ticket, which expects the record to be at `rev`. */
export async function prepareTicketChange(
  deps: WorkDeps,
  before: Ticket | undefined,
  rev: Revision,
  { ticket, step, startUpdate }: Extract<TicketOutcome, { ticket: Ticket }>,
  correlation: string,
): Promise<ValueUpdate> {
  const record = ticketKeys.ticket(ticket.key);
  const put = [toTicketPut(ticket), { key: ticketKeys.revision, value: true }, toTicketNewsPut(ticket)];
  const now = await deps.store.now();
  // Before its first request a ticket has no messages.
  const jobs = before ? createTicketMessageJobs(deps.settings, ticket, `ticket.${rev}`, correlation) : [];
  if (startUpdate) {
    const [delay, retry] = startUpdate === "by_queue" ? [0, {}] : [UPDATE_JOB_DELAY_MS, { isRetry: true } as const];
    const body = { ticket: ticket.key, correlation, ...retry };
    jobs.push(createTicketUpdateJob(`${record}:${rev}`, body, now + delay));
  }
  const publish = step
    ? await prepareWorkEvent(
        deps,
        await findKeptTask(deps, ticket.item.id),
        {
          kind: "ticket",
          ticket: ticket.key,
          run: ticket.run,
          from: before?.state ?? null,
          state: ticket.state,
          reason: ticket.reason,
          text: ticket.detail,
          by: step.by ?? null,
          ...omitUndefined({ wait: findNewWait(before, ticket) }),
        },
        correlation,
        { record, rev, put, jobs },
      )
    : { put, jobs, afterCommit: () => deps.kick() };
  return {
    ...publish,
    async afterCommit() {
      await publish.afterCommit?.();
      if (step) recordStep(deps, before, ticket);
    },
  };
}

/** Reads a ticket; undefined when there is none with this key. */
export async function findTicket(deps: { store: Pick<Store, "read"> }, key: string): Promise<Ticket | undefined> {
  return (await deps.store.read<Ticket>([ticketKeys.ticket(key)]))[0]?.value;
}

/** Reads a ticket. Throws `not_found` when there is none with this key. */
export async function getTicket(deps: Pick<WorkDeps, "store">, key: string): Promise<Ticket> {
  const ticket = await findTicket(deps, key);
  if (ticket) return ticket;
  throw new GroundcrewError(
    "not_found",
    `There is no ticket ${key.slice(0, 40)}. GET /api/pending-tickets lists the pending ones.`,
    {
      refusal: { name: "ticketGone" },
    },
  );
}

function requireApplied(outcome: TicketOutcome): Extract<TicketOutcome, { ticket: Ticket }> {
  if ("ticket" in outcome) return outcome;
  const name = outcome.refused === "not_found" ? "ticketGone" : "ticketNotPossible";
  throw new GroundcrewError(outcome.refused, outcome.message, { refusal: { name } });
}

function toTicketPut(ticket: Ticket): Put {
  return {
    key: ticketKeys.ticket(ticket.key),
    value: ticket,
    sets: keepDefined([
      ticketSets.in(ticket.state),
      ticket.removal && ticketSets.removedOn(toUtcDay(ticket.removal.at)),
    ]),
    ...omitUndefined({ expires: isFinal(ticket.state) ? FINISHED_TICKET_MS : undefined }),
  };
}

function recordStep({ metrics }: Pick<WorkDeps, "metrics">, before: Ticket | undefined, after: Ticket): void {
  if (before?.run !== after.run && after.state === "approved") metrics.count("plane_tickets_approved_total");
  if (before?.state === after.state || after.state !== "completed" || !after.completion || !after.approval) return;
  metrics.count("plane_tickets_completed_total");
  metrics.observe("plane_session_duration_seconds", (after.completion.at - after.approval.at) / 1000);
}
