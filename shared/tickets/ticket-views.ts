/** Tickets as the page and the commands show them, and what their sessions cost. */

import { readAgentDays } from "../accounting/history.ts";
import { prepareSpending, readMonthlySpending } from "../accounting/spending.ts";
import type { TaskDeps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { formatSessionName } from "../records/task-records.ts";
import type { Commit } from "../store/port.ts";
import { prepareCardCost } from "../tasks/card-record.ts";
import type { Ms } from "../time.ts";
import type { HostCheck, SessionReport } from "./exchange.ts";
import type { PermissionRule } from "./permission-rules.ts";
import { getAnswer } from "./questions.ts";
import { isRequestOver, readUpdateProgress, type SessionRequest, type Ticket } from "./ticket.ts";
import { isWholeInput, renderToolInput } from "./tool-input.ts";

/** What the sessions of tickets have cost, in the unit in which Claude Code reports it: US dollars. */
export interface TicketCost {
  /** Of this calendar month in the settings' time zone. */
  month: number;
  /** Of the last calendar days, oldest first, today last. */
  days: { day: string; cost: number }[];
}

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
  /** Rules that allow tools of sessions without asking, the newest first. */
  rules: RuleView[];
  /** The connected runners, with what their machines have and lack; times are ISO 8601. */
  runners: { name: string; version: string; repositories: string[]; checks: HostCheck[]; seen_at: string }[];
  /** `tickets` is in the settings file. */
  configured: boolean;
  /** What sessions have cost on the present day in the settings' time zone, in US dollars. */
  cost_today: { day: string; cost_usd: number };
  server_time: string;
}

/** The response of `GET /api/worktrees`, the largest first. */
export interface WorktreesAnswer {
  count: number;
  /** Of all. */
  kilobytes: number;
  /** `id`: key of the ticket. `kept`: why it is not removed. */
  worktrees: { id: string; runner: string; kilobytes: number; kept: string }[];
}

/** The response of `GET /api/completed-tickets`, the newest first. */
export interface CompletedTicketsAnswer {
  count: number;
  /** Those that wait for their update. */
  tickets: CompletedTicket[];
  /** Those whose result is written to Plane: the number of all, and the newest. */
  updated_count: number;
  updated: CompletedTicket[];
}

/** Under this name sessions appear in figures of cost, on the agent card and in the view Team. */
const TICKET_SPENDER = "Claude Code";

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
    ...omitUndefined({ comment: content.comment, comments: content.comments, requested_by: cause.by }),
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

export type PendingTicket = ReturnType<typeof toPendingView>;

const toTime = (at: Ms | undefined): string | undefined => (at === undefined ? undefined : new Date(at).toISOString());

/** How people and programs call the session of a run, and by which id Claude Code knows its conversation. */
export function toSessionIds(settings: Pick<Settings, "tickets">, { key, approval }: Ticket) {
  return approval && { session_id: formatSessionName(settings, key), conversation_id: approval.sessionId };
}

