/** Lists of tasks and tickets in replies: reading, order and lines. */

import {
  localizeCount,
  localizeDuration,
  localizeMomentInSentence,
  localizeNumber,
  localizePercent,
} from "../../../shared/i18n/localize.ts";
import {
  listReadableProjects,
  type ProjectRecord,
  type ProjectsReadRecord,
  type Task,
} from "../../../shared/records/plane-records.ts";
import { observedKeys, observedSets, workKeys } from "../../../shared/records/store-keys.ts";
import { type ClaimRecord, readLiveClaims } from "../../../shared/records/task-records.ts";
import { comparePriorities, type ItemRecord, isBlocked, isInReview } from "../../../shared/task/snapshot.ts";
import type { CardRecord } from "../../../shared/tasks/card-record.ts";
import { readOpenBlockers, toTask } from "../../../shared/tasks/find-task.ts";
import {
  joinRichText,
  type RichText,
  toBold,
  toLink,
  toPlainText,
  toSafeText,
} from "../../../shared/telegram/rich-text.ts";
import { countTickets, readTickets } from "../../../shared/tickets/stored-tickets.ts";
import { hasFailedStep, type Ticket } from "../../../shared/tickets/ticket.ts";
import type { Ms } from "../../../shared/time.ts";
import { renderProjectName } from "../presentation/notification-details.ts";
import { EVENT_EMOJI, fillTemplate, STATUS_EMOJI } from "../presentation/presentation.ts";
import type { CommandContext } from "./command.ts";

/** Maximum number of open tasks in one reply: about as many as people would page through. */
const OPEN_TASK_LIMIT = 1_000;

const TITLE_LIMIT = 120;

const BLOCKER_LIMIT = 5;

/** Number of blocks of a progress bar. */
const BAR_BLOCKS = 10;

/** Reads the observed projects, sorted by name. */
export async function readFollowedProjects({ deps }: CommandContext): Promise<ProjectRecord[]> {
  return (await listReadableProjects(deps)).toSorted((a, b) => a.name.localeCompare(b.name, "en"));
}

/** Sorts by priority, then by due date, then by key. */
export function compareByUrgency(a: Task, b: Task): number {
  const [left, right] = [a.item.snapshot, b.item.snapshot];
  return (
    comparePriorities(left, right) ||
    (left.due ?? "9").localeCompare(right.due ?? "9", "en") ||
    a.project.identifier.localeCompare(b.project.identifier, "en") ||
    left.sequence - right.sequence
  );
}

/** Reads up to `OPEN_TASK_LIMIT` open tasks of these projects from the store, without a request to Plane. */
export async function readOpenTasks({ deps }: CommandContext, projects: readonly ProjectRecord[]): Promise<Task[]> {
  const tasks: Task[] = [];
  for (const project of projects) {
    if (tasks.length >= OPEN_TASK_LIMIT) break;
    const { rows } = await deps.store.scan<ItemRecord>(
      observedSets.open(project.id),
      undefined,
      OPEN_TASK_LIMIT - tasks.length,
    );
    tasks.push(...rows.map(({ value, rev }) => toTask(deps, value, rev, project)));
  }
  return tasks.sort(compareByUrgency);
}

/** Renders the age of the data: the time since Plane was last read. */
export async function renderDataAge({ deps, presentation: { texts } }: CommandContext) {
  const [[read], now] = await Promise.all([
    deps.store.read<ProjectsReadRecord>([observedKeys.projectsRead]),
    deps.store.now(),
  ]);
  const { answers, locale } = texts;
  if (!read) return fillTemplate(`🕓 ${answers.neverRead}`, {});
  return fillTemplate(`🕓 ${answers.lastRead}`, { age: localizeDuration(locale, now - read.value.at) });
}

/** Renders a task as a link to Plane: `ONB-12 Write the welcome mail`. */
export function renderTaskLink(
  { presentation }: Pick<CommandContext, "presentation">,
  { key, item, url }: Task,
): RichText {
  const parts = [toSafeText(key, 40), toSafeText(item.snapshot.name, TITLE_LIMIT)].filter(({ text }) => text !== "");
  return toLink(joinRichText(parts, " "), url, presentation.origins);
}

