/**
 * Runners, and the server's side of the exchange with one: its sessions are observed, approved tickets are placed on
 * it, the answer says which sessions it is to have, and no two runners use one name.
 */

import type { TaskDeps } from "../app/deps.ts";
import type { Terminals } from "../app/terminals.ts";
import type { TicketSettings } from "../config/tickets-schema.ts";
import { GroundcrewError } from "../errors.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { ACTIVE_TICKET_STATES } from "../records/task-records.ts";
import { createRefreshJobs } from "../requests/requests.ts";
import type { Store } from "../store/port.ts";
import { readAllRows, updateValue } from "../store/records.ts";
import { isBudgetUsedUp } from "../tasks/people/brakes.ts";
import { DAY, MINUTE, type Ms, SECOND } from "../time.ts";
import { cleanSession } from "./clean-report.ts";
import { completeTicket, findNotDone, finishCheck } from "./completion.ts";
import type { ExchangeAnswer, ExchangeRequest, SessionReport } from "./exchange.ts";
import { type PolicyValues, readPolicy } from "./policy.ts";
import { isAboutLimit } from "./questions.ts";
import {
  changeTicket,
  findTicket,
  getTicket,
  ignoreConflict,
  type ObservedSession,
  prepareStoredTicketEvent,
  readActiveTickets,
  readSession,
  readTickets,
  toNewsPut,
} from "./stored-tickets.ts";
import {
  formatSilence,
  getTicketCliName,
  isChecking,
  type Ticket,
  type TicketRecord,
  ticketKeys,
  ticketSets,
} from "./ticket.ts";
import { renderTicketFile } from "./ticket-content.ts";
import { prepareTicketCost } from "./ticket-cost.ts";
import { findPublicationWish } from "./ticket-machine.ts";

interface DesiredDeps extends TaskDeps {
  terminals: Pick<Terminals, "isWatched">;
}

/** Retention of the last observation of a session: 30 days, as of its ticket. */
const SESSION_MS: Ms = 30 * DAY;

/** Time without progress after which a session counts as silent: 5 min. */
const SILENT_MS: Ms = 5 * MINUTE;

/** Time for which a worktree that may be removed is listed: 1 day; a runner that was away for longer keeps it. */
const REMOVAL_MS: Ms = DAY;

/** A runner that exchanged within the last minute. */
interface RunnerRecord extends Pick<ExchangeRequest, "instance" | "version" | "repositories" | "worktrees" | "checks"> {
  name: string;
  at: Ms;
}

/** Retention of a runner's record: 1 min, three times as long as an exchange is held; then it counts as away. */
const RUNNER_MS: Ms = MINUTE;

/** Interval between writes of an unchanged record: 15 s. */
const RUNNER_RENEWAL_MS: Ms = 15 * SECOND;

/** Retention of the folder of a runner that is away: 30 days, as of its tickets. */
const FOLDER_MS: Ms = 30 * DAY;

/** Interval between writes of an unchanged folder: 1 day. */
const FOLDER_RENEWAL_MS: Ms = DAY;

/**
 * Applies a runner's whole observation: each session to its ticket, and tickets whose session it does not have any
 * more. Observations of earlier runs and of tickets that another runner has change nothing.
 */
export async function observeSessions(
  deps: TaskDeps,
  { runner, sessions }: ExchangeRequest,
  correlation: string,
): Promise<void> {
  const seen = new Map(sessions.map((session) => [session.ticket, session]));
  for (const ticket of await readActiveTickets(deps)) {
    if (ticket.placed !== runner || !ticket.wanted) continue;
    const session = seen.get(ticket.key);
    if (session?.run === ticket.run) continue;
    if (!ticket.started || ticket.state === "approved" || ticket.state === "starting") continue;
    const last = await readSession(deps, ticket);
    if (!last) continue;
    const vanished: SessionReport = { ...last, state: "ended", exit: { reason: "vanished" }, applied: [] };
    await changeTicket(deps, ticket.key, { kind: "observed", runner, session: vanished, minutes: 1 }, correlation);
  }
  for (const session of sessions) await observeSession(deps, session, runner, correlation);
}