/** A ticket with a run: what its session does, and what it asks. `position`: its place in the queue, from 1. */
export function toSessionView(
  settings: Pick<Settings, "tickets">,
  ticket: Ticket,
  session: SessionReport | undefined,
  position?: number,
) {
  const { approval, questions } = ticket;
  return {
    ...toTicketHead(ticket),
    waits_for_end: !ticket.wanted,
    ...omitUndefined({ plan: ticket.plan }),
    questions: questions.filter((question) => !isRequestOver(question)).map(toQuestionView),
    ...omitUndefined({
      position,
      ...toSessionIds(settings, ticket),
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

export type SessionTicket = ReturnType<typeof toSessionView>;

/** A rule as people read and remove it; `for`: a ticket, or the project of a repository. */
export function toRuleView({ id, rule, subject, by, at, uses }: PermissionRule) {
  return { id, rule, for: subject, by, added_at: toTime(at), uses };
}

export type RuleView = ReturnType<typeof toRuleView>;

/** What every view of a ticket with a run begins with. */
function toTicketHead({ key, item, shown, state, reason, detail, run, publication }: Ticket) {
  const { id: uuid, identifier: project, url } = item;
  const head = { id: key, uuid, project, title: shown.content.title, url, state, reason, detail, run };
  return { ...head, ...omitUndefined({ publication }) };
}

/** What a session waits for, as the page and the commands show it. */
function toQuestionView(question: SessionRequest) {
  const { id, text, createdAt, options, hash, session, input } = question;
  const { waits, isNotice, isMultiple, series, rule } = session;
  const tool = waits === "permission" && !isNotice ? text : undefined;
  const descriptions = options.map(({ description = "" }) => description);
  return {
    id,
    kind: waits,
    text: tool === undefined ? text : renderToolInput({ tool, fields: input }),
    asked_at: toTime(createdAt),
    hash,
    ...omitUndefined({
      answer: getAnswer(question),
      options: options.length > 0 ? options.map(({ label }) => label) : undefined,
      descriptions: descriptions.some(Boolean) ? descriptions : undefined,
      rule,
      multiple: isMultiple,
      number: series && series.answers.length + 1,
      count: series?.questions.length,
      tool,
      input:
        tool === undefined
          ? undefined
          : input.map(({ label, value, leftOut, end }) => {
              return { label, value, ...omitUndefined({ left_out: leftOut, end }) };
            }),
      complete: tool === undefined ? undefined : isWholeInput(input),
      answers: waits === "plan" ? question.answers : undefined,
    }),
  };
}

function pickSession(session: Partial<SessionReport> = {}) {
  const { name, branch, commits, diff, conflicts, dirty, cost_usd, tokens } = session;
  return { name, branch, commits, diff, conflicts, dirty, cost_usd, tokens };
}

/** A ticket with a result, and how far its update is. */
export function toCompletedView(
  settings: Pick<Settings, "tickets">,
  ticket: Ticket,
  session: SessionReport | undefined,
) {
  const { completion, update, approval } = ticket;
  const took = completion && approval ? Math.round((completion.at - approval.at) / 1000) : undefined;
  return {
    ...toTicketHead(ticket),
    summary: completion?.summary ?? "",
    source: completion?.source ?? "person",
    ...readUpdateProgress(ticket),
    ...omitUndefined({
      ...toSessionIds(settings, ticket),
      problem: update?.problem,
      completed_at: toTime(completion?.at),
      seconds: took,
      ...pickSession(session),
    }),
  };
}

export type CompletedTicket = ReturnType<typeof toCompletedView>;

/**
 * Prepares the records of what a session has cost since its last observation, for the commit of the observation: in the
 * month's sum, in the figures of the day, and on the agent card where the task has one.
 */
export async function prepareTicketCost(
  deps: TaskDeps,
  { item }: Pick<Ticket, "item">,
  cost: number,
  correlation: string,
): Promise<Required<Pick<Commit, "expect" | "put" | "jobs">>> {
  if (cost === 0) return { expect: [], put: [], jobs: [] };
  const project = { id: item.project, identifier: item.identifier };
  const [spending, card] = await Promise.all([
    prepareSpending(deps, { project }, TICKET_SPENDER, { counted: cost, cost, source: "tickets" }),
    prepareCardCost(deps, item.id, TICKET_SPENDER, cost, correlation),
  ]);
  return { expect: [...spending.expect, ...card.expect], put: [...spending.put, ...card.put], jobs: card.jobs };
}

/** Reads the cost of tickets of this month and of the last `days` days, in the settings' time zone. */
export async function readTicketCost(deps: Pick<TaskDeps, "store" | "settings">, days: number): Promise<TicketCost> {
  const [{ sources }, figures] = await Promise.all([
    readMonthlySpending(deps),
    readAgentDays(deps, TICKET_SPENDER, days),
  ]);
  return { month: sources.tickets ?? 0, days: figures.map(({ day, cost }) => ({ day, cost })) };
}
