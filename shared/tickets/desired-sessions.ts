import { readAllRows } from "../store/scan-set.ts";
import { DAY, type Ms } from "../time.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import type { ExchangeAnswer, ExchangeRequest } from "./exchange.ts";
import { readActiveTickets } from "./read-tickets.ts";
import type { Terminals } from "./terminals.ts";
import { type Ticket, ticketKeys, ticketSets, toUtcDay } from "./ticket.ts";
import { renderTicketFile } from "./ticket-content.ts";

interface DesiredDeps extends WorkDeps {
  terminals: Pick<Terminals, "isWatched">;
}

/** Time for which a worktree that may be removed is listed: 1 day; a runner that was away for longer keeps it. */
const REMOVAL_MS: Ms = DAY;

/** Reads the revision of the desired state: it grows with every change of a ticket. */
export async function readDesiredRevision({ store }: Pick<WorkDeps, "store">): Promise<string> {
  const [revision] = await store.read([ticketKeys.revision]);
  return String(revision?.rev ?? 0);
}

/** Reads what a runner should have, given what it has: sessions, ends of sessions, and worktrees to remove. */
export async function readDesiredState(
  deps: DesiredDeps,
  { runner, sessions: observed }: Pick<ExchangeRequest, "runner" | "sessions">,
): Promise<ExchangeAnswer> {
  // The revision is read first: a change in between is then found by the next exchange.
  const revision = await readDesiredRevision(deps);
  const now = await deps.store.now();
  const placed = (await readCandidates(deps, observed, now)).filter((ticket) => ticket.placed === runner);
  const byKey = new Map(placed.map((ticket) => [ticket.key, ticket]));
  const ended = new Set(observed.filter(({ state }) => state === "ended").map(({ ticket }) => ticket));
  const wanted = placed.filter(({ key, wanted, state }) => wanted && state !== "approved" && !ended.has(key));
  const wantedRuns = new Map(wanted.map(({ key, run }) => [key, run]));
  return {
    revision,
    server_time: new Date(now).toISOString(),
    sessions: wanted.map((ticket) => toDesiredSession(deps, ticket)),
    stop: observed.flatMap(({ ticket: key, run, state }) => {
      const ticket = byKey.get(key);
      if (!ticket || wantedRuns.get(key) === run) return [];
      return [{ ticket: key, run, how: state === "ended" ? "now" : "kindly", reason: ticket.reason } as const];
    }),
    remove: placed.flatMap(({ key, run, removal, wanted }) =>
      removal && !wanted && now - removal.at < REMOVAL_MS ? [{ ticket: key, run, force: removal.force }] : [],
    ),
  };
}

/** Reads the tickets that may concern a runner: active ones, those it has a session of, and worktrees to remove. */
async function readCandidates(
  deps: Pick<WorkDeps, "store">,
  observed: ExchangeRequest["sessions"],
  now: Ms,
): Promise<Ticket[]> {
  const days = [toUtcDay(now), toUtcDay(now - REMOVAL_MS)].map(ticketSets.removedOn);
  const [active, seen, ...removed] = await Promise.all([
    readActiveTickets(deps),
    deps.store.read<Ticket>(observed.map(({ ticket }) => ticketKeys.ticket(ticket))),
    ...days.map((day) => readAllRows<Ticket>(deps, day)),
  ]);
  const found = [...removed.flat(), ...seen.flatMap((row) => row ?? [])].map(({ value }) => value);
  return [...new Map([...found, ...active].map((ticket) => [ticket.key, ticket])).values()];
}

function toDesiredSession(
  { settings, terminals }: Pick<DesiredDeps, "settings" | "terminals">,
  ticket: Ticket,
): ExchangeAnswer["sessions"][number] {
  const { key, run, approval, started, item, inputs } = ticket;
  return {
    ticket: key,
    run,
    session_id: approval?.sessionId ?? "",
    resume: started,
    project: item.identifier,
    ticket_file: renderTicketFile(ticket),
    token: approval?.token ?? "",
    minutes: settings.tickets?.minutes ?? 30,
    inputs,
    watched: terminals.isWatched(key),
  };
}