async function observeSession(deps: TaskDeps, report: SessionReport, runner: string, correlation: string) {
  const ticket = await findTicket(deps, report.ticket);
  if (!ticket || ticket.placed !== runner || ticket.run !== report.run) return;
  const session = cleanSession(report, ticket.approval?.token);
  await saveSession(deps, ticket, { runner, at: await deps.store.now(), session }, correlation);
  const { publication } = session;
  if (publication) await changeTicket(deps, ticket.key, { kind: "published", publication }, correlation);
  if (session.round !== ticket.round) return;
  await finishCheck(deps, ticket, session, correlation);
  // A summary that the file holds when the session ends counts, so it is applied first.
  const missing = ticket.wanted ? await completeFromFile(deps, ticket, session, correlation) : undefined;
  const { minutes } = (await readPolicy(deps, ticket.item.identifier)).values;
  const observed = { kind: "observed", runner, session, minutes } as const;
  const { questions } = await changeTicket(deps, ticket.key, observed, correlation);
  if (session.state === "ended") return;
  const isAnswerable = questions.some((question) => !isAboutLimit(question));
  // A session that runs and makes no progress for long, while it waits for nobody.
  const isWorking = !isAnswerable && session.state === "running";
  const silence = isWorking ? await describeSilence(deps, session) : undefined;
  const attention = session.attention ?? missing ?? silence ?? session.kept_apart;
  await changeTicket(deps, ticket.key, { kind: "noticed", attention }, correlation);
}

/** Says since when a session has made no progress, where that is long: by its conversation, and by its hooks. */
async function describeSilence({ store }: TaskDeps, session: SessionReport): Promise<string | undefined> {
  const [[hook], now] = await Promise.all([store.read<Ms>([ticketKeys.progress(session.ticket)]), store.now()]);
  const since = Math.max(Date.parse(session.last_progress_at ?? session.started_at), hook?.value ?? 0);
  return now - since > SILENT_MS ? formatSilence(since) : undefined;
}

/** Completes a ticket with its completion file. Returns what the completion of a session lacks. */
async function completeFromFile(
  deps: TaskDeps,
  ticket: Ticket,
  { completion, tests, commits }: SessionReport,
  correlation: string,
): Promise<string | undefined> {
  if (completion && completion.summary.trim() !== "")
    try {
      await completeTicket(deps, ticket.key, { ...completion, by: getTicketCliName(ticket) }, correlation);
      return undefined;
    } catch (thrown) {
      return findNotDone(thrown) ?? ignoreConflict(thrown);
    }
  return tests?.commit === commits[0]?.id ? (await getTicket(deps, ticket.key)).check?.problem : undefined;
}

/** Saves an observation when it differs from the last one; its cost counts once, in the commit of the observation. */
async function saveSession(deps: TaskDeps, ticket: Ticket, observed: ObservedSession, correlation: string) {
  const key = ticketKeys.session(ticket.key);
  await updateValue<ObservedSession>(deps, key, async (last, rev) => {
    const { session } = observed;
    if (last && JSON.stringify(last.session) === JSON.stringify(session)) return undefined;
    const counted = last?.session.run === session.run ? (last.session.cost_usd ?? 0) : 0;
    const cost = Math.max(0, (session.cost_usd ?? counted) - counted);
    const spent = (last?.spent ?? last?.session.cost_usd ?? 0) + cost;
    const spending = await prepareTicketCost(deps, ticket, cost, correlation);
    // The message with the result shows the cost and the commits, of which the last arrive after it.
    const cause = `${ticket.key}.session.${rev}`;
    const messages = createRefreshJobs(deps.settings, ticket.item.id, cause, correlation);
    const jobs = [...spending.jobs, ...(ticket.completion ? messages : [])];
    const news = toNewsPut({ event: "session", data: { id: session.ticket, run: session.run } });
    const put = [{ key, value: { ...observed, spent }, expires: SESSION_MS }, news, ...spending.put];
    return { ...spending, put, jobs, afterCommit: () => (jobs.length > 0 ? deps.notify() : undefined) };
  });
}

/** Gives the runner as many approved tickets as the limits allow, the most urgent first. */
export async function placeTickets(deps: TaskDeps, request: ExchangeRequest, correlation: string): Promise<void> {
  const { tickets: settings } = deps.settings;
  let isPlaced = settings !== undefined;
  const hasApproved = settings && (await readActiveTickets(deps)).some(({ state }) => state === "approved");
  if (hasApproved && (await isBudgetUsedUp(deps, correlation))) return;
  while (settings && isPlaced) isPlaced = await placeNextTicket(deps, settings, request, correlation);
}

/**
 * Places one ticket; false when none can be placed. The commit expects the revision of all tickets, so that two
 * processes together do not exceed a limit.
 */
function placeNextTicket(deps: TaskDeps, settings: TicketSettings, request: ExchangeRequest, correlation: string) {
  return updateValue<true, boolean>(deps, ticketKeys.revision, async () => {
    const [active, at] = await Promise.all([readActiveTickets(deps), deps.store.now()]);
    const approved = active.filter(({ state }) => state === "approved").map(({ item }) => item.identifier);
    const policies = new Map<string, PolicyValues>();
    for (const identifier of new Set(approved)) policies.set(identifier, (await readPolicy(deps, identifier)).values);
    const next = findNextTicket(settings, policies, active, request, at);
    if (!next) return { result: false };
    const plansFirst = policies.get(next.item.identifier)?.plan_first === true;
    const event = { kind: "placed", runner: request.runner, plansFirst } as const;
    return { ...(await prepareStoredTicketEvent(deps, next.key, event, correlation)), result: true };
  });
}

