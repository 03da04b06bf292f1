import type { Put, Revision, Store } from "../store/port.ts";
import { readAllRows } from "../store/scan-set.ts";
import { MINUTE, type Ms } from "../time.ts";
import { type Ticket, ticketKeys, ticketSets } from "./ticket.ts";

/** A change of a ticket, or of what its session shows, as the event streams report it. */
export type TicketNews =
  | { event: "ticket"; data: { id: string; state: Ticket["state"]; reason: string; run: number } }
  | { event: "session"; data: { id: string; run: number } };

/** Retention of news: 1 min; the streams look for them several times a second. */
const NEWS_MS: Ms = MINUTE;

/** The news of a changed ticket, for the commit of the change. */
export function toTicketNewsPut({ key, state, reason, run }: Pick<Ticket, "key" | "state" | "reason" | "run">): Put {
  return toPut(ticketKeys.news("ticket", key), { event: "ticket", data: { id: key, state, reason, run } });
}

/** The news of a changed observation, for its commit: screen, commits, cost and the like. */
export function toSessionNewsPut({ ticket, run }: { ticket: string; run: number }): Put {
  return toPut(ticketKeys.news("session", ticket), { event: "session", data: { id: ticket, run } });
}

function toPut(key: string, value: TicketNews): Put {
  return { key, value, sets: [ticketSets.news], expires: NEWS_MS };
}

/**
 * Reads the news since a revision in the order in which they were stored, and the revision of the newest one. Of several
 * changes of one ticket it has the last.
 */
export async function readTicketNews(
  store: Pick<Store, "scan">,
  after: Revision,
): Promise<{ news: TicketNews[]; rev: Revision }> {
  const rows = await readAllRows<TicketNews>({ store }, ticketSets.news);
  const newer = rows.filter(({ rev }) => rev > after).sort((a, b) => a.rev - b.rev);
  return { news: newer.map(({ value }) => value), rev: newer.at(-1)?.rev ?? after };
}
