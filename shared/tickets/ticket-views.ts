/** Tickets as the page, the API and the commands show them. */

import type { Deps, TaskDeps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { GroundcrewError } from "../errors.ts";
import { parseTaskKey } from "../names.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { limitDeps, seesTask, type Viewer } from "../people/viewer.ts";
import { findStoredTask } from "../tasks/find-task.ts";
import { readDoneCriteria } from "../tasks/lifecycle/done-criteria.ts";
import type { Ms } from "../time.ts";
import type { SessionReport } from "./exchange.ts";
import { type PermissionRule, readRules } from "./permission-rules.ts";
import { type PolicyLine, readPolicy } from "./policy.ts";
import { getAnswer } from "./questions.ts";
import { readRounds, toRoundViews } from "./rounds.ts";
import { rankApproved, readRunners } from "./runners.ts";
import { COMPLETED_STATES, readActiveTickets, readSession, readTickets } from "./stored-tickets.ts";
import {
  readUpdateProgress,
  renderComments,
  type SessionRequest,
  type Ticket,
  type TicketState,
  toSessionIds,
} from "./ticket.ts";
import { readTicketCost } from "./ticket-cost.ts";
import { isWholeInput, renderToolInput } from "./tool-input.ts";

type ViewDeps = Pick<TaskDeps, "store" | "settings">;

/** Limit of failed tickets, and of those that are written to Plane, in one answer: the newest 20. */
const MAX_OVER = 20;

/** Reads what waits for approval, the most urgent first: the response of `GET /api/pending-tickets`. */
export async function readPendingTickets(deps: ViewDeps) {
  const tickets = (await readTickets(deps, ["pending"])).map(toPendingView);
  return { count: tickets.length, tickets };
}

export type PendingTicketsAnswer = Awaited<ReturnType<typeof readPendingTickets>>;

/**
 * Reads what waits for its update, and what is written to Plane, the newest first: the response of
 * `GET /api/completed-tickets`. `updated_count` counts all of the latter.
 */
export async function readCompletedTickets(deps: ViewDeps) {
  const readNewest = async (states: readonly TicketState[]) =>
    (await readTickets(deps, states)).sort((a, b) => (b.completion?.at ?? 0) - (a.completion?.at ?? 0));
  const toView = async (ticket: Ticket) => toCompletedView(deps.settings, ticket, await readSession(deps, ticket));
  const [waiting, updated] = await Promise.all([readNewest(COMPLETED_STATES), readNewest(["done"])]);
  return {
    count: waiting.length,
    tickets: await Promise.all(waiting.map(toView)),
    updated_count: updated.length,
    updated: await Promise.all(updated.slice(0, MAX_OVER).map(toView)),
  };
}

export type CompletedTicketsAnswer = Awaited<ReturnType<typeof readCompletedTickets>>;

/**
 * Reads the sessions of approved tickets, those that failed for good, the rules that allow tools without asking, and
 * the connected runners with what their machines have and lack: the response of `GET /api/sessions`. Costs are in US
 * dollars.
 */
export async function readSessions(deps: ViewDeps, viewer: Viewer) {
  const own = limitDeps(deps, viewer);
  const [all, active, failed, runners, rules, cost, at] = await Promise.all([
    readActiveTickets(deps),
    readActiveTickets(own),
    readTickets(own, ["failed"]),
    readRunners(deps.store),
    readRules(own),
    readTicketCost(deps, 1),
    deps.store.now(),
  ]);
  const positions = rankApproved(all);
  const toView = async (ticket: Ticket) =>
    toSessionView(deps.settings, ticket, await readSession(deps, ticket), positions.get(ticket.key));
  const newestFailed = failed.sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0)).slice(0, MAX_OVER);
  const [today] = cost.days;
  return {
    count: active.length,
    sessions: await Promise.all(active.map(toView)),
    failed: await Promise.all(newestFailed.map(toView)),
    rules: rules.map(toRuleView),
    runners: runners.map(({ name, version, repositories, checks = [], at: seen }) => {
      return { name, version, repositories, checks, seen_at: new Date(seen).toISOString() };
    }),
    configured: deps.settings.tickets !== undefined,
    cost_today: { day: today?.day ?? "", cost_usd: today?.cost ?? 0 },
    server_time: new Date(at).toISOString(),
  };
}

export type SessionsAnswer = Awaited<ReturnType<typeof readSessions>>;

/**
 * Reads the worktrees of the connected runners, the largest first: the response of `GET /api/worktrees`. `id`: key of
 * the ticket, `kept`: why it is not removed.
 */
