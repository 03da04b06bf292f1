/**
 * A ticket is an approved work item that becomes a session of Claude Code: its states, its record, the outcome of an
 * event, and what it waits for a person to decide.
 */

import type { Settings } from "../config/settings.ts";
import type { TICKET_TRIGGERS } from "../config/tickets-schema.ts";
import { type ErrorCode, GroundcrewError } from "../errors.ts";
import type { RefusalName } from "../i18n/en.ts";
import { type Changes, changeFields, omitUndefined } from "../omit-undefined.ts";
import { workKeys } from "../records/store-keys.ts";
import { ACTIVE_TICKET_STATES, formatSessionName } from "../records/task-records.ts";
import type { SetName, StoreKey } from "../store/port.ts";
import type { WorkEvent } from "../task/events.ts";
import type { RequestPlace, RequestRecord, SessionWait } from "../task/request.ts";
import type { Priority } from "../task/snapshot.ts";
import type { Ms } from "../time.ts";
import type { ExchangeAnswer, Publication } from "./exchange.ts";

/** Why a ticket was requested. `id` identifies the cause, so that one cause requests a ticket once. */
export interface TicketCause {
  trigger: (typeof TICKET_TRIGGERS)[number];
  id: string;
  at: Ms;
  /** When the work item was created; of a test ticket only. */
  createdAt?: Ms;
  /** Who caused it; absent when unknown. */
  by?: string;
}

/** What a person approves and a session gets. The texts are Markdown or plain text from Plane: data. */
export interface TicketContent {
  title: string;
  description: string;
  /** The comment that requested the ticket. */
  comment?: string;
  /** What people wrote about the work item besides, oldest first. */
  comments?: { by: string; at: string; text: string }[];
  /** The CLI that a label of the work item has chosen. */
  cli?: TicketCli;
}

/** A version of a ticket's content, with the cause that requested it. */
export interface TicketVersion {
  cause: TicketCause;
  content: TicketContent;
  /** Identifies the content; an approval names it. */
  hash: string;
}

/** The work item of a ticket. */
export interface TicketItem {
  /** Plane's ids. */
  id: string;
  project: string;
  /** `ONB` */
  identifier: string;
  priority: Priority;
  url: string;
}

/** A request of a session, or about its end, that a person answers. */
export type SessionRequest = RequestRecord & { session: SessionWait };

/** Text or keys that the runner types into a session. */
export type SessionInput = ExchangeAnswer["sessions"][number]["inputs"][number];

/** `publish` only where the repository's results are published; the runner does it. */
export type UpdateStep = "publish" | "comment" | "state";

/** The stored record of a ticket: one for each work item. */
export interface Ticket {
  key: string;
  item: TicketItem;
  state: TicketState;
  /** Code of the last step, and its details. */
  reason: string;
  detail: string;
  /** The session plans first: its plan waits for a person, or is approved and carried out. */
  plan?: "open" | "approved";
  /** Number of approvals. */
  run: number;
  /** Number of the round of this run, from 1: a result that is sent back begins the next one. */
  round: number;
  /** What a person wrote who sent the last result back; absent in the first round. */
  sentBack?: { text: string; by: string; at: Ms };
  shown: TicketVersion;
  /** The work item has other texts now: a person sees them with the result, before its session may read them. */
  changed?: TicketVersion;
  /** A cause that arrived during a run: it becomes pending afterwards. */
  next?: TicketVersion;
  /** Ids of the last causes, so that none requests a ticket twice. */
  causes: string[];
  requestedAt: Ms;
  /** Of the present or last run; absent before the first approval. */
  approval?: { by: string; at: Ms; hash: string; sessionId: string; token: string; cli?: TicketCli };
  /** The runner that has the session and its worktree. */
  placed?: string;
  /** A session should exist. */
  wanted: boolean;
  /** The session of this run was observed to run, so that it is resumed. */
  started: boolean;
  startedAt?: Ms;
  deadline?: Ms;
  /** What all runs had cost, in US dollars, when the present budget began. */
  budgetFrom?: number;
  /** Starts that have failed in a row, and when the next one is due. */
  failures: number;
  retryAt?: Ms;
  /** `started_at` of the session whose end was handled last. */
  endedStart?: string;
  /** What a person should look at. */
  attention?: string;
  /** The interruption of the session that was handled last. */
  interruption?: string;
  /** The requests that the session waits for; they are stored as records of their own, and here by their ids. */
  questions: SessionRequest[];
  inputs: SessionInput[];
  /** Who rejected or cancelled the ticket. */
  closedBy?: string;
  completion?: Pick<TicketCompletion, "summary" | "source"> & { at: Ms };
  /** A completion that counts once the test command, run by this id, has passed; `problem`: it did not. */
  check?: { id: string; problem?: string } & TicketCompletion;
  /**
   * The update of Plane with the result. `step` comes next; absent: Plane has all. Both may be repeated: Plane refuses
   * a second comment. `problem`: why that step failed the last time. `retries`: how often a person had it tried again.
   */
  update?: { by: string; at: Ms; step?: UpdateStep; problem?: string; retries: number };
  /** What the runner has published of the run's results. */
  publication?: Publication;
  /** Since when the checks of its pull request are red; gone when somebody leaves them so. */
  redSince?: Ms;
  /** The worktree may be removed. */
  removal?: { force: boolean; at: Ms };
  endedAt?: Ms;
  /** The update of an earlier run closed the work item; that does not end the ticket of a cause that came meanwhile. */
  closedByUpdate?: true;
}

