import type { Deps, Tick } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { changeTicket } from "../../shared/tickets/change-ticket.ts";
import { approveUpdateByRule } from "../../shared/tickets/complete-ticket.ts";
import { readActiveTickets, readTickets } from "../../shared/tickets/read-tickets.ts";
import type { Ticket } from "../../shared/tickets/ticket.ts";
import type { TicketEvent } from "../../shared/tickets/ticket-event.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";

/** Time before the end of a session at which a person is asked: 5 min, or a fifth of a shorter session. */
const WARNING_MS: Ms = 5 * MINUTE;

/**
 * Watches the time of sessions every 10 s: asks a person before it is over, and ends it. Also resumes what a crash
 * interrupted. Makes no request to Plane.
 */
export const ticketsTick: Tick = {
  name: "tickets",
  // Without tickets there is nothing to watch.
  cron: ({ tickets }) => (tickets ? "*/10 * * * * *" : "0 0 * * *"),
  sideBySide: true,
  async run(deps) {
    if (!deps.settings.tickets) return {};
    const correlation = `tickets-${deps.newId()}`;
    const at = await deps.store.now();
    const counts = { warned: 0, ended: 0 };
    for (const ticket of await readActiveTickets(deps)) {
      const event = findTimeEvent(ticket, at, deps.settings.tickets.minutes * MINUTE);
      if (!event) continue;
      await changeTicket(deps, ticket.key, event, correlation);
      counts[event.kind === "asked" ? "warned" : "ended"] += 1;
    }
    for (const ticket of await readTickets(deps, ["completed"])) await approveUpdate(deps, ticket, correlation);
    return counts;
  },
};

function findTimeEvent({ wanted, deadline, questions, run }: Ticket, at: Ms, time: Ms): TicketEvent | undefined {
  if (!wanted || deadline === undefined) return undefined;
  if (at >= deadline) return { kind: "time_over", at };
  const isWarned = questions.some(({ kind }) => kind === "time");
  if (isWarned || deadline - at > Math.min(WARNING_MS, time / 5)) return undefined;
  const text = new Date(deadline).toISOString();
  return { kind: "asked", at, question: { id: `time:${run}:${deadline}`, kind: "time", text, at } };
}

/** A completion whose approval by rule was interrupted. Another process may have done it meanwhile. */
async function approveUpdate(deps: Deps, ticket: Ticket, correlation: string): Promise<void> {
  await approveUpdateByRule(deps, ticket, correlation).catch((thrown: unknown) => {
    if (!(thrown instanceof GroundcrewError)) throw thrown;
  });
}