function findNextTicket(
  settings: TicketSettings,
  policies: ReadonlyMap<string, PolicyValues>,
  active: readonly Ticket[],
  { runner, repositories, sessions }: ExchangeRequest,
  at: Ms,
): Ticket | undefined {
  const running = active.filter(({ state, wanted }) => wanted && state !== "approved").map(({ key }) => key);
  // A session that is being ended still takes its share of the host.
  const live = sessions.filter(({ state }) => state !== "ended").map(({ ticket }) => ticket);
  const present = [...new Set([...running, ...live])].map((key) => key.slice(0, key.lastIndexOf("-")));
  if (present.length >= settings.max_sessions) return undefined;
  return active.find((ticket) => {
    const { identifier } = ticket.item;
    if (ticket.state !== "approved" || (ticket.retryAt ?? 0) > at) return false;
    if ((ticket.placed ?? runner) !== runner || !repositories.includes(identifier)) return false;
    // The dead session of an earlier start is removed first: its name is taken.
    if (sessions.some((session) => session.ticket === ticket.key)) return false;
    const inRepository = present.filter((one) => one === identifier).length;
    if (settings.repositories[identifier] === undefined) return false;
    return inRepository < (policies.get(identifier)?.max_sessions ?? 0);
  });
}

/** Reads what a runner should have, given what it has: sessions, ends of sessions, and worktrees to remove. */
export async function readDesiredState(
  deps: DesiredDeps,
  { runner, sessions: observed }: Pick<ExchangeRequest, "runner" | "sessions">,
): Promise<ExchangeAnswer> {
  // The revision is read first: a change in between is then found by the next exchange.
  const revision = await readDesiredRevision(deps);
  const now = await deps.store.now();
  const candidates = await readCandidates(deps, observed, now);
  const byKey = new Map(candidates.map((ticket) => [ticket.key, ticket]));
  const placed = candidates.filter((ticket) => ticket.placed === runner);
  const ended = new Set(observed.filter(({ state }) => state === "ended").map(({ ticket }) => ticket));
  const wanted = placed.filter(({ key, wanted, state }) => wanted && state !== "approved" && !ended.has(key));
  const wantedRuns = new Map(wanted.map(({ key, run }) => [key, run]));
  return {
    revision,
    server_time: new Date(now).toISOString(),
    sessions: await Promise.all(wanted.map((ticket) => toDesiredSession(deps, ticket))),
    stop: observed.flatMap((session) => {
      const ticket = byKey.get(session.ticket);
      if (!ticket || wantedRuns.get(ticket.key) === session.run || !isOver(ticket, session, runner)) return [];
      const how = session.state === "ended" ? "now" : "kindly";
      return [{ ticket: ticket.key, run: session.run, how, reason: ticket.reason } as const];
    }),
    test: placed.flatMap((ticket) => {
      const { key, run, check } = ticket;
      return check && isChecking(ticket) ? [{ ticket: key, run, id: check.id }] : [];
    }),
    publish: placed.flatMap((ticket) => findPublicationWish(ticket) ?? []),
    remove: placed.flatMap(({ key, run, removal, wanted }) =>
      removal && !wanted && now - removal.at < REMOVAL_MS ? [{ ticket: key, run, force: removal.force }] : [],
    ),
  };
}

/** Reads the tickets that may concern a runner: active ones, those it has a session of, and worktrees to remove. */
async function readCandidates(deps: Pick<TaskDeps, "store">, observed: readonly SessionReport[], now: Ms) {
  const [active, ...removed] = await Promise.all([
    readTickets(deps, [...ACTIVE_TICKET_STATES, "updating"]),
    ...[now, now - REMOVAL_MS].map((at) => readAllRows<TicketRecord>(deps, ticketSets.removedOn(at))),
  ]);
  const keys = new Set([...observed.map(({ ticket }) => ticket), ...removed.flat().map(({ value }) => value.key)]);
  for (const { key } of active) keys.delete(key);
  return [...active, ...keepDefined(await Promise.all([...keys].map((key) => findTicket(deps, key))))];
}

async function toDesiredSession(deps: DesiredDeps, ticket: Ticket) {
  const { key, run, round, approval, started, item, inputs } = ticket;
  return {
    ticket: key,
    run,
    session_id: approval?.sessionId ?? "",
    resume: started,
    plans: ticket.plan === "open",
    round,
    project: item.identifier,
    ticket_file: renderTicketFile(ticket),
    token: approval?.token ?? "",
    ...omitUndefined({ cli_label: approval?.cli?.label }),
    minutes: (await readPolicy(deps, item.identifier)).values.minutes,
    inputs,
    watched: deps.terminals.isWatched(key),
  };
}