/** The CLI of a run: its name for people, and the label that has chosen it; without one, the repository has. */
export interface TicketCli {
  name: string;
  label?: string;
}

/** What completes a run. */
export interface TicketCompletion {
  summary: string;
  source: "command" | "file" | "legacy_file" | "person" | "tool";
  by: string;
  changed?: TicketVersion;
}

/** Who decided, and where; without a place it was not in Telegram or on the page. */
export interface ByPerson {
  by: string;
  where?: RequestPlace;
}

/** The fields of an event, at its store time. */
export type At<Fields = object> = Fields & { at: Ms };

/**
 * The next record. Without `step` nothing is reported, and the same record is no change. `startUpdate`: Plane is
 * updated by the caller, or by the queue.
 */
export interface TicketOutcome {
  ticket: Ticket;
  step?: { by?: string };
  startUpdate?: "by_caller" | "by_queue";
}

/** Something about a ticket that reaches people once. `id`: of the request, or the run for what only informs. */
export type TicketWait = NonNullable<Extract<WorkEvent, { kind: "ticket" }>["wait"]>;

/** The stored form of a ticket: its session's requests by their ids. */
export type TicketRecord = Omit<Ticket, "questions"> & { questions: string[] };

/** Only a new request leaves these. */
const FINAL_STATES = ["done", "rejected", "failed", "cancelled"] as const;

type ActiveOrFinal = (typeof ACTIVE_TICKET_STATES | typeof FINAL_STATES)[number];

/** States of a ticket. `completed` waits for the approval of the update; `updating` writes the result to Plane. */
export type TicketState = "pending" | "completed" | "updating" | ActiveOrFinal;

export const ticketKeys = {
  ticket: workKeys.ticket,
  /** The session of a ticket as its runner observed it last. */
  session: (key: string): StoreKey => `ticket-session:${key}`,
  /** Time of the last hook of a session's tools. Those of its sub-agents are in no conversation that a runner reads. */
  progress: (key: string): StoreKey => `ticket-progress:${key}`,
  /** Written by every change of a ticket, for its revision: the revision of the desired state. */
  revision: "ticket-revision",
  /** The last change of a ticket, or of its session, for those who watch. */
  news: (event: "ticket" | "session", key: string): StoreKey => `ticket-news:${event}:${key}`,
  /** The policy of a project's repository, as a runner has read it. */
  policy: (identifier: string): StoreKey => `ticket-policy:${identifier}`,
  runner: (name: string): StoreKey => `runner:${encodeURIComponent(name)}`,
  runnerFolder: (name: string): StoreKey => `runner-folder:${encodeURIComponent(name)}`,
} as const;

export const ticketSets = {
  /** The tickets in one state. */
  in: (state: TicketState): SetName => `tickets:${state}`,
  /** The tickets whose worktree was given up for removal on the day of this time (UTC). */
  removedOn: (at: Ms): SetName => `ticket-removals:${new Date(at).toISOString().slice(0, 10)}`,
  /** The changes of the last minute. */
  news: "ticket-news",
  /** Runners that exchanged within the last minute. */
  runners: "runners",
} as const;

/** Begins the text about a session without progress; a time follows. */
const SILENCE = "silent since ";

/** The answers that allow a tool: once, and always for the ticket or its repository by a rule. */
export const ALLOW_IN_REPO = "allow_in_repo";

const ALLOWING_ANSWERS = ["allow", "allow_always", ALLOW_IN_REPO];

export function isAllowing(answer: string): boolean {
  return ALLOWING_ANSWERS.includes(answer);
}

/** Whether an answer lets something happen that the person must have read. */
export function isApproving(answer: string): boolean {
  return answer === "approve" || isAllowing(answer);
}

/** Whether an answer also adds a rule. */
export function isAlways(answer: string): boolean {
  return isAllowing(answer) && answer !== "allow";
}

