import type { TICKET_TRIGGERS } from "../config/tickets-schema.ts";
import type { SetName, StoreKey } from "../store/port.ts";
import type { Priority } from "../task/snapshot.ts";
import { DAY, type Ms } from "../time.ts";

/**
 * States of a ticket. `approved` waits for a runner; `waiting` waits for a person; `completed` waits for the approval of
 * the update; `updating` writes the result to Plane. The last four are final: only a new request leaves them.
 */
export const TICKET_STATES = [
  "pending",
  "approved",
  "starting",
  "running",
  "waiting",
  "completed",
  "updating",
  "done",
  "rejected",
  "failed",
  "cancelled",
] as const;
export type TicketState = (typeof TICKET_STATES)[number];

/** States in which a session runs or is about to. */
export const ACTIVE_STATES: readonly TicketState[] = ["approved", "starting", "running", "waiting"];
const FINAL_STATES: readonly TicketState[] = ["done", "rejected", "failed", "cancelled"];

export type TicketTrigger = (typeof TICKET_TRIGGERS)[number];

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
  /** Answers that the session offers; a person may write another one. */
  options?: string[];
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
  answer?: { text: string; by: string; at: Ms };
}

/** Text or keys that the runner types into a session. */
export interface SessionInput {
  id: string;
  kind: "text" | "keys" | "interrupt";
  text: string;
}

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
  update?: TicketUpdate;
  /** The worktree may be removed. */
  removal?: { force: boolean; at: Ms };
  endedAt?: Ms;
  /** The update of an earlier run closed the work item, which does not end the ticket of a cause that came meanwhile. */
  closedByUpdate?: true;
}

export const ticketKeys = {
  ticket: (key: string): StoreKey => `ticket:${key}`,
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

/** The day of a time in UTC, as part of a set's name. */
export function toUtcDay(at: Ms): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** Whether only a new request leaves this state. */
export function isFinal(state: TicketState): boolean {
  return FINAL_STATES.includes(state);
}

export function isActive({ state }: Pick<Ticket, "state">): boolean {
  return ACTIVE_STATES.includes(state);
}
