/**
 * Tickets in the store: finding, listing and counting them, and changing one by an event, which also writes its
 * history, its messages and the news for the page. A run's token leads back to its ticket.
 */

import type { TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { createTokenCheck } from "../hashing.ts";
import { createTicketUpdateJob } from "../jobs/internal-jobs.ts";
import { parseTaskKey, type TaskKey } from "../names.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { workKeys } from "../records/store-keys.ts";
import { ACTIVE_TICKET_STATES } from "../records/task-records.ts";
import { createRefreshJobs } from "../requests/requests.ts";
import type { Put, Revision, Store, StoreKey } from "../store/port.ts";
import { mergeUpdates, readAllRows, updateValue, type ValueUpdate } from "../store/records.ts";
import type { RequestRecord } from "../task/request.ts";
import { comparePriorities } from "../task/snapshot.ts";
import { findStoredTask } from "../tasks/find-task.ts";
import { prepareWorkEvent } from "../tasks/work-events.ts";
import { DAY, MINUTE, type Ms } from "../time.ts";
import type { SessionReport } from "./exchange.ts";
import { prepareNewRule, prepareRuleUse } from "./permission-rules.ts";
import { prepareRoundEnd } from "./rounds.ts";
import {
  isFinal,
  listOpen,
  type SessionRequest,
  type Ticket,
  type TicketRecord,
  type TicketState,
  type TicketWait,
  ticketKeys,
  ticketSets,
} from "./ticket.ts";
import { applyTicketEvent, type NewTicketEvent } from "./ticket-machine.ts";
import { prepareTicketRequests } from "./ticket-requests.ts";

interface KeyDeps {
  store: Pick<Store, "read">;
}

interface ReadDeps {
  store: Pick<Store, "read" | "scan">;
}

/** A change of a ticket, or of what its session shows, as the event streams report it. */
export type TicketNews =
  | { event: "ticket"; data: { id: string; state: Ticket["state"]; reason: string; run: number } }
  | { event: "session"; data: { id: string; run: number } };

/** A session as its runner observed it last. */
export interface ObservedSession {
  runner: string;
  /** Store time of the observation that changed it. */
  at: Ms;
  session: SessionReport;
  /** What all runs of the ticket have cost, in US dollars. */
  spent?: number;
}

/** Time after which the queue finishes an update that was interrupted: 1 min, longer than one takes. */
const UPDATE_JOB_DELAY_MS: Ms = MINUTE;

/** Retention of a finished ticket: 30 days. */
const FINISHED_TICKET_MS: Ms = 30 * DAY;

/** The states whose tickets have a result that waits for its update. */
export const COMPLETED_STATES: readonly TicketState[] = ["completed", "updating"];

/** Retention of news: 1 min; the streams look for them several times a second. */
const NEWS_MS: Ms = MINUTE;

const TOKEN_PATTERN = /^([\w%.!~*'()-]{3,120})\.[0-9a-f]{64}$/;

/**
 * Applies an event to the stored ticket and returns the ticket. The record, its entry in the decision log and the jobs
 * that follow are one commit. Throws a GroundcrewError when the event is refused.
 */
export async function changeTicket(
  deps: TaskDeps,
  key: string,
  event: NewTicketEvent,
  correlation: string,
): Promise<Ticket> {
  return updateValue<TicketRecord, Ticket>(deps, ticketKeys.ticket(key), (ticket, rev) =>
    prepareTicketEvent(deps, ticket, rev, event, correlation),
  );
}

/** Prepares the same for another commit, which expects the ticket's record as it is now; undefined without a ticket. */
export async function prepareStoredTicketEvent(
  deps: TaskDeps,
  ticket: string,
  event: NewTicketEvent,
  correlation: string,
  decided?: RequestRecord,
) {
  const key = ticketKeys.ticket(ticket);
  const [stored] = await deps.store.read<TicketRecord>([key]);
  if (!stored) return undefined;
  const update = await prepareTicketEvent(deps, stored.value, stored.rev, event, correlation, decided);
  return { ...update, expect: [...(update.expect ?? []), [key, stored.rev] as [StoreKey, Revision]] };
}

/**
 * Prepares the commit of an event, which expects the record to be at `rev`; without `put` it changes nothing.
 * @param decided the request whose verdict the event is; it is stored with the verdict by the caller
 */
async function prepareTicketEvent(
  deps: TaskDeps,
  stored: TicketRecord | undefined,
  rev: Revision,
  fields: NewTicketEvent,
  correlation: string,
  decided?: RequestRecord,
): Promise<ValueUpdate & { result: Ticket }> {
  const at = await deps.store.now();
  const event = { ...fields, at };
  const loaded = stored ? await readSessionRequests(deps, [stored]) : [];
  const present = loaded.map(({ value }) => (value.id === decided?.id ? (decided as SessionRequest) : value));
  const before = stored && { ...stored, questions: present };
  const rules =
    event.kind === "allowed_by_rule"
      ? await prepareRuleUse(deps, event.rule)
      : before && event.kind === "answered" && (await prepareNewRule(before, event.question, event.verdict));
  const { ticket, step, startUpdate } = applyTicketEvent(before, event);
  if (ticket === before) return { result: ticket };
  const change = { before, loaded, after: ticket, event, decided };
  const { update: requests, wait: asked } = await prepareTicketRequests(deps, change, correlation);
  const record = ticketKeys.ticket(ticket.key);
  const { key, run, state, reason, detail: text } = ticket;
  const news = toNewsPut({ event: "ticket", data: { id: key, state, reason, run } });
  const own = { put: [toTicketPut(ticket), { key: ticketKeys.revision, value: true }, news] };
  const round = await prepareRoundEnd(before, ticket, (ended) => readSession(deps, ended));
  const { expect = [], put, jobs = [] } = mergeUpdates([own, round, rules || {}, requests]);
  // Before its first request a ticket has no messages.
  if (before) jobs.push(...createRefreshJobs(deps.settings, ticket.item.id, `${key}.ticket.${rev}`, correlation));
  if (startUpdate) {
    const [delay, retry] = startUpdate === "by_queue" ? [0, {}] : [UPDATE_JOB_DELAY_MS, { isRetry: true } as const];
    jobs.push(createTicketUpdateJob(`${record}:${rev}`, { ticket: key, correlation, ...retry }, at + delay));
  }
  const result = { ...ticket, questions: listOpen(ticket) };
  if (!step) return { expect, put, jobs, afterCommit: () => deps.notify(), result };
  const wait = omitUndefined({ wait: asked ?? findNotice(before, ticket) });
  const reported = { from: before?.state ?? null, state, reason, text, by: step.by ?? null, ...wait };
  const workEvent = { kind: "ticket", ticket: key, run, ...reported } as const;
  const task = await findStoredTask(deps, ticket.item.id);
  const publish = await prepareWorkEvent(deps, task, workEvent, correlation, { record, rev, put, jobs });
  return {
    ...publish,
    expect,
    result,
    async afterCommit() {
      publish.afterCommit();
      recordStep(deps, before, ticket);
    },
  };
}

/** What people must know after a change of a ticket that asks nothing; undefined for one that only informs. */
function findNotice(before: Ticket | undefined, { state, run, attention }: Ticket): TicketWait | undefined {
  if (before?.state !== state && state === "failed") return { kind: "failed", id: String(run) };
  const isNew = attention !== undefined && attention !== before?.attention;
  return isNew ? { kind: "attention", id: String(run) } : undefined;
}

/** For events that come too late as a rule: handles the rejection of one that is not possible any more. */
export function ignoreConflict(thrown: unknown): undefined {
  if (!(thrown instanceof GroundcrewError) || thrown.code !== "conflict") throw thrown;
}

/** The stored form of a ticket: requests that are over stay as records of their own. */
function toTicketPut(ticket: Ticket): Put {
  const { key, state, removal } = ticket;
  const value: TicketRecord = { ...ticket, questions: listOpen(ticket).map(({ id }) => id) };
  const sets = keepDefined([ticketSets.in(state), removal && ticketSets.removedOn(removal.at)]);
  return { key: ticketKeys.ticket(key), value, sets, ...(isFinal(state) ? { expires: FINISHED_TICKET_MS } : {}) };
}

function recordStep({ metrics }: Pick<TaskDeps, "metrics">, before: Ticket | undefined, after: Ticket): void {
  if (before?.run !== after.run && after.state === "approved") metrics.count("plane_tickets_approved_total");
  if (before?.state === "pending" && after.reason === "rejected") metrics.count("groundcrew_tickets_rejected_total");
  if (before?.state === after.state || after.state !== "completed" || !after.completion || !after.approval) return;
  metrics.count("plane_tickets_completed_total");
  metrics.observe("plane_session_duration_seconds", (after.completion.at - after.approval.at) / 1000);
}

/** Reads a ticket; undefined when there is none with this key. */
export async function findTicket(deps: KeyDeps, key: string): Promise<Ticket | undefined> {
  const [record] = await deps.store.read<TicketRecord>([ticketKeys.ticket(key)]);
  return record && (await loadTickets(deps, [record.value]))[0];
}

/** Reads a ticket. Throws `not_found` when there is none with this key. */
export async function getTicket(deps: Pick<TaskDeps, "store">, key: string): Promise<Ticket> {
  const ticket = await findTicket(deps, key);
  if (ticket) return ticket;
  throw new GroundcrewError(
    "not_found",
    `There is no ticket ${key.slice(0, 40)}. GET /api/pending-tickets lists the pending ones.`,
    { refusal: { name: "ticketGone" } },
  );
}

/** Reads the tickets in these states, the most urgent first, then the oldest. */
export async function readTickets({ store }: ReadDeps, states: readonly TicketState[]): Promise<Ticket[]> {
  const rows = await Promise.all(states.map((state) => readAllRows<TicketRecord>({ store }, ticketSets.in(state))));
  const compareKeys = (a: Ticket, b: Ticket) => a.key.localeCompare(b.key, "en", { numeric: true });
  const records = rows.flat().map(({ value }) => value);
  return (await loadTickets({ store }, records)).sort(
    (a, b) => comparePriorities(a.item, b.item) || a.requestedAt - b.requestedAt || compareKeys(a, b),
  );
}

/** Adds the requests of their sessions to the records of tickets. */
async function loadTickets(deps: KeyDeps, records: readonly TicketRecord[]): Promise<Ticket[]> {
  const requests = await readSessionRequests(deps, records);
  const byId = new Map(requests.map(({ value }) => [value.id, value]));
  return records.map((record) => ({ ...record, questions: keepDefined(record.questions.map((id) => byId.get(id))) }));
}

async function readSessionRequests({ store }: KeyDeps, records: readonly TicketRecord[]) {
  const ids = records.flatMap(({ questions }) => questions);
  return ids.length === 0 ? [] : keepDefined(await store.read<SessionRequest>(ids.map(workKeys.request)));
}

/** Reads the tickets with a run that is not over, the most urgent first. */
export function readActiveTickets(deps: ReadDeps): Promise<Ticket[]> {
  return readTickets(deps, ACTIVE_TICKET_STATES);
}

/** Counts the tickets that wait for approval, have a session, and wait for their update, without reading them. */
export async function countTickets(store: Pick<Store, "count">) {
  const count = async (states: readonly TicketState[]) => {
    const counts = await Promise.all(states.map((state) => store.count(ticketSets.in(state))));
    return counts.reduce((sum, n) => sum + n, 0);
  };
  const groups = [["pending"], ACTIVE_TICKET_STATES, COMPLETED_STATES] as const;
  const [pending = 0, active = 0, completed = 0] = await Promise.all(groups.map(count));
  return { pending, active, completed };
}

/** The news of a changed ticket, or of a changed observation (screen, commits, cost and the like), for its commit. */
export function toNewsPut(news: TicketNews): Put {
  const { event, data } = news;
  return { key: ticketKeys.news(event, data.id), value: news, sets: [ticketSets.news], expires: NEWS_MS };
}

/**
 * Reads the news since a revision in the order in which they were stored, and the revision of the newest one. Of
 * several changes of one ticket it has the last.
 */
export async function readTicketNews(
  store: Pick<Store, "scan">,
  after: Revision,
): Promise<{ news: TicketNews[]; rev: Revision }> {
  const rows = await readAllRows<TicketNews>({ store }, ticketSets.news);
  const newer = rows.filter(({ rev }) => rev > after).sort((a, b) => a.rev - b.rev);
  return { news: newer.map(({ value }) => value), rev: newer.at(-1)?.rev ?? after };
}

/** Reads the session of a ticket's present or last run; undefined before it was observed. */
export async function readSession(
  deps: KeyDeps,
  { key, run }: Pick<Ticket, "key" | "run">,
): Promise<SessionReport | undefined> {
  const { session } = (await readObserved(deps, key)) ?? {};
  return session?.run === run ? session : undefined;
}

/** Reads what all runs of a ticket have cost, in US dollars. */
export async function readSpent(deps: KeyDeps, { key }: Pick<Ticket, "key">): Promise<number> {
  const observed = await readObserved(deps, key);
  return observed?.spent ?? observed?.session.cost_usd ?? 0;
}

async function readObserved({ store }: KeyDeps, key: string) {
  return (await store.read<ObservedSession>([ticketKeys.session(key)]))[0]?.value;
}

/**
 * Creates GROUNDCREW_TOKEN of a run: the ticket's key, so that the ticket is found without an index, and 64 random
 * hexadecimal digits. `newId` returns a random UUID.
 */
export function createRunToken(key: string, newId: () => string): string {
  return `${encodeURIComponent(key)}.${`${newId()}${newId()}`.replaceAll("-", "")}`;
}

/** Whether a text has the form of a run's token; it may be the token of no run. */
export function isRunToken(token: string): boolean {
  return TOKEN_PATTERN.test(token);
}

/** Finds the ticket whose present run has this token. A run that is not wanted any more has none. */
export async function findTicketOfToken(
  deps: KeyDeps,
  token: string,
  key: string | undefined = readKey(token),
): Promise<Ticket | undefined> {
  const known = parseTaskKey(key ?? "")?.key;
  const ticket = known === undefined ? undefined : await findTicket(deps, known);
  const isValid = createTokenCheck(keepDefined([ticket?.wanted ? ticket.approval?.token : undefined]));
  return (await isValid(token)) ? ticket : undefined;
}

function readKey(token: string): string | undefined {
  try {
    return decodeURIComponent(TOKEN_PATTERN.exec(token)?.[1] ?? "");
  } catch {
    return undefined;
  }
}

/** Parses the key of a ticket as people write it. Throws `bad_request` for another text. */
export function requireTicketKey(text: string): TaskKey {
  const key = parseTaskKey(text);
  if (key) return key;
  throw new GroundcrewError("bad_request", `"${text.slice(0, 40)}" is not the key of a ticket, such as ONB-12.`);
}