export function renderHeading(emoji: string, text: string): RichText {
  return joinRichText([`${emoji} `, toBold(text)]);
}

/** `ONB ▓▓▓▓░░░░░░ 40 % · 2 of 5 closed` */
export function renderProjectProgress(
  context: CommandContext,
  project: ProjectRecord,
  { closed, total }: { closed: number; total: number },
): RichText {
  const { locale, answers } = context.presentation.texts;
  const counts = fillTemplate(answers.closed, {
    closed: localizeNumber(locale, closed),
    total: localizeNumber(locale, total),
  });
  return joinRichText([
    renderProjectName(project),
    `\n${renderProgressBar(context, total === 0 ? 0 : closed / total)} · `,
    counts,
  ]);
}

/** `▓▓▓▓░░░░░░ 40 %` */
export function renderProgressBar({ presentation: { texts } }: CommandContext, ratio: number): string {
  const fullBlocks = Math.floor(ratio * BAR_BLOCKS);
  const percent = localizePercent(texts.locale, Math.floor(ratio * 100) / 100);
  return `${"▓".repeat(fullBlocks)}${"░".repeat(BAR_BLOCKS - fullBlocks)} ${percent}`;
}

/** Renders the open tasks of a project or a cycle, in sections by what they wait for. */
export async function renderOpenTasks(context: CommandContext, open: readonly Task[]): Promise<RichText[]> {
  const { headings } = context.presentation.texts.answers;
  const isReview = ({ item }: Task) => isInReview(item);
  const isWaiting = (task: Task) => isBlocked(task.item) && !isReview(task);
  const isInProgress = (task: Task) =>
    task.item.snapshot.status === "in_progress" && !isReview(task) && !isWaiting(task);
  const isNext = (task: Task) => !isReview(task) && !isWaiting(task) && !isInProgress(task);
  const renderMatching = (matches: (task: Task) => boolean) => renderTaskLines(context, open.filter(matches));
  return [
    ...renderSection("🔵", headings.atWork, await renderMatching(isInProgress)),
    ...renderSection("🙋", headings.waiting, await renderMatching(isReview)),
    ...renderSection("⛔", headings.blocked, await renderMatching(isWaiting)),
    ...renderSection("⬜", headings.todo, await renderMatching(isNext)),
  ];
}

/** Renders one line per task: status, agent, start, progress and open blockers. */
export async function renderTaskLines(context: CommandContext, tasks: readonly Task[]): Promise<RichText[]> {
  const { store } = context.deps;
  const ids = tasks.map(({ id }) => id);
  const [claims, cards, blockers, now] = await Promise.all([
    readLiveClaims(context.deps, ids),
    store.read<CardRecord>(ids.map(workKeys.card)),
    readOpenBlockers(
      context.deps,
      tasks.map(({ item }) => item),
    ),
    store.now(),
  ]);
  return tasks.map((task, i) => {
    const { item } = task;
    const notes: (RichText | string)[] = [];
    const claim = claims[i];
    const workers = claim ? [claim.agent] : (item.owners ?? []);
    if (workers.length > 0) notes.push(toSafeText(workers.join(", "), 80));
    const since = getWorkStart(claim, task);
    if (since !== undefined) notes.push(renderSince(context, since, now));
    const percent = cards[i]?.value.percent;
    if (percent !== undefined && item.snapshot.status === "in_progress")
      notes.push(formatTaskPercent(context, percent));
    if (isInReview(item)) notes.push(context.presentation.texts.answers.inReview);
    const openBlockers = item.blockers.flatMap((id) => blockers.get(id)?.key ?? []);
    if (openBlockers.length > 0) {
      const listedBlockers =
        openBlockers.slice(0, BLOCKER_LIMIT).join(", ") + (openBlockers.length > BLOCKER_LIMIT ? ", …" : "");
      notes.push(fillTemplate(context.presentation.texts.answers.waitsFor, { keys: toSafeText(listedBlockers) }));
    }
    const line = joinRichText([`${getTaskEmoji(task)} `, renderTaskLink(context, task)]);
    return notes.length === 0 ? line : joinRichText([line, " (", joinRichText(notes, ", "), ")"]);
  });
}

