/** Lists of tasks and tickets in replies: reading, order and lines. */

import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { type ClaimRecord, readLiveClaims } from "../../../shared/records/claim-record.ts";
import {
  listReadableProjects,
  type ProjectRecord,
  type ProjectsReadRecord,
  type Task,
} from "../../../shared/records/plane-records.ts";
import { observedKeys, observedSets, workKeys } from "../../../shared/records/store-keys.ts";
import type { RequestKindName, RequestRecord } from "../../../shared/task/request.ts";
import { comparePriorities, type ItemRecord, isBlocked, isInReview } from "../../../shared/task/snapshot.ts";
import type { CardRecord } from "../../../shared/tasks/card-record.ts";
import { readOpenBlockers, toTask } from "../../../shared/tasks/find-task.ts";
import { joinRichText, type RichText, toBold, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import type { Ms } from "../../../shared/time.ts";
import { renderProjectName } from "../presentation/notification-details.ts";
import {
  EVENT_EMOJI,
  fillTemplate,
  renderTaskTitle,
  STATUS_EMOJI,
  toRequestPath,
} from "../presentation/presentation.ts";
import type { CommandContext } from "./command.ts";

/** What lines of tasks need, in replies and in messages of the outbox. */
type TaskLinesContext = Pick<CommandContext, "presentation"> & { deps: Parameters<typeof readOpenBlockers>[0] };

/** Maximum number of open tasks in one reply: about as many as people would page through. */
const OPEN_TASK_LIMIT = 1_000;

const TITLE_LIMIT = 120;

const BLOCKER_LIMIT = 5;

/** Limit of what a request asks, in UTF-16 units: about two lines on a phone. */
const REQUEST_TEXT_LIMIT = 120;

const REQUEST_EMOJI: Record<RequestKindName, string> = {
  question: EVENT_EMOJI.asked,
  review: EVENT_EMOJI.review,
  plan: EVENT_EMOJI.plan_proposed,
  ticket: EVENT_EMOJI.ticket,
  permission: "🔐",
  result: EVENT_EMOJI.ticket,
  budget: "💶",
  agent: EVENT_EMOJI.failed,
};

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
export async function renderDataAge({ deps, presentation: { texts, format } }: CommandContext): Promise<RichText> {
  const [[read], now] = await Promise.all([
    deps.store.read<ProjectsReadRecord>([observedKeys.projectsRead]),
    deps.store.now(),
  ]);
  const { neverRead, lastRead, lastPoll } = texts.answers;
  if (!read) return fillTemplate(`🕓 ${neverRead}`, {});
  const hasWebhook = (deps.settings.plane?.webhookSecrets.length ?? 0) > 0;
  return fillTemplate(`🕓 ${hasWebhook ? lastRead : lastPoll}`, { age: format.duration(now - read.value.at) });
}

/** Renders a task as a link to Plane: `ONB-12 Write the welcome mail`. */
export function renderTaskLink(
  { presentation }: Pick<CommandContext, "presentation">,
  { key, item, url }: Task,
): RichText {
  return renderTaskTitle(presentation, { key, title: item.snapshot.name, url }, { limit: TITLE_LIMIT });
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
  const { texts, format } = context.presentation;
  const bar = renderProgressBar(context, total === 0 ? 0 : closed / total);
  const counts = { closed: format.number(closed), total: format.number(total) };
  return joinRichText([renderProjectName(project), `\n${bar} · `, fillTemplate(texts.answers.closed, counts)]);
}

/** `▓▓▓▓░░░░░░ 40 %` */
export function renderProgressBar({ presentation: { format } }: CommandContext, ratio: number): string {
  const fullBlocks = Math.floor(ratio * BAR_BLOCKS);
  const percent = format.percent(Math.floor(ratio * 100) / 100);
  return `${"▓".repeat(fullBlocks)}${"░".repeat(BAR_BLOCKS - fullBlocks)} ${percent}`;
}

/** Renders the open tasks of a project or a cycle, in sections by what they wait for. */
export async function renderOpenTasks(context: CommandContext, open: readonly Task[]): Promise<RichText[]> {
  const { atWork, waiting, blocked, todo } = context.presentation.texts.answers.headings;
  const groups = Object.groupBy(open, ({ item }) => {
    if (isInReview(item)) return "waiting";
    if (isBlocked(item)) return "blocked";
    return item.snapshot.status === "in_progress" ? "atWork" : "todo";
  });
  return [
    ...renderSection("🔵", atWork, await renderTaskLines(context, groups.atWork)),
    ...renderSection("🙋", waiting, await renderTaskLines(context, groups.waiting)),
    ...renderSection("⛔", blocked, await renderTaskLines(context, groups.blocked)),
    ...renderSection("⬜", todo, await renderTaskLines(context, groups.todo)),
  ];
}

/** Renders one line per task: status, agent, start, progress and open blockers. */
export async function renderTaskLines(context: TaskLinesContext, tasks: readonly Task[] = []): Promise<RichText[]> {
  const { deps, presentation } = context;
  const { answers } = presentation.texts;
  const ids = tasks.map(({ id }) => id);
  const items = tasks.map(({ item }) => item);
  const [claims, cards, blockers, now] = await Promise.all([
    readLiveClaims(deps, ids),
    deps.store.read<CardRecord>(ids.map(workKeys.card)),
    readOpenBlockers(deps, items),
    deps.store.now(),
  ]);
  return tasks.map((task, i) => {
    const { item } = task;
    const claim = claims[i];
    const workers = claim ? [claim.agent] : (item.owners ?? []);
    const since = getWorkStart(claim, task);
    const percent = item.snapshot.status === "in_progress" ? cards[i]?.value.percent : undefined;
    const openBlockers = item.blockers.flatMap((id) => blockers.get(id)?.key ?? []);
    const rest = openBlockers.length > BLOCKER_LIMIT ? ", …" : "";
    const keys = toSafeText(openBlockers.slice(0, BLOCKER_LIMIT).join(", ") + rest);
    const notes = keepDefined([
      workers.length > 0 ? toSafeText(workers.join(", "), 80) : undefined,
      since === undefined ? undefined : renderSince(context, since, now),
      percent === undefined ? undefined : formatTaskPercent(context, percent),
      isInReview(item) ? answers.inReview : undefined,
      openBlockers.length > 0 ? fillTemplate(answers.waitsFor, { keys }) : undefined,
    ]);
    const line = joinRichText([`${getTaskEmoji(task)} `, renderTaskLink(context, task)]);
    return notes.length === 0 ? line : joinRichText([line, " (", joinRichText(notes, ", "), ")"]);
  });
}

/** `❓ ONB-12 Write the welcome mail (Imhotep, since 08:00): Formal or friendly?`: what waits for a person. */
export async function renderRequestLines(
  context: TaskLinesContext,
  requests: readonly RequestRecord[],
): Promise<RichText[]> {
  const { presentation, deps } = context;
  const now = await deps.store.now();
  return requests.map(({ id, kind, subject, from, createdAt, text }) => {
    const { key = "", title, url = "" } = subject;
    const notes = joinRichText([toSafeText(from, 80), renderSince(context, createdAt, now)], ", ");
    const options = { limit: TITLE_LIMIT, path: toRequestPath(id) };
    const about =
      title === "" ? [notes] : [renderTaskTitle(presentation, { key, title, url }, options), " (", notes, ")"];
    const asked = toSafeText(stripMarkdown(text), REQUEST_TEXT_LIMIT);
    return joinRichText([
      `${REQUEST_EMOJI[kind]} `,
      ...about,
      ...(text === "" ? [] : [presentation.texts.colon, asked]),
    ]);
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

export function renderSince({ presentation: { texts, format } }: TaskLinesContext, since: Ms, now: Ms): RichText {
  return fillTemplate(texts.since, { when: format.momentInSentence(since, now) });
}

export function formatTaskPercent({ presentation: { format } }: TaskLinesContext, percent: number): string {
  return format.percent(percent / 100);
}

/** Renders a heading with its lines and a blank line before it; nothing if there are no lines. */
export function renderSection(emoji: string, head: string, lines: readonly RichText[]): RichText[] {
  return lines.length === 0 ? [] : [toPlainText(""), renderHeading(emoji, head), ...lines];
}
