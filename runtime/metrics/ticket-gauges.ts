import { Gauge } from "prom-client";
import { countTickets } from "../../shared/tickets/read-tickets.ts";
import type { StoredMetrics, StoredMetricsOptions } from "./stored-metrics.ts";

/** Creates the gauges about tickets; their names are those that other orchestrators' dashboards expect. */
export function createTicketGauges({ store, registry }: StoredMetricsOptions<"count">): StoredMetrics {
  const create = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const pending = create("plane_pending_tickets", "Tickets that wait for approval.");
  const active = create("plane_active_sessions", "Approved tickets whose session is not over.");
  const completed = create("plane_completed_tickets", "Tickets with a result, of the last 30 days.");
  return {
    metrics: [pending, active, completed],
    async update() {
      const counts = await countTickets(store);
      pending.set(counts.pending);
      active.set(counts.active);
      completed.set(counts.completed);
    },
  };
}
