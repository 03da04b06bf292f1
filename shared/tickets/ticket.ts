/**
 * A ticket is an approved work item that becomes a session of Claude Code: its states, its record, the events that
 * change it, and what it waits for a person to decide.
 */

import type { TICKET_TRIGGERS } from "../config/tickets-schema.ts";
import type { ErrorCode } from "../errors.ts";
import { sha256Hex } from "../hashing.ts";
import { type Changes, changeFields, omitUndefined } from "../omit-undefined.ts";
import { workKeys } from "../records/store-keys.ts";
import { ACTIVE_TICKET_STATES } from "../records/task-records.ts";
import type { SetName, StoreKey } from "../store/port.ts";
import type { WorkEvent } from "../task/events.ts";
import type { Priority } from "../task/snapshot.ts";
import { DAY, type Ms } from "../time.ts";
import type { ExchangeAnswer, SessionReport } from "./exchange.ts";
import type { ToolInput } from "./tool-input.ts";

type TicketTrigger = (typeof TICKET_TRIGGERS)[number];

/** Why a ticket was requested. `id` identifies the cause, so that one cause requests a ticket once. */
export interface TicketCause {
  trigger: TicketTrigger;
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

/** A question of a session's question tool, as people see it. */
export interface OfferedQuestion {
  text: string;
  options: string[];
  /** What each option means, in their order; empty for one without. Absent where none has any. */
  descriptions?: string[];
  /** Several options may be chosen. */
  isMultiple?: true;
}

/** Something that a session waits for a person to answer. */
export interface TicketQuestion {
  id: string;
  /**
   * `permission`: may a tool run; `input`: the session waits for text; `time`: its time ends soon; `ended`: it ended
   * without a completion.
   */
  kind: "permission" | "input" | "time" | "ended";
  text: string;
  at: Ms;
  /** Answers that the session offers, and what each means; a person may write another one. */
  options?: string[];
  descriptions?: string[];
  /** Several options may be chosen; the answer is what `joinChoices` makes of them. */
  isMultiple?: true;
  /** The questions that the session asks with one call, of several, and the answers to those before this one. */
  series?: { questions: OfferedQuestion[]; answers: string[] };
  /** A request of the session waits for the answer. Otherwise the answer is typed into its terminal. */
  held?: true;
  /** The id by which that request knows its question, if not that of this one: of the first one of a series, or of a repeat. */
  request?: string;
  /** Known only from a notification, which does not name the tool. */
  isNotice?: true;
  /** What the tool would do; of a permission that the session's request describes. */
  input?: ToolInput;
  /** Hash of the whole input, for which alone an answer is valid. */
  hash?: string;
  /** The rule that an answer may add: `Bash(npm test:*)`. */
  rule?: string;
  answer?: { text: string; by: string; at: Ms };
}

/** Text or keys that the runner types into a session. */
export type SessionInput = ExchangeAnswer["sessions"][number]["inputs"][number];

export type UpdateStep = "comment" | "state";

/** The update of Plane with a ticket's result. Each step is written once. */
export interface TicketUpdate {
  by: string;
  at: Ms;
  comment: "open" | "done" | "failed";
  state: "open" | "done" | "failed";
  /** Plane's id of the comment. */
  commentId?: string;
  /** Why the last step failed. */
  problem?: string;
}

/** The stored record of a ticket: one for each work item. */
export interface Ticket {
  key: string;
  item: TicketItem;
  state: TicketState;
  /** Code of the last step, and its details. */
  reason: string;
  detail: string;
  /** Number of approvals. */
  run: number;
  shown: TicketVersion;
  /** A cause that arrived during a run: it becomes pending afterwards. */
  next?: TicketVersion;
  /** Ids of the last causes, so that none requests a ticket twice. */
  causes: string[];
  requestedAt: Ms;
  /** Of the present or last run; absent before the first approval. */
  approval?: { by: string; at: Ms; hash: string; sessionId: string; token: string };
  /** The runner that has the session and its worktree. */
  placed?: string;
  /** A session should exist. */
  wanted: boolean;
  /** The session of this run was observed to run, so that it is resumed. */
  started: boolean;
  startedAt?: Ms;
  deadline?: Ms;
  /** Starts that have failed in a row, and when the next one is due. */
  failures: number;
  retryAt?: Ms;
  /** `started_at` of the session whose end was handled last. */
  endedStart?: string;
  /** What a person should look at. */
  attention?: string;
  /** The interruption of the session that was handled last. */
  interruption?: string;
  questions: TicketQuestion[];
  inputs: SessionInput[];
  /** The last answers of this run, for those who still see the question. */
  answers?: { question: string; text: string; by: string }[];
  /** Who rejected or cancelled the ticket. */
  closedBy?: string;
  completion?: { summary: string; source: "command" | "file" | "legacy_file" | "person" | "tool"; at: Ms };
  /** A completion that counts once the test command, which the runner runs by this id, has passed; `problem`: it did not. */
  check?: { id: string; problem?: string } & Omit<EventFields["completed"], "question">;
  update?: TicketUpdate;
  /** The worktree may be removed. */
  removal?: { force: boolean; at: Ms };
  endedAt?: Ms;
  /** The update of an earlier run closed the work item, which does not end the ticket of a cause that came meanwhile. */
  closedByUpdate?: true;
}

/** Facts of an observed session that may change its ticket. */
export type SessionFacts = Pick<
  SessionReport,
  "run" | "state" | "started_at" | "exit" | "attention" | "applied" | "interruption"
>;

/** A decision that answers a question: it is refused when the question is not open any more. */
interface WhileOpen {
  question?: string;
}

/** What happens to a ticket, by its kind. `by` is a name for people. */
interface EventFields {
  requested: { key: string; item: TicketItem; version: TicketVersion };
  approved: { by: string; hash: string; sessionId: string; token: string };
  rejected: { by: string; text: string };
  /** The ticket was read again at its approval. */
  reread: { version: TicketVersion; isClosed: boolean };
  placed: { runner: string };
  observed: { runner: string; session: SessionFacts; minutes: number };
  asked: { question: TicketQuestion };
  /** `hash`: of the input that was shown; the answer is refused for another one. */
  answered: { question: string; text: string; by: string; hash?: string };
  /** A rule has allowed a tool. `rule`: its id, `text`: what it says. */
  allowed_by_rule: { rule: string; text: string; by: string };
  /** The session does not wait for these any more. */
  settled: { questions: readonly string[] };
  /** The request that waited for an answer takes it; refused when it was typed into the terminal meanwhile. `question`: of the request. */
  fetched: { question: string };
  /** The request that waited for an answer has ended without one. */
  released: { question: string };
  noticed: { attention: string | undefined };
  typed: { input: SessionInput };
  completed: { summary: string; source: NonNullable<Ticket["completion"]>["source"]; by: string } & WhileOpen;
  /** The ticket is completed when the tests pass, which the runner runs. */
  check_requested: { id: string } & EventFields["completed"];
  check_failed: { id: string; text: string };
  /** `inQueue`: the queue writes the update; `isRetry`: its job does so again. */
  update_requested: { by: string; summary?: string; inQueue?: true; isRetry?: true };
  update_step: { step: UpdateStep; done: boolean; comment?: string; problem?: string };
  closed_in_plane: { text: string };
  cancelled: { by: string } & WhileOpen;
  time_over: object;
  extended: { minutes: number; by: string } & WhileOpen;
  removal_requested: { by: string; force: boolean };
}

export type TicketEventKind = keyof EventFields;

/** An event that is yet to be applied: its time is that of its commit. */
export type NewTicketEvent<Kind extends TicketEventKind = TicketEventKind> = {
  [K in Kind]: { kind: K } & EventFields[K];
}[Kind];

/** An event at its store time. */
export type TicketEvent<Kind extends TicketEventKind = TicketEventKind> = NewTicketEvent<Kind> & { at: Ms };

/** What events of some kinds do to a ticket. */
export type Transitions<Kind extends TicketEventKind> = {
  [K in Kind]: (ticket: Ticket, event: TicketEvent<K>) => TicketOutcome;
};

/**
 * The next record, or why the event is refused. Without `step` nothing is reported, and the same record is no change.
 * `startUpdate`: Plane is updated by the caller, or by the queue.
 */
export type TicketOutcome = AppliedOutcome | { refused: ErrorCode; message: string };

export interface AppliedOutcome {
  ticket: Ticket;
  step?: { by?: string };
  startUpdate?: "by_caller" | "by_queue";
}

/**
 * Something about a ticket that reaches people once. `id` tells it from others of its kind: it is of the request, the
 * question or the run.
 */
export type TicketWait = NonNullable<Extract<WorkEvent, { kind: "ticket" }>["wait"]>;

/** A decision that a ticket waits for now. */
export interface OpenDecision {
  wait: TicketWait;
  /** The question; of `question` only. */
  question?: TicketQuestion;
  /** The text that an approval is bound to; of `approval` only. */
  hash?: string;
}

/** Only a new request leaves these. */
const FINAL_STATES = ["done", "rejected", "failed", "cancelled"] as const;

/**
 * States of a ticket. `completed` waits for the approval of the update; `updating` writes the result to Plane.
 */
export type TicketState =
  | "pending"
  | "completed"
  | "updating"
  | (typeof ACTIVE_TICKET_STATES | typeof FINAL_STATES)[number];

export const ticketKeys = {
  ticket: workKeys.ticket,
  /** The session of a ticket as its runner observed it last. */
  session: (key: string): StoreKey => `ticket-session:${key}`,
  /** Written by every change of a ticket, for its revision: the revision of the desired state. */
  revision: "ticket-revision",
  /** The last change of a ticket, or of its session, for those who watch. */
  news: (event: "ticket" | "session", key: string): StoreKey => `ticket-news:${event}:${key}`,
  runner: (name: string): StoreKey => `runner:${encodeURIComponent(name)}`,
  runnerFolder: (name: string): StoreKey => `runner-folder:${encodeURIComponent(name)}`,
} as const;

export const ticketSets = {
  /** The tickets in one state. */
  in: (state: TicketState): SetName => `tickets:${state}`,
  /** The tickets whose worktree was given up for removal on this day (UTC, `2026-11-22`). */
  removedOn: (day: string): SetName => `ticket-removals:${day}`,
  /** The changes of the last minute. */
  news: "ticket-news",
  /** Runners that exchanged within the last minute. */
  runners: "runners",
} as const;

/** Retention of a finished ticket: 30 days. */
export const FINISHED_TICKET_MS: Ms = 30 * DAY;

/** Begins the text about a session without output; a time follows. */
const SILENCE = "silent since ";

/** The day of a time in UTC, as part of a set's name. */
export function toUtcDay(at: Ms): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** The answers that allow a tool: once, and always for the ticket or its repository by a rule. */
export const ALLOW_IN_REPO = "allow_in_repo";

const ALLOWING_ANSWERS = ["allow", "allow_always", ALLOW_IN_REPO];

export function isAllowing(answer: string): boolean {
  return ALLOWING_ANSWERS.includes(answer);
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

export function refuse(refused: ErrorCode, message: string): TicketOutcome {
  return { refused, message };
}

/** Refuses an event that is not possible in the ticket's state. */
export function refuseState({ key, state }: Ticket, rule: string): TicketOutcome {
  return refuse("conflict", `${key} is ${state}: ${rule}`);
}

/** A change that is reported as a step, by whom where that is known. A field that is undefined is removed. */
export function reportStep(ticket: Ticket, changes: Changes<Ticket>, by?: string): AppliedOutcome {
  return { ticket: changeFields(ticket, changes), step: omitUndefined({ by }) };
}

/** Refuses a decision whose question is not open any more; undefined when it is, or when the decision names none. */
export function refuseClosedQuestion({ questions }: Ticket, { question }: WhileOpen): TicketOutcome | undefined {
  const isOpen = question === undefined || questions.some(({ id, answer }) => id === question && !answer);
  return isOpen ? undefined : refuse("conflict", "This question is closed: somebody has decided already.");
}

/**
 * Ends the run: nothing is wanted any more, and a cause that arrived meanwhile becomes pending. The result stays until
 * the next approval.
 */
export function endRun(ticket: Ticket, at: Ms, changes: Changes<Ticket>, by?: string): TicketOutcome {
  const { next } = ticket;
  const cleared = { retryAt: undefined, attention: undefined, next: undefined, check: undefined, endedAt: at };
  const ended = { ...changes, ...cleared, wanted: false, questions: [], inputs: [] };
  return reportStep(ticket, next ? { ...ended, state: "pending", shown: next, requestedAt: at } : ended, by);
}

/** Finds what a person must know after a change of a ticket; undefined for a change that only informs. */
export function findNewWait(before: Ticket | undefined, after: Ticket): TicketWait | undefined {
  const run = String(after.run);
  const isNewState = before?.state !== after.state;
  const asked = after.questions.find(({ id }) => !before?.questions.some((earlier) => earlier.id === id));
  if (asked) return { kind: "question", id: asked.id };
  if (after.state === "pending" && (isNewState || before?.shown.hash !== after.shown.hash))
    return { kind: "approval", id: toRequestId(after) };
  if (isNewState && (after.state === "completed" || after.state === "failed"))
    return { kind: after.state === "failed" ? "failed" : "result", id: run };
  if (after.attention !== undefined && after.attention !== before?.attention) return { kind: "attention", id: run };
  if (hasFailedStep(after) && !hasFailedStep(before)) return { kind: "update", id: run };
  return undefined;
}

/** Identifies the request of a ticket that is pending: later texts belong to the same one until somebody decides. */
export function toRequestId({ run, requestedAt }: Pick<Ticket, "run" | "requestedAt">): string {
  return `${run}:${requestedAt}`;
}

/** Whether a step of the update of Plane has failed. */
export function hasFailedStep(ticket: Pick<Ticket, "update"> | undefined): boolean {
  return ticket?.update?.comment === "failed" || ticket?.update?.state === "failed";
}

/** Lists the decisions that a ticket waits for now. */
export function listOpenDecisions(ticket: Ticket): OpenDecision[] {
  const { state, questions, run, shown } = ticket;
  const decisions: OpenDecision[] = questions
    .filter(({ answer }) => answer === undefined)
    .map((question) => ({ wait: { kind: "question", id: question.id }, question }));
  if (state === "pending") decisions.push({ wait: { kind: "approval", id: toRequestId(ticket) }, hash: shown.hash });
  if (state === "completed" || state === "updating") decisions.push({ wait: { kind: "result", id: String(run) } });
  return decisions;
}

/** Twelve characters that bind the press of a button to one decision, and an approval to the text that was shown. */
export async function hashDecision({ wait, hash = "" }: Pick<OpenDecision, "wait" | "hash">): Promise<string> {
  return (await sha256Hex(JSON.stringify([wait.kind, wait.id, hash]))).slice(0, 12);
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
