import { Gauge } from "prom-client";
import { countTickets } from "../../shared/tickets/read-tickets.ts";
import { ticketSets } from "../../shared/tickets/ticket.ts";
import type { StoredMetrics, StoredMetricsOptions } from "./stored-metrics.ts";

/** Creates the gauges about tickets; names that begin with `plane_` are those that other orchestrators' dashboards expect. */
export function createTicketGauges({ store, registry }: StoredMetricsOptions<"count">): StoredMetrics {
  const create = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const pending = create("plane_pending_tickets", "Tickets that wait for approval.");
  const active = create("plane_active_sessions", "Approved tickets whose session is not over.");
  const completed = create("plane_completed_tickets", "Tickets with a result, of the last 30 days.");
  const runners = create("groundcrew_ticket_runners", "Runners that are connected, so that approved tickets can run.");
  return {
    metrics: [pending, active, completed, runners],
    async update() {
      const [counts, connected] = await Promise.all([countTickets(store), store.count(ticketSets.runners)]);
      runners.set(connected);
      pending.set(counts.pending);
      active.set(counts.active);
      completed.set(counts.completed);
    },
  };
}