export function getTaskEmoji({ item }: Task): string {
  if (isInReview(item)) return "🔍";
  return STATUS_EMOJI[isBlocked(item) ? "blocked" : item.snapshot.status];
}

/** Returns the start of the work: by the store's clock for a claimed task, otherwise by Plane's clock. */
export function getWorkStart(claim: ClaimRecord | undefined, { item }: Task): Ms | undefined {
  if (claim) return claim.since;
  if (item.startedAt === undefined || item.snapshot.status !== "in_progress") return undefined;
  return Date.parse(item.startedAt);
}

export function renderSince(
  { presentation: { texts }, deps: { settings } }: CommandContext,
  since: Ms,
  now: Ms,
): RichText {
  return fillTemplate(texts.since, {
    when: localizeMomentInSentence(texts.locale, settings.timezone, since, now),
  });
}

export function formatTaskPercent({ presentation: { texts } }: CommandContext, percent: number): string {
  return localizePercent(texts.locale, percent / 100);
}

/** Renders a heading with its lines and a blank line before it; nothing if there are no lines. */
export function renderSection(emoji: string, head: string, lines: readonly RichText[]): RichText[] {
  return lines.length === 0 ? [] : [toPlainText(""), renderHeading(emoji, head), ...lines];
}

/** `🎫 Tickets: 2 wait for approval, 1 session, 0 results to approve`; empty where there are no tickets. */
export async function renderTicketCounts({ deps, presentation }: CommandContext): Promise<RichText[]> {
  if (!deps.settings.tickets) return [];
  const { texts } = presentation;
  const { heading, counts } = texts.live.ticket;
  const [{ pending, active }, results] = await Promise.all([
    countTickets(deps.store),
    readTickets(deps, ["completed"]),
  ]);
  const parts = [
    localizeCount(texts, counts.pending, pending),
    localizeCount(texts, counts.active, active),
    localizeCount(texts, counts.results, results.length),
  ];
  return [toPlainText(`${EVENT_EMOJI.ticket} ${heading}${texts.colon}${parts.join(", ")}`)];
}

/** `🎫 ONB-12 Write the welcome mail (ticket to approve, since 08:00)`, the most urgent first. */
export async function renderTicketLines(context: CommandContext): Promise<RichText[]> {
  const { deps, presentation } = context;
  if (!deps.settings.tickets) return [];
  const [tickets, now] = await Promise.all([
    readTickets(deps, ["pending", "waiting", "completed", "updating"]),
    deps.store.now(),
  ]);
  return tickets.flatMap((ticket) => {
    const { key, shown, item } = ticket;
    const wait = findWait(ticket);
    if (!wait) return [];
    const title = joinRichText([toSafeText(key), " ", toSafeText(shown.content.title)]);
    const notes = joinRichText(
      [presentation.texts.live.ticket.waits[wait.kind], renderSince(context, wait.since, now)],
      ", ",
    );
    return joinRichText([`${EVENT_EMOJI.ticket} `, toLink(title, item.url, presentation.origins), " (", notes, ")"]);
  });
}

/** What a ticket waits for, and since when. */
function findWait(ticket: Ticket): { kind: "approval" | "answer" | "result" | "update"; since: number } | undefined {
  const { state, requestedAt, questions, completion, update } = ticket;
  const [question] = questions.filter(({ answer }) => !answer);
  if (state === "pending") return { kind: "approval", since: requestedAt };
  if (question) return { kind: "answer", since: question.at };
  if (state === "completed" && completion) return { kind: "result", since: completion.at };
  return update && hasFailedStep(ticket) ? { kind: "update", since: update.at } : undefined;
}
