/** Work in messages: lists of tasks and requests, progress, cycles, forecasts and the budget. */

import type { ConfidenceOverTime } from "../../../shared/accounting/history.ts";
import type { Deps } from "../../../shared/app/deps.ts";
import { formatTemplate } from "../../../shared/i18n/localize.ts";
import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { type ClaimRecord, readLiveClaims } from "../../../shared/records/claim-record.ts";
import {
  listReadableProjects,
  type ProjectRecord,
  type ProjectsReadRecord,
  type Task,
} from "../../../shared/records/plane-records.ts";
import { observedKeys, observedSets, workKeys } from "../../../shared/records/store-keys.ts";
import type { CycleProgress } from "../../../shared/sync/cycles.ts";
import type { RequestKindName, RequestRecord } from "../../../shared/task/request.ts";
import { comparePriorities, type ItemRecord, isBlocked, isInReview } from "../../../shared/task/snapshot.ts";
import type { CardRecord } from "../../../shared/tasks/card-record.ts";
import { readOpenBlockers, toTask } from "../../../shared/tasks/find-task.ts";
import { type Budget, type ForecastSum, formatBudget } from "../../../shared/tasks/forecast.ts";
import { countPlannedTasks } from "../../../shared/tasks/plan-record.ts";
import { joinRichText, type RichText, type TextPart, toBold, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { DAY, type Ms, toZonedDate } from "../../../shared/time.ts";
import {
  EVENT_EMOJI,
  fillTemplate,
  formatEffort,
  formatProgress,
  type Presentation,
  renderProjectName,
  renderTaskTitle,
  STATUS_EMOJI,
  toRequestPath,
} from "./presentation.ts";

/** What lines of tasks need, in replies and in messages of the outbox. */
interface LinesContext {
  presentation: Presentation;
  deps: Pick<Deps, "store">;
}

/** What lists of tasks need. */
type ListContext = LinesContext & { deps: Pick<Deps, "store" | "settings"> };

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

/** Reads the observed projects, sorted by name. */
export async function readFollowedProjects({ deps }: ListContext): Promise<ProjectRecord[]> {
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
export async function readOpenTasks({ deps }: ListContext, projects: readonly ProjectRecord[]): Promise<Task[]> {
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
export async function renderDataAge({ deps, presentation: { texts, format } }: ListContext): Promise<RichText> {
  const [[read], now] = await Promise.all([
    deps.store.read<ProjectsReadRecord>([observedKeys.projectsRead]),
    deps.store.now(),
  ]);
  const { neverRead, lastRead, lastPoll } = texts.answers;
  if (!read) return fillTemplate(`🕓 ${neverRead}`, {});
  const hasWebhook = (deps.settings.plane?.webhookSecrets.length ?? 0) > 0;
  return fillTemplate(`🕓 ${hasWebhook ? lastRead : lastPoll}`, { age: format.duration(now - read.value.at) });
}

/** Renders a task as a link: `ONB-12 Write the welcome mail`. */
export function renderTaskLink(
  { presentation }: Pick<LinesContext, "presentation">,
  { key, item, url }: Task,
): RichText {
  return renderTaskTitle(presentation, { key, title: item.snapshot.name, url }, { limit: TITLE_LIMIT });
}

export function renderHeading(emoji: string, text: string): RichText {
  return joinRichText([`${emoji} `, toBold(text)]);
}

/** `ONB ▓▓▓▓░░░░░░ 40 % · 2 of 5 closed` */
export function renderProjectProgress(
  presentation: Presentation,
  project: ProjectRecord,
  { closed, total }: { closed: number; total: number },
): RichText {
  const { texts, format } = presentation;
  const bar = renderProgressBar(presentation, total === 0 ? 0 : (closed * 100) / total);
  const counts = { closed: format.number(closed), total: format.number(total) };
  return joinRichText([renderProjectName(project), `\n${bar} · `, fillTemplate(texts.answers.closed, counts)]);
}

/** `▓▓▓▓░░░░░░ 40 %`; what is begun is not shown as done. */
export function renderProgressBar({ format }: Presentation, percent: number): string {
  const blocks = Math.floor(percent / 10);
  return `${"▓".repeat(blocks)}${"░".repeat(10 - blocks)} ${format.percent(Math.floor(percent) / 100)}`;
}

/** Renders the open tasks of a project or a cycle, in sections by what they wait for. */
export async function renderOpenTasks(context: LinesContext, open: readonly Task[]): Promise<TextPart[]> {
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
export async function renderTaskLines(context: LinesContext, tasks: readonly Task[] = []): Promise<RichText[]> {
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
    const notes = [
      workers.length > 0 ? toSafeText(workers.join(", "), 80) : undefined,
      since === undefined ? undefined : presentation.format.since(since, now),
      percent === undefined ? undefined : presentation.format.percent(percent / 100),
      isInReview(item) ? answers.inReview : undefined,
      openBlockers.length > 0 ? fillTemplate(answers.waitsFor, { keys }) : undefined,
    ];
    const known = joinRichText(notes, ", ");
    const end = known.text === "" ? [] : [" (", known, ")"];
    return joinRichText([`${getTaskEmoji(task)} `, renderTaskLink(context, task), ...end]);
  });
}

/**
 * What waits for a person: `❓ ONB-12 Write the welcome mail (Imhotep, since 08:00): Formal or friendly?`, and
 * `🗺️ Dark mode: 4 tasks (Concierge, since 08:00)`.
 */
export async function renderRequestLines(
  context: LinesContext,
  requests: readonly RequestRecord[],
): Promise<RichText[]> {
  const { presentation, deps } = context;
  const { texts } = presentation;
  const now = await deps.store.now();
  return requests.map((request) => {
    const { id, kind, subject, from, createdAt, text } = request;
    const { key = "", title, url = "" } = subject;
    const isPlan = kind === "plan" && !request.session;
    const size = isPlan ? presentation.format.count(texts.live.plan.tasks, countPlannedTasks(request)) : undefined;
    const notes = joinRichText([toSafeText(from, 80), presentation.format.since(createdAt, now)], ", ");
    const options = { limit: TITLE_LIMIT, path: toRequestPath(id) };
    const task = title === "" ? undefined : renderTaskTitle(presentation, { key, title, url }, options);
    const about = task ? joinRichText([joinRichText([task, size], texts.colon), " (", notes, ")"]) : notes;
    const asked = text === "" ? undefined : toSafeText(stripMarkdown(text), REQUEST_TEXT_LIMIT);
    return joinRichText([`${REQUEST_EMOJI[kind]} `, joinRichText([about, asked], texts.colon)]);
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

/** Renders a heading with its lines and a blank line before it; nothing if there are no lines. */
export function renderSection(emoji: string, head: string, lines: readonly TextPart[]): TextPart[] {
  return lines.length === 0 ? [] : ["", renderHeading(emoji, head), ...lines];
}

/** `🔮 Forecast for open tasks: about 6 hr, €4.10, not enough data for 2 tasks`; undefined when nothing is known. */
export function formatForecast(presentation: Presentation, { ms, cost, unknown }: ForecastSum): string | undefined {
  const { texts, format } = presentation;
  const { digest, colon } = texts;
  const what = formatEffort(presentation, ms, cost).join(", ");
  if (what === "") return undefined;
  const missing = unknown > 0 ? `, ${format.count(digest.tooLittleDataFor, unknown)}` : "";
  return `🔮 ${digest.forecastLabel}${colon}${formatTemplate(digest.estimate, { what })}${missing}`;
}

/** `💶 Budget for November: €5.00 spent + €3.00 estimated for open tasks, of €50.00 (16%)` */
export function renderBudgetLine({ texts, timezone }: Presentation, budget: Budget): RichText {
  const { digest, colon } = texts;
  const values = formatBudget(texts, timezone, budget);
  return fillTemplate(`💶 ${digest.budgetLabel}${colon}${digest.ofBudget}`, values);
}

/** `84% in the last 7 days, 88% in the last 30 days`; undefined when no task had a confidence. */
export function formatConfidence({ texts, format }: Presentation, confidence: ConfidenceOverTime): string | undefined {
  const parts = (["week", "month", "before"] as const).flatMap((period) => {
    const mean = confidence[period];
    if (mean === undefined) return [];
    return formatTemplate(texts.answers.confidenceOver[period], { percent: format.percent(mean) });
  });
  return parts.length === 0 ? undefined : parts.join(", ");
}

/** `Sprint 7 (ONB): 4 of 10 done, 6 tasks left, ends Nov 30, 2026, forecast Nov 28, 2026 (on time)` */
export function renderCycleLine(presentation: Presentation, progress: CycleProgress): RichText {
  const { cycle, project } = progress;
  const formats = [formatCycleCounts, formatCycleDates, formatCycleForecast];
  const facts = formats.map((format) => format(presentation, progress));
  const name = [toSafeText(cycle.name), " (", toSafeText(project.identifier, 20), ")"];
  return joinRichText([...name, presentation.texts.colon, joinRichText(facts, ", ")]);
}

/** `4 of 10 done, 6 tasks left` */
export function formatCycleCounts(presentation: Presentation, { done, total, left }: CycleProgress): string {
  const { cycles } = presentation.texts;
  const rest = left > 0 ? presentation.format.count(cycles.left, left) : cycles.allClosed;
  return [formatProgress(presentation, done, total), ...(total === 0 ? [] : [rest])].join(", ");
}

/** `ends Nov 30, 2026` */
export function formatCycleDates({ texts, format }: Presentation, { cycle }: Pick<CycleProgress, "cycle">): string {
  const { starts, ends, ended, noDates } = texts.cycles;
  const { start, end, phase } = cycle;
  if (start === null || end === null) return noDates;
  if (phase === "upcoming") return formatTemplate(starts, { date: format.date(start) });
  return formatTemplate(phase === "completed" ? ended : ends, { date: format.date(end) });
}

/** `forecast Dec 3, 2026 (3 days late)`; undefined for a cycle that is not current or has nothing left. */
export function formatCycleForecast(
  { texts, format, timezone }: Presentation,
  { cycle, left, forecast }: CycleProgress,
): string | undefined {
  const { cycles } = texts;
  if (cycle.phase !== "current" || cycle.end === null || left === 0) return undefined;
  if (!forecast) return cycles.noForecast;
  const day = toZonedDate(timezone, forecast.at);
  const lateDays = Math.round((Date.parse(day) - Date.parse(cycle.end.slice(0, 10))) / DAY);
  const verdict = lateDays > 0 ? format.count(cycles.late, lateDays) : cycles.onTime;
  return `${formatTemplate(cycles.forecast, { date: format.date(day) })} (${verdict})`;
}
