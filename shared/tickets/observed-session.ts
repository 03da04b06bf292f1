import type { Store } from "../store/port.ts";
import type { Ms } from "../time.ts";
import type { ExchangeRequest } from "./exchange.ts";
import { type Ticket, ticketKeys } from "./ticket.ts";

/** A session as its runner observed it last. */
export interface ObservedSession {
  runner: string;
  /** Store time of the observation that changed it. */
  at: Ms;
  session: ExchangeRequest["sessions"][number];
}

/** Reads the session of a ticket's present or last run; undefined before it was observed. */
export async function readSession(
  { store }: { store: Pick<Store, "read"> },
  { key, run }: Pick<Ticket, "key" | "run">,
): Promise<ObservedSession["session"] | undefined> {
  const [record] = await store.read<ObservedSession>([ticketKeys.session(key)]);
  return record?.value.session.run === run ? record.value.session : undefined;
}
