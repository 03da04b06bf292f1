import { cleanLine, cleanText } from "../clean-text.ts";
import { GroundcrewError } from "../errors.ts";
import { updateValue } from "../store/update.ts";
import { DAY, MINUTE, type Ms } from "../time.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import { changeTicket } from "./change-ticket.ts";
import { completeTicket } from "./complete-ticket.ts";
import type { ExchangeRequest } from "./exchange.ts";
import type { ObservedSession } from "./observed-session.ts";
import { readActiveTickets } from "./read-tickets.ts";
import { formatSilence } from "./silence.ts";
import { type Ticket, ticketKeys } from "./ticket.ts";
import { prepareTicketCost, TICKET_SPENDER } from "./ticket-cost.ts";
import { createTicketMessageJobs } from "./ticket-message-jobs.ts";
import { toSessionNewsPut } from "./ticket-news.ts";

type Session = ExchangeRequest["sessions"][number];

/** Retention of the last observation of a session: 30 days, as of its ticket. */
const SESSION_MS: Ms = 30 * DAY;
/** Time without output after which a session counts as silent: 5 min. */
const SILENT_MS: Ms = 5 * MINUTE;

/**
 * Applies a runner's whole observation: each session to its ticket, and tickets whose session it does not have any
 * more. Observations of earlier runs and of tickets that another runner has change nothing.
 */
export async function observeSessions(
  deps: WorkDeps,
  { runner, sessions }: ExchangeRequest,
  correlation: string,
): Promise<void> {
  const seen = new Map(sessions.map((session) => [session.ticket, session]));
  for (const ticket of await readActiveTickets(deps)) {
    if (ticket.placed !== runner || !ticket.wanted) continue;
    const session = seen.get(ticket.key);
    if (session?.run === ticket.run) continue;
    const vanished = ticket.started && ticket.state !== "approved" && ticket.state !== "starting";
    if (vanished) await reportVanished(deps, ticket, runner, correlation);
  }
  for (const session of sessions) await observeSession(deps, cleanSession(session), runner, correlation);
}

async function observeSession(deps: WorkDeps, session: Session, runner: string, correlation: string): Promise<void> {
  const [kept] = await deps.store.read<Ticket>([ticketKeys.ticket(session.ticket)]);
  const ticket = kept?.value;
  if (!ticket || ticket.placed !== runner || ticket.run !== session.run) return;
  await saveSession(deps, ticket, { runner, at: await deps.store.now(), session }, correlation);
  const { completion } = session;
  // A summary that the file holds when the session ends counts, so it is applied first.
  if (completion && ticket.wanted && completion.summary.trim() !== "")
    await completeTicket(deps, ticket.key, { ...completion, by: TICKET_SPENDER }, correlation).catch(ignoreConflict);
  const minutes = deps.settings.tickets?.minutes ?? 30;
  const at = await deps.store.now();
  const observed = { kind: "observed", at, runner, session, minutes } as const;
  const { questions } = await changeTicket(deps, ticket.key, observed, correlation);
  if (session.state === "ended") return;
  const isAnswerable = questions.some(({ kind }) => kind !== "time");
  const attention = session.attention ?? (isAnswerable ? undefined : describeSilence(session, at));
  await changeTicket(deps, ticket.key, { kind: "noticed", at, attention }, correlation);
}

/** A session that runs and has no output for long, while it waits for nobody. */
function describeSilence({ state, last_output_at }: Session, at: Ms): string | undefined {
  const last = Date.parse(last_output_at ?? "");
  return state === "running" && at - last > SILENT_MS ? formatSilence(last) : undefined;
}

async function reportVanished(deps: WorkDeps, ticket: Ticket, runner: string, correlation: string): Promise<void> {
  const [record] = await deps.store.read<ObservedSession>([ticketKeys.session(ticket.key)]);
  const last = record?.value.session;
  if (last?.run !== ticket.run) return;
  const session = { ...last, state: "ended", exit: { reason: "vanished" }, applied: [] } as const;
  const event = {
    kind: "observed",
    at: await deps.store.now(),
    runner,
    session: { ...session, applied: [] },
    minutes: 1,
  };
  await changeTicket(deps, ticket.key, { ...event, kind: "observed" }, correlation);
}

/** Saves an observation when it differs from the last one; its cost counts once, in the commit of the observation. */
async function saveSession(
  deps: WorkDeps,
  ticket: Ticket,
  observed: ObservedSession,
  correlation: string,
): Promise<void> {
  const key = ticketKeys.session(ticket.key);
  await updateValue<ObservedSession>(deps, key, async (last, rev) => {
    const { session } = observed;
    if (last && JSON.stringify(last.session) === JSON.stringify(session)) return undefined;
    const counted = last?.session.run === session.run ? (last.session.cost_usd ?? 0) : 0;
    const cost = Math.max(0, (session.cost_usd ?? counted) - counted);
    const spending = await prepareTicketCost(deps, ticket, cost, correlation);
    // The message with the result shows the cost and the commits, of which the last arrive after it.
    const messages = ticket.completion
      ? createTicketMessageJobs(deps.settings, ticket, `session.${rev}`, correlation)
      : [];
    const jobs = [...spending.jobs, ...messages];
    return {
      ...spending,
      put: [{ key, value: observed, expires: SESSION_MS }, toSessionNewsPut(session), ...spending.put],
      jobs,
      afterCommit: () => {
        if (jobs.length > 0) deps.kick();
      },
    };
  });
}

/** Texts of programs and files are shown to people and typed into no terminal: without control characters. */
function cleanSession(session: Session): Session {
  return {
    ...session,
    screen: cleanText(session.screen, session.screen.length),
    branch: cleanLine(session.branch, 300),
    commits: session.commits.map(({ id, subject }) => ({ id: cleanLine(id, 64), subject: cleanLine(subject, 300) })),
    ...(session.attention === undefined ? {} : { attention: cleanText(session.attention, 2_000) }),
    ...(session.conflicts === undefined ? {} : { conflicts: session.conflicts.map((file) => cleanLine(file, 500)) }),
  };
}

function ignoreConflict(thrown: unknown): void {
  if (!(thrown instanceof GroundcrewError) || thrown.code !== "conflict") throw thrown;
}