/** Whether only a new request leaves this state. */
export function isFinal(state: TicketState): boolean {
  return FINAL_STATES.some((one) => one === state);
}

export function isActive({ state }: Pick<Ticket, "state">): boolean {
  return ACTIVE_TICKET_STATES.some((one) => one === state);
}

/** Whether a completion waits for the end of the test command. */
export function isChecking({ check }: Pick<Ticket, "check">): boolean {
  return check !== undefined && check.problem === undefined;
}

/** Refuses an event. `name`: of the text that people read. */
export function refuse(code: ErrorCode, message: string, name: RefusalName = "ticketNotPossible"): never {
  throw new GroundcrewError(code, message, { refusal: { name } });
}

/** Refuses an event that is not possible in the ticket's state. */
export function refuseState({ key, state }: Ticket, rule: string): never {
  return refuse("conflict", `${key} is ${state}: ${rule}`);
}

/** A change that is reported as a step, by whom where that is known. A field that is undefined is removed. */
export function reportStep(ticket: Ticket, changes: Changes<Ticket>, by?: string): TicketOutcome {
  return { ticket: changeFields(ticket, changes), step: omitUndefined({ by }) };
}

/**
 * Ends the run: nothing is wanted any more, and a cause that arrived meanwhile becomes pending. The result stays until
 * the next approval.
 */
export function endRun(ticket: Ticket, at: Ms, changes: Changes<Ticket>, by?: string): TicketOutcome {
  const { next } = ticket;
  const cleared = { retryAt: undefined, attention: undefined, next: undefined, check: undefined, endedAt: at };
  const ended = { ...changes, ...cleared, wanted: false, questions: closeRequests(ticket.questions, at), inputs: [] };
  return reportStep(ticket, next ? { ...ended, state: "pending", shown: next, requestedAt: at } : ended, by);
}

/** Whether a session's request is over: nobody answers it any more, and its answer has reached the session. */
export function isRequestOver({ verdict, closed, session }: SessionRequest): boolean {
  return closed !== undefined || (verdict !== undefined && session.call === undefined);
}

/** The requests of a ticket's session that are not over; those that wait for one thing, if it is given. */
export function listOpen({ questions }: Pick<Ticket, "questions">, waits?: SessionWait["waits"]): SessionRequest[] {
  return questions.filter((one) => !isRequestOver(one) && (waits === undefined || one.session.waits === waits));
}

/** Whether a plan of a session waits for a person. */
export function hasOpenPlan(ticket: Pick<Ticket, "questions">): boolean {
  return listOpen(ticket, "plan").length > 0;
}

/** Whether a ticket that is done asks what to do about red checks of its pull request. */
export function asksAboutChecks({ state, redSince, publication }: Pick<Ticket, "state" | "redSince" | "publication">) {
  return state === "done" && redSince !== undefined && publication?.state === "open";
}

/** Closes those requests of a session that nobody has answered. */
export function closeRequests(
  requests: readonly SessionRequest[],
  at: Ms,
  isMeant: (request: SessionRequest) => boolean = () => true,
): SessionRequest[] {
  return requests.map((request): SessionRequest => {
    if (isRequestOver(request) || !isMeant(request)) return request;
    const { call: _call, ...session } = request.session;
    return { ...request, session, ...(request.verdict ? {} : { closed: { at, why: "withdrawn" } }) };
  });
}

/** The name of the CLI that works on a ticket, or has worked on it. */
export function getTicketCliName({ approval }: Pick<Ticket, "approval">): string {
  return approval?.cli?.name ?? "Claude Code";
}

/** How people and programs call the session of a run, and by which id Claude Code knows its conversation. */
export function toSessionIds(settings: Pick<Settings, "tickets">, { key, approval }: Ticket) {
  return approval && { session_id: formatSessionName(settings, key), conversation_id: approval.sessionId };
}

/** What of its result Plane has. */
export function readUpdateProgress({ update }: Pick<Ticket, "update">) {
  return {
    comment_posted: update !== undefined && (update.step === undefined || update.step === "state"),
    state_updated: update !== undefined && update.step === undefined,
  };
}

/** The earlier comments as one text. Each line is quoted, so that none looks like a heading of the ticket file. */
export function renderComments(comments: TicketContent["comments"] = []): string {
  return comments.map(({ by, text }) => `${by}:\n${text.replaceAll(/^/gm, "> ")}`).join("\n\n");
}

/** Describes a silence, as the attention of a ticket. */
export function formatSilence(since: Ms): string {
  return SILENCE + new Date(since).toISOString();
}

/** Finds since when a session is silent; undefined for another attention. */
export function findSilence(attention: string): Ms | undefined {
  const at = attention.startsWith(SILENCE) ? Date.parse(attention.slice(SILENCE.length)) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
