import type { TicketSettings } from "../config/tickets-schema.ts";
import type { Ms } from "../time.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import { applyTicketEvent } from "./apply-ticket-event.ts";
import { prepareTicketChange } from "./change-ticket.ts";
import type { ExchangeRequest } from "./exchange.ts";
import { readActiveTickets } from "./read-tickets.ts";
import { type Ticket, ticketKeys } from "./ticket.ts";

/**
 * Gives the runner as many approved tickets as the limits allow, the most urgent first. Each commit expects the
 * revision of all tickets, so that two processes together do not exceed a limit.
 */
export async function placeTickets(deps: WorkDeps, request: ExchangeRequest, correlation: string): Promise<void> {
  const { tickets: settings } = deps.settings;
  if (!settings) return;
  for (;;) {
    const [[revision], active, at] = await Promise.all([
      deps.store.read([ticketKeys.revision]),
      readActiveTickets(deps),
      deps.store.now(),
    ]);
    const next = findNextTicket(settings, active, request, at);
    if (!next) return;
    const key = ticketKeys.ticket(next.key);
    const [kept] = await deps.store.read<Ticket>([key]);
    const event = { kind: "placed", at, runner: request.runner } as const;
    const outcome = applyTicketEvent(kept?.value, event);
    if (!kept || !("ticket" in outcome) || outcome.ticket === kept.value) continue;
    const change = await prepareTicketChange(deps, kept.value, kept.rev, outcome, correlation);
    const { afterCommit, ...commit } = change;
    const expect: [string, number][] = [
      [key, kept.rev],
      [ticketKeys.revision, revision?.rev ?? 0],
    ];
    if ((await deps.store.commit({ ...commit, expect })) === "kept") await afterCommit?.();
  }
}

/** The position of each approved ticket in the queue, from 1. */
export function rankApproved(active: readonly Ticket[]): Map<string, number> {
  return new Map(active.filter(({ state }) => state === "approved").map(({ key }, i) => [key, i + 1]));
}

function findNextTicket(
  settings: TicketSettings,
  active: readonly Ticket[],
  { runner, repositories, sessions }: ExchangeRequest,
  at: Ms,
): Ticket | undefined {
  const hasSession = ({ state, wanted }: Ticket) => wanted && state !== "approved";
  const running = active.filter(hasSession).map(({ key, item }) => ({ key, identifier: item.identifier }));
  // A session that is being ended still takes its share of the host.
  const ending = sessions.filter(
    ({ ticket, state }) => state !== "ended" && !running.some(({ key }) => key === ticket),
  );
  const present = [
    ...running.map(({ identifier }) => identifier),
    ...ending.map(({ ticket }) => getIdentifier(ticket)),
  ];
  if (present.length >= settings.max_sessions) return undefined;
  return active.find((ticket) => {
    const { identifier } = ticket.item;
    if (ticket.state !== "approved" || (ticket.retryAt ?? 0) > at) return false;
    if ((ticket.placed ?? runner) !== runner || !repositories.includes(identifier)) return false;
    // The dead session of an earlier start is removed first: its name is taken.
    if (sessions.some((session) => session.ticket === ticket.key)) return false;
    const inRepository = present.filter((one) => one === identifier).length;
    return inRepository < getRepositoryLimit(settings, identifier);
  });
}

/** The project's identifier of a ticket's key. */
function getIdentifier(key: string): string {
  return key.slice(0, key.lastIndexOf("-"));
}

function getRepositoryLimit({ repositories, max_sessions }: TicketSettings, identifier: string): number {
  const repository = repositories[identifier];
  if (repository === undefined) return 0;
  return typeof repository === "string" ? max_sessions : (repository.max_sessions ?? max_sessions);
}
