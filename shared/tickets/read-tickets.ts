import type { Store } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import { comparePriorities } from "../task/snapshot.ts";
import { ACTIVE_STATES, type Ticket, type TicketState, ticketSets } from "./ticket.ts";

interface ReadDeps {
  store: Pick<Store, "scan">;
}

/** Number of tickets by what people do with them: decide, watch, and read the result. */
export interface TicketCounts {
  pending: number;
  active: number;
  completed: number;
}

/** The states whose tickets have a result. */
export const COMPLETED_STATES: readonly TicketState[] = ["completed", "updating", "done"];

/** Reads the tickets in these states, the most urgent first, then the oldest. */
export async function readTickets({ store }: ReadDeps, states: readonly TicketState[]): Promise<Ticket[]> {
  const rows = await Promise.all(states.map((state) => readAllRows<Ticket>({ store }, ticketSets.in(state))));
  return rows
    .flat()
    .map(({ value }) => value)
    .sort((a, b) => comparePriorities(a.item, b.item) || a.requestedAt - b.requestedAt || compareKeys(a.key, b.key));
}

function compareKeys(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** Reads the tickets with a run that is not over, the most urgent first. */
export function readActiveTickets(deps: ReadDeps): Promise<Ticket[]> {
  return readTickets(deps, ACTIVE_STATES);
}

/** Counts the tickets from the store's sets, without reading them. */
export async function countTickets(store: Pick<Store, "count">): Promise<TicketCounts> {
  const count = async (states: readonly TicketState[]) => {
    const counts = await Promise.all(states.map((state) => store.count(ticketSets.in(state))));
    return counts.reduce((sum, n) => sum + n, 0);
  };
  const [pending, active, completed] = await Promise.all([
    count(["pending"]),
    count(ACTIVE_STATES),
    count(COMPLETED_STATES),
  ]);
  return { pending, active, completed };
}