/**
 * Whether the ticket says that a session, which is not the wanted one, is over. A store that was lost, emptied or
 * restored knows less than the runner, and says so only of sessions that began before the last approval.
 */
function isOver(ticket: Ticket, session: SessionReport, runner: string): boolean {
  const { run, placed, approval } = ticket;
  if (session.run < run) return true;
  // An ended one that the ticket does not know, as of another installation here, would keep its place for ever.
  if (session.state === "ended" && approval && approval.sessionId !== session.session_id) return true;
  const isOwn = placed === runner || approval?.sessionId === session.session_id;
  if (session.run === run && isOwn) return true;
  return approval !== undefined && approval.at > Date.parse(session.started_at);
}

/** The position of each approved ticket in the queue, from 1. */
export function rankApproved(active: readonly Ticket[]): Map<string, number> {
  return new Map(active.filter(({ state }) => state === "approved").map(({ key }, i) => [key, i + 1]));
}

/** Reads the revision of the desired state: it grows with every change of a ticket. */
export async function readDesiredRevision({ store }: Pick<TaskDeps, "store">): Promise<string> {
  const [revision] = await store.read([ticketKeys.revision]);
  return String(revision?.rev ?? 0);
}

/** Records that a runner is connected. */
export async function recordRunner(
  { store }: { store: Pick<Store, "now" | "read" | "commit"> },
  { runner: name, instance, version, repositories, worktrees = [], checks = [] }: ExchangeRequest,
): Promise<void> {
  const key = ticketKeys.runner(name);
  const [[known], at] = await Promise.all([store.read<RunnerRecord>([key]), store.now()]);
  const value: RunnerRecord = { name, instance, version, repositories, worktrees, checks, at };
  const isSame = known && JSON.stringify({ ...known.value, at }) === JSON.stringify(value);
  if (isSame && at - known.value.at < RUNNER_RENEWAL_MS) return;
  await store.commit({ put: [{ key, value, sets: [ticketSets.runners], expires: RUNNER_MS }] });
}

/** Forgets a runner that stops. Tickets whose sessions it has not begun may be placed on another one. */
export async function releaseRunner(
  deps: TaskDeps,
  { runner, sessions }: ExchangeRequest,
  correlation: string,
): Promise<void> {
  await deps.store.commit({ put: [{ key: ticketKeys.runner(runner), value: null, sets: [], expires: 1 }] });
  const begun = new Set(sessions.map(({ ticket }) => ticket));
  for (const { key, placed, state } of await readActiveTickets(deps))
    if (placed === runner && state === "starting" && !begun.has(key))
      await changeTicket(deps, key, { kind: "unplaced", runner }, correlation);
}

/** The connected runners, by name. */
export async function readRunners(store: Pick<Store, "scan">): Promise<RunnerRecord[]> {
  return (await readAllRows<RunnerRecord>({ store }, ticketSets.runners)).map(({ value }) => value);
}

/**
 * Makes sure that one runner at a time has a name: tickets stay with the name of their runner, so a second one, which
 * does not have their sessions, would start them again. Throws `conflict` while the first one is connected or has
 * sessions. A runner that restarts has the same folder.
 */
export async function requireOwnName(
  deps: { store: Store },
  { runner, folder }: Pick<ExchangeRequest, "runner" | "folder">,
): Promise<void> {
  // A simulated runner has none.
  if (folder === undefined) return;
  const key = ticketKeys.runnerFolder(runner);
  const at = await deps.store.now();
  await updateValue<{ folder: string; at: Ms }>(deps, key, async (owner) => {
    if (owner && owner.folder !== folder) await requireFreeName(deps, runner);
    else if (owner && at - owner.at < FOLDER_RENEWAL_MS) return undefined;
    return { put: [{ key, value: { folder, at }, expires: FOLDER_MS }] };
  });
}

async function requireFreeName(deps: { store: Store }, runner: string): Promise<void> {
  const refuse = (what: string, remedy = "") =>
    new GroundcrewError(
      "conflict",
      `Another runner with the name ${runner} ${what}. Set another RUNNER_NAME for this one${remedy}.`,
    );
  const [record] = await deps.store.read<RunnerRecord>([ticketKeys.runner(runner)]);
  if (record) throw refuse("is connected");
  const active = await readActiveTickets(deps);
  const keys = active.filter(({ placed }) => placed === runner).map(({ key }) => key);
  const remedy = ", or cancel these tickets if the other one is gone for good";
  if (keys.length > 0) throw refuse(`has sessions (${keys.slice(0, 5).join(", ")})`, remedy);
}
