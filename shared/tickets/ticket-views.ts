import { omitUndefined } from "../omit-undefined.ts";
import type { Ms } from "../time.ts";
import type { ObservedSession } from "./observed-session.ts";
import type { Ticket } from "./ticket.ts";

const toTime = (at: Ms | undefined): string | undefined => (at === undefined ? undefined : new Date(at).toISOString());

/** A ticket as a person decides about it. An approval may name `hash`. */
export function toPendingView({ key, item, shown, state, reason, requestedAt, run }: Ticket) {
  const { cause, content, hash } = shown;
  return {
    id: key,
    uuid: item.id,
    project_id: item.project,
    project: item.identifier,
    title: content.title,
    description: content.description,
    ...omitUndefined({ comment: content.comment, requested_by: cause.by }),
    trigger_type: cause.trigger,
    priority: item.priority,
    url: item.url,
    hash,
    state,
    reason,
    run,
    created_at: toTime(cause.createdAt ?? requestedAt),
  };
}

/** What every view of a ticket with a run begins with. */
function toTicketHead({ key, item, shown, state, reason, detail, run }: Ticket) {
  return {
    id: key,
    uuid: item.id,
    project: item.identifier,
    title: shown.content.title,
    url: item.url,
    state,
    reason,
    detail,
    run,
  };
}

/** A ticket with a run: what its session does, and what it asks. `position`: its place in the queue, from 1. */
export function toSessionView(ticket: Ticket, session: ObservedSession["session"] | undefined, position?: number) {
  const { approval, questions } = ticket;
  return {
    ...toTicketHead(ticket),
    waits_for_end: !ticket.wanted,
    questions: questions.map(({ id, kind, text, at, answer, options, isMultiple, series }) => ({
      id,
      kind,
      text,
      asked_at: toTime(at),
      ...omitUndefined({
        answer: answer?.text,
        options,
        multiple: isMultiple,
        number: series && series.answers.length + 1,
        count: series?.questions.length,
      }),
    })),
    ...omitUndefined({
      position,
      session_id: approval?.sessionId,
      approved_by: approval?.by,
      approved_at: toTime(approval?.at),
      runner: ticket.placed,
      started_at: toTime(ticket.startedAt),
      ends_at: toTime(ticket.deadline),
      next_start_at: toTime(ticket.retryAt),
      attention: ticket.attention,
      ...pickSession(session),
      screen: session?.screen,
      last_output_at: session?.last_output_at,
    }),
  };
}

/** A ticket with a result, and how far its update is. */
export function toCompletedView(ticket: Ticket, session: ObservedSession["session"] | undefined) {
  const { completion, update, approval } = ticket;
  const took = completion && approval ? Math.round((completion.at - approval.at) / 1000) : undefined;
  return {
    ...toTicketHead(ticket),
    summary: completion?.summary ?? "",
    source: completion?.source ?? "person",
    comment_posted: update?.comment === "done",
    state_updated: update?.state === "done",
    ...omitUndefined({
      session_id: approval?.sessionId,
      problem: update?.problem,
      completed_at: toTime(completion?.at),
      seconds: took,
      ...pickSession(session),
    }),
  };
}

function pickSession(session: ObservedSession["session"] | undefined) {
  return {
    name: session?.name,
    branch: session?.branch,
    commits: session?.commits,
    diff: session?.diff,
    conflicts: session?.conflicts,
    dirty: session?.dirty,
    cost_usd: session?.cost_usd,
    tokens: session?.tokens,
  };
}

/** What the sessions of tickets have cost, in the unit in which Claude Code reports it: US dollars. */
export interface TicketCost {
  /** Of this calendar month in the settings' time zone. */
  month: number;
  /** Of the last calendar days, oldest first, today last. */
  days: { day: string; cost: number }[];
}

export type PendingTicket = ReturnType<typeof toPendingView>;
export type SessionTicket = ReturnType<typeof toSessionView>;
export type CompletedTicket = ReturnType<typeof toCompletedView>;

/** The response of `GET /api/pending-tickets`, the most urgent first. */
export interface PendingTicketsAnswer {
  count: number;
  tickets: PendingTicket[];
}

/** The response of `GET /api/sessions`. */
export interface SessionsAnswer {
  count: number;
  sessions: SessionTicket[];
  /** Tickets whose session failed for good, the newest first. */
  failed: SessionTicket[];
  /** The connected runners; times are ISO 8601. */
  runners: { name: string; version: string; repositories: string[]; seen_at: string }[];
  /** `tickets` is in the settings file. */
  configured: boolean;
  /** What sessions have cost on the present day in the settings' time zone, in US dollars. */
  cost_today: { day: string; cost_usd: number };
  server_time: string;
}

/** The response of `GET /api/completed-tickets`, the newest first; `count` is the number of all. */
export interface CompletedTicketsAnswer {
  count: number;
  tickets: CompletedTicket[];
}