export async function readWorktrees(deps: Pick<Deps, "store">, viewer: Viewer) {
  const all = (await readRunners(deps.store)).flatMap(({ name: runner, worktrees = [] }) =>
    worktrees.map(({ ticket: id, ...worktree }) => ({ id, runner, ...worktree })),
  );
  const seen = await Promise.all(all.map(({ id }) => seesTask(deps, viewer, id)));
  const worktrees = all.filter((_, i) => seen[i]).sort((a, b) => b.kilobytes - a.kilobytes);
  const kilobytes = worktrees.reduce((sum, worktree) => sum + worktree.kilobytes, 0);
  return { count: worktrees.length, kilobytes, worktrees };
}

export type WorktreesAnswer = Awaited<ReturnType<typeof readWorktrees>>;

/**
 * Reads a ticket whole, for the person who judges its result: as it is, what its work item requires, and all its
 * rounds, the newest first. The response of `GET /api/tickets/:key`.
 */
export async function readTicketPage(deps: TaskDeps, ticket: Ticket) {
  const [session, task] = await Promise.all([readSession(deps, ticket), findStoredTask(deps, ticket.item.id)]);
  const { description, comment, comments } = ticket.shown.content;
  return {
    ...toSessionView(deps.settings, ticket, session),
    ...readUpdateProgress(ticket),
    ...omitUndefined({ done_when: task && (await readDoneCriteria(deps, task)) }),
    ...omitUndefined({ problem: ticket.update?.problem, comment, comments: comments && renderComments(comments) }),
    description,
    rounds: toRoundViews(await readRounds(deps, ticket, session)),
  };
}

export type TicketPageAnswer = Awaited<ReturnType<typeof readTicketPage>>;

/**
 * What is in force for the repository of a project, or of a ticket with what people have allowed for it besides, and
 * where each line comes from.
 */
export async function describePolicy(deps: ViewDeps, id: string) {
  const key = parseTaskKey(id);
  const project = (key?.identifier ?? id.trim().normalize("NFC")).toUpperCase();
  const unknown = `tickets.repositories in the settings file has no ${project.slice(0, 40)}.`;
  if (!deps.settings.tickets?.repositories[project])
    throw new GroundcrewError("not_found", unknown, { refusal: { name: "ticketNotPossible" } });
  const { lines, leftOut, problems, read } = await readPolicy(deps, project);
  const rules = (await readRules(deps)).filter(({ subject }) => [key?.key, project].includes(subject));
  const { base, commit } = read?.report ?? {};
  return {
    project,
    ...omitUndefined({ base, commit: commit?.slice(0, 12), runner: read?.runner }),
    problems: read ? problems : [...problems, "No runner has read the base branch yet: these are the settings."],
    lines: [
      ...lines.map((line): PolicyLine & { added_at?: string; uses?: number } => line),
      ...rules.map(({ rule, subject, by, at, uses }) => {
        const from = `always allowed for ${subject} by ${by}`;
        return { name: "allow", value: rule, from, added_at: new Date(at).toISOString(), uses };
      }),
    ],
    left_out: leftOut,
  };
}

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

const toTime = (at: Ms | undefined): string | undefined => (at === undefined ? undefined : new Date(at).toISOString());

/** A ticket with a run: what its session does, and what it asks. `position`: its place in the queue, from 1. */
export function toSessionView(
  settings: Pick<Settings, "tickets">,
  ticket: Ticket,
  session: SessionReport | undefined,
  position?: number,
) {
  const { approval, questions, plan } = ticket;
  return {
    ...toTicketHead(ticket),
    waits_for_end: !ticket.wanted,
    questions: questions.map(toQuestionView),
    ...omitUndefined({
      plan,
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
  const isTool = waits === "permission" && !isNotice;
  const shown = input.map(({ label, value, leftOut, end }) => {
    return { label, value, ...omitUndefined({ left_out: leftOut, end }) };
  });
  const descriptions = options.map(({ description = "" }) => description);
  return {
    ...{ id, kind: waits, asked_at: toTime(createdAt), hash },
    text: isTool ? renderToolInput(question) : text,
    ...(isTool ? { tool: text, input: shown, complete: isWholeInput(input) } : {}),
    ...omitUndefined({
      answer: getAnswer(question),
      options: options.length > 0 ? options.map(({ label }) => label) : undefined,
      descriptions: descriptions.some(Boolean) ? descriptions : undefined,
      rule,
      multiple: isMultiple,
      number: series && series.answers.length + 1,
      count: series?.questions.length,
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
