/**
 * The daily digest: its tick, its text and the messages it is split into, and what it counts: completed and open tasks,
 * the forecast of each agent, and what waits for a person.
 */

import { readMonthlySpending } from "../../../shared/accounting/spending.ts";
import { readTaskFigures } from "../../../shared/accounting/time-entries.ts";
import type { Deps, Tick } from "../../../shared/app/deps.ts";
import { formatTemplate, type LocaleSetting, localizeMonth } from "../../../shared/i18n/localize.ts";
import { getTexts } from "../../../shared/i18n/texts.ts";
import { createAnnouncementJob } from "../../../shared/jobs/outgoing-jobs.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import { type DecisionRecord, decisionSet, itemDecisionSetKey } from "../../../shared/records/decision-log.ts";
import { listReadableProjects, type ProjectRecord, type Task } from "../../../shared/records/plane-records.ts";
import { observedSets } from "../../../shared/records/store-keys.ts";
import { findStatusAttempt } from "../../../shared/records/task-records.ts";
import { readOpenRequests } from "../../../shared/requests/requests.ts";
import { readScheduleDay } from "../../../shared/schedules/list-schedules.ts";
import { SCHEDULE_OUTCOMES } from "../../../shared/schedules/schedule-record.ts";
import type { StoreKey } from "../../../shared/store/port.ts";
import { scanPages, scanRows } from "../../../shared/store/records.ts";
import { readProjectTotals } from "../../../shared/sync/projects.ts";
import { findPart, type RequestKindName, type RequestRecord } from "../../../shared/task/request.ts";
import { DECISION_LOG_MS } from "../../../shared/task/rule-set.ts";
import { type ItemRecord, isBlocked } from "../../../shared/task/snapshot.ts";
import { readCard } from "../../../shared/tasks/card-record.ts";
import { findOpenTask, findStoredTask, readOpenBlockers, toTask } from "../../../shared/tasks/find-task.ts";
import {
  createForecaster,
  formatBudget,
  readBudget,
  sumForecasts,
  type TaskForecast,
} from "../../../shared/tasks/forecast.ts";
import { countPlannedTasks } from "../../../shared/tasks/plan-record.ts";
import { readCurrentCycles } from "../../../shared/tasks/task-counts.ts";
import { resolveChatLocale, toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import {
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  splitIntoMessages,
  type TextPart,
  toBold,
  toSafeText,
} from "../../../shared/telegram/rich-text.ts";
import { DAY, getPreviousDate, getZonedHour, type Ms, toZonedDate } from "../../../shared/time.ts";
import {
  createPresentation,
  fillTemplate,
  formatEffort,
  type Presentation,
  renderProjectName,
} from "../presentation/presentation.ts";
import { renderCycleLine, renderTaskLink } from "../presentation/task-lists.ts";

/** The digest is sent in this hour of the configured time zone. */
const DIGEST_HOUR = 8;

/** Retention for the record of a sent digest: 40 days, longer than anybody sets a clock back. */
const DIGEST_RETENTION: Ms = 40 * DAY;

const digestKey = (date: string): StoreKey => `digest:${date}`;

/** Maximum number of lines in each section, so that the digest stays short. */
const LIST_LIMIT = 25;

const NAME_LIMIT = 80;

/**
 * Period of the decision log that is read: 3 days. Yesterday began at most two days and one hour (summer time) ago, and
 * some events are observed late.
 */
const DECISION_PERIOD: Ms = 3 * DAY;

/** Start of a state; `isBefore` if it is older than the decision log. */
type SinceTime = { at: Ms; isBefore?: true };

type DigestDeps = Pick<Deps, "store" | "settings">;

/**
 * Sends the daily digest (NOTIF-08) at 08:00 of the configured time zone. A record of the calendar day is committed
 * with its messages, so it is sent once a day over all processes, restarts and changes of the clock. The tick runs each
 * minute of that hour, so that a digest missed at 08:00 is sent as soon as a process runs again.
 */
export const digestTick: Tick = {
  name: "digest",
  cron: () => `* ${DIGEST_HOUR} * * *`,
  sideBySide: true,
  run: async (deps) => ({ told: await enqueueDigest(deps) }),
};

/** Renders the daily digest (NOTIF-08) as of this store time, line by line, without a request to Plane. */
export async function renderDigest(deps: DigestDeps, locale: LocaleSetting, now: Ms): Promise<TextPart[]> {
  const presentation = createPresentation({ ...deps.settings, locale });
  const { texts, format } = presentation;
  const { digest, answers } = texts;
  const today = toZonedDate(deps.settings.timezone, now);
  const yesterday = getPreviousDate(today);
  const completions = await readCompletions(deps, yesterday, now);
  const { blocked, due, overdue } = await readOpenToday(deps, today, now);
  const reviews = await readPending(deps, "review");
  const questions = await readPending(deps, "question");
  const plans = (await readPending(deps, "plan")).filter(({ request }) => request.session === undefined);
  const cycles = await readCurrentCycles(deps, await listReadableProjects(deps));
  const forecasts = await forecastAgents(deps);

  const renderStart = ({ at, isBefore }: SinceTime) => {
    if (!isBefore) return format.since(at, now);
    return fillTemplate(digest.sinceBefore, { when: format.date(toZonedDate(deps.settings.timezone, at)) });
  };
  const renderAsker = ({ from, createdAt }: RequestRecord, ...notes: TextPart[]) =>
    joinRichText([renderName(from), ...notes, format.since(createdAt, now)], ", ");
  const render = (task: Task, ...notes: TextPart[]) => renderTask(presentation, task, notes);
  const renderOwners = ({ item }: Task) => (item.owners ?? []).map(renderName);
  const section = (emoji: string, title: string, lines: readonly TextPart[]) =>
    renderList(presentation, renderHead(presentation, emoji, title, lines.length), lines);
  return [
    joinRichText(["📋 ", toBold(digest.title), " – ", format.date(today)]),
    ...renderCompletedLines(presentation, completions),
    ...section(
      "⛔",
      answers.headings.blocked,
      blocked.map(({ task, since, blockers }) => {
        const keys = toSafeText(blockers.join(", "), NAME_LIMIT);
        const waits = blockers.length > 0 ? fillTemplate(answers.waitsFor, { keys }) : undefined;
        return render(task, renderStart(since), waits);
      }),
    ),
    ...section(
      "📅",
      digest.due,
      due.map((task) => render(task, ...renderOwners(task))),
    ),
    ...section(
      "⏰",
      digest.overdue,
      overdue.map((task) => render(task, format.date(task.item.snapshot.due ?? ""), ...renderOwners(task))),
    ),
    ...section(
      "🔍",
      digest.reviews,
      reviews.flatMap(({ task, request }) => {
        const confidence = Number(findPart(request, "Confidence"));
        const note =
          confidence > 0 ? fillTemplate(digest.confidence, { percent: format.percent(confidence) }) : undefined;
        return task ? render(task, renderAsker(request, note)) : [];
      }),
    ),
    ...section(
      "🗺️",
      digest.plans,
      plans.map(({ request }) => {
        const count = format.count(texts.live.plan.tasks, countPlannedTasks(request));
        return joinRichText([toSafeText(request.subject.title, 120), " – ", count, ", ", renderAsker(request)]);
      }),
    ),
    ...section(
      "❓",
      digest.questions,
      questions.map(({ task, request }) => {
        const asker = renderAsker(request);
        return joinRichText([task ? render(task, asker) : asker, toSafeText(request.text, 160)], texts.colon);
      }),
    ),
    ...section(
      "🏃",
      answers.headings.cycles,
      cycles.map((progress) => renderCycleLine(presentation, progress)),
    ),
    ...(await renderRecurringLines(deps, presentation, yesterday)),
    ...renderList(
      presentation,
      joinRichText(["🔮 ", toBold(digest.forecast)]),
      forecasts.map((forecast) => renderAgentForecast(presentation, forecast)),
    ),
    ...(await renderCostLines(deps, presentation, now)),
  ];
}

/** `⛔ Blocked (2)` */
function renderHead({ format }: Presentation, emoji: string, title: string, count: number): RichText {
  return joinRichText([`${emoji} `, toBold(title), ` (${format.number(count)})`]);
}

/** Returns nothing if there are no lines. */
function renderList(presentation: Presentation, head: RichText, lines: readonly TextPart[]): TextPart[] {
  if (lines.length === 0) return [];
  const listed = lines.map((line) => joinRichText(["• ", line]));
  return ["", head, ...presentation.format.limit(listed, LIST_LIMIT)];
}

/** `ONB-12 Write the welcome mail – Imhotep, 2 hr` */
function renderTask(presentation: Presentation, task: Task, notes: readonly TextPart[]): RichText {
  const known = joinRichText(notes, ", ");
  return joinRichText([renderTaskLink({ presentation }, task), known.text === "" ? undefined : known], " – ");
}

const renderName = (name: string) => toSafeText(name, NAME_LIMIT);

function renderCompletedLines(
  presentation: Presentation,
  { tasks, projects }: Awaited<ReturnType<typeof readCompletions>>,
): TextPart[] {
  const { digest, colon } = presentation.texts;
  const formatKnown = (ms: Ms | undefined, cost: number | undefined) =>
    formatEffort(presentation, ms || undefined, cost);
  const sum = (values: (number | undefined)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const totals = formatKnown(sum(tasks.map(({ ms }) => ms)), sum(tasks.map(({ cost }) => cost)) || undefined);
  const head = renderHead(presentation, "✅", digest.done, tasks.length);
  const lines = tasks.map(({ task, agent, ms, cost }) =>
    renderTask(presentation, task, [agent ? renderName(agent) : undefined, ...formatKnown(ms, cost)]),
  );
  const projectHead = renderHead(presentation, "🏁", digest.projects, projects.length);
  return [
    ...(tasks.length === 0 ? ["", joinRichText(["✅ ", toBold(digest.done), colon, digest.nothing])] : []),
    ...renderList(presentation, joinRichText([head, totals.join(", ") || undefined], colon), lines),
    ...renderList(presentation, projectHead, projects.map(renderProjectName)),
  ];
}

/** `Imhotep: 4 open tasks, about 6 hr, €4.10 (from 12 finished tasks)` */
function renderAgentForecast(
  presentation: Presentation,
  { agent, openCount, finishedCount, ...sums }: Awaited<ReturnType<typeof forecastAgents>>[number],
): RichText {
  const { texts, format } = presentation;
  const { digest } = texts;
  const { ms, cost, planned: plannedCount, unknown: unknownCount } = sums;
  const what = formatEffort(presentation, ms, cost).join(", ");
  const isKnown = what !== "" && unknownCount < openCount;
  const estimate = isKnown ? fillTemplate(digest.estimate, { what }) : digest.tooLittleData;
  const rest = isKnown && unknownCount > 0 ? format.count(digest.tooLittleDataFor, unknownCount) : undefined;
  const basis = keepDefined([
    finishedCount > 0 || plannedCount === 0 ? format.count(digest.fromFinished, finishedCount) : undefined,
    plannedCount > 0 ? format.count(digest.fromEstimates, plannedCount) : undefined,
  ]);
  const facts = joinRichText([format.count(texts.answers.open, openCount), estimate, rest], ", ");
  return joinRichText([renderName(agent), texts.colon, facts, ` (${basis.join(", ")})`]);
}

/** `🔁 Recurring work: 3 created, 1 skipped (backup-check: ONB-4 is open, Thot)` */
async function renderRecurringLines(
  deps: DigestDeps,
  { texts, format }: Presentation,
  date: string,
): Promise<TextPart[]> {
  const { recurring } = texts.digest;
  const { counts, open } = await readScheduleDay(deps, date);
  const parts = SCHEDULE_OUTCOMES.flatMap((outcome) =>
    counts[outcome] > 0 ? [format.count(recurring[outcome], counts[outcome])] : [],
  );
  if (parts.length === 0) return [];
  const reasons = open.slice(0, LIST_LIMIT).map(({ name, task }) => {
    const text = fillTemplate(recurring.open, { name: toSafeText(name, NAME_LIMIT), key: task.key });
    return joinRichText([text, ...(task.item.owners ?? []).map(renderName)], ", ");
  });
  const details = reasons.length > 0 ? [" (", joinRichText(reasons, "; "), ")"] : [];
  return ["", joinRichText(["🔁 ", toBold(recurring.title), texts.colon, parts.join(", "), ...details])];
}

async function renderCostLines(deps: DigestDeps, { texts, format }: Presentation, now: Ms): Promise<TextPart[]> {
  const [{ cost, reported }, budget] = await Promise.all([readMonthlySpending(deps), readBudget(deps)]);
  if (cost === 0 && !budget) return [];
  const { digest, locale, colon } = texts;
  const { timezone } = deps.settings;
  const month = localizeMonth(locale, timezone, now);
  const spent = budget ? formatTemplate(digest.ofBudget, formatBudget(texts, timezone, budget)) : format.money(cost);
  const hasMark = !budget && reported > 0;
  const mark = hasMark ? `, ${formatTemplate(digest.reported, { cost: format.money(reported) })}` : "";
  return ["", joinRichText(["💶 ", toBold(fillTemplate(digest.cost, { month })), colon, spent, mark])];
}

/** Puts today's digest into the outbox if it is due and not there yet; returns its number of messages. */
async function enqueueDigest(deps: Pick<Deps, "store" | "settings" | "newId" | "notify">): Promise<number> {
  const { store, settings } = deps;
  if (!settings.telegram) return 0;
  const now = await store.now();
  if (getZonedHour(settings.timezone, now) !== DIGEST_HOUR) return 0;
  const key = digestKey(toZonedDate(settings.timezone, now));
  const [sentDigest] = await store.read([key]);
  if (sentDigest) return 0;
  const { chat } = settings.telegram;
  const locale = resolveChatLocale(settings, chat);
  const texts = getTexts(locale).telegram;
  const limit = MESSAGE_LIMIT - texts.repeat.length - 1;
  const pages = splitIntoMessages(await renderDigest(deps, locale, now), limit);
  const correlation = `digest-${deps.newId()}`;
  const outcome = await store.commit({
    expect: [[key, 0]],
    put: [{ key, value: { at: now }, expires: DIGEST_RETENTION }],
    jobs: pages.map((rich, i) => {
      const message = { rich, language: texts.locale, ...toSoundExtras("digest") };
      return createAnnouncementJob(`${key}:${i + 1}`, chat, message, correlation);
    }),
  });
  if (outcome !== "committed") return 0;
  deps.notify();
  return pages.length;
}

/**
 * Reads from the decision log which tasks and projects were completed on a calendar day of the configured time zone.
 */
async function readCompletions(deps: DigestDeps, date: string, now: Ms) {
  const ids = new Set<string>();
  const projects = new Set<StoreKey>();
  const isOnDay = (at: Ms) => toZonedDate(deps.settings.timezone, at) === date;
  for await (const { value } of scanRows<DecisionRecord>(deps, decisionSet)) {
    const { event, item, record, at } = value;
    if (at < now - DECISION_PERIOD) break;
    if (event.kind === "completed" && item) ids.add(item.id);
    if (event.kind === "project_completed" && isOnDay(at)) projects.add(record);
  }
  const tasks: Awaited<ReturnType<typeof measureTask>>[] = [];
  for (const id of ids) {
    const task = await findStoredTask(deps, id);
    const completedAt = task?.item.snapshot.completedAt;
    if (task?.item.removedAt !== undefined || task?.item.snapshot.status !== "done" || !completedAt) continue;
    if (isOnDay(Date.parse(completedAt))) tasks.push(await measureTask(deps, task));
  }
  const stored = await deps.store.read<ProjectRecord>([...projects]);
  const completedProjects: ProjectRecord[] = [];
  for (const project of stored)
    if (project?.value.completed && (await readProjectTotals(deps, project.value.id)).done > 0)
      completedProjects.push(project.value);
  const completedAt = ({ task }: (typeof tasks)[number]) => Date.parse(task.item.snapshot.completedAt ?? "");
  return { tasks: tasks.sort((a, b) => completedAt(a) - completedAt(b)), projects: completedProjects.reverse() };
}

async function measureTask(deps: DigestDeps, task: Task) {
  const [card, { timeSpentMs, cost }] = await Promise.all([readCard(deps, task.id), readTaskFigures(deps, task.id)]);
  return { task, ...omitUndefined({ agent: card?.agent ?? task.item.owners?.[0], ms: timeSpentMs, cost }) };
}

/**
 * Reads the open tasks of all projects that are blocked (since when, and by the keys of which open blockers), due on
 * this calendar day, or overdue.
 */
async function readOpenToday(deps: DigestDeps, date: string, now: Ms) {
  const blockedTasks: Task[] = [];
  const dueTasks: Task[] = [];
  for (const project of await listReadableProjects(deps)) {
    for await (const { value, rev } of scanRows<ItemRecord>(deps, observedSets.open(project.id))) {
      const { due } = value.snapshot;
      if (isBlocked(value)) blockedTasks.push(toTask(deps, value, rev, project));
      if (due !== null && due <= date) dueTasks.push(toTask(deps, value, rev, project));
    }
  }
  const names = await readOpenBlockers(
    deps,
    blockedTasks.map(({ item }) => item),
  );
  const blocked = await Promise.all(
    blockedTasks.map(async (task) => {
      const blockers = task.item.blockers.map((id) => names.get(id)?.key ?? "?");
      return { task, blockers, since: await findBlockedSince(deps, task, now) };
    }),
  );
  const isToday = ({ item }: Task) => item.snapshot.due === date;
  const compareByDue = (a: Task, b: Task) => ((a.item.snapshot.due ?? "") < (b.item.snapshot.due ?? "") ? -1 : 1);
  return {
    blocked: blocked.sort((a, b) => a.since.at - b.since.at),
    due: dueTasks.filter(isToday),
    overdue: dueTasks.filter((task) => !isToday(task)).sort(compareByDue),
  };
}

async function findBlockedSince(deps: DigestDeps, { id, project }: Task, now: Ms): Promise<SinceTime> {
  const { rows } = await deps.store.scan<DecisionRecord>(itemDecisionSetKey(id));
  const last = rows.find(({ value }) => value.event.kind === "blocked" || value.event.kind === "unblocked");
  if (last?.value.event.kind === "blocked") return { at: last.value.at };
  const attempt = await findStatusAttempt(deps, id);
  if (attempt?.input.status === "blocked") return { at: attempt.at };
  return { at: Math.max(now - DECISION_LOG_MS, Date.parse(project.began)), isBefore: true };
}

/** Creates a forecast for each agent that has open tasks. */
async function forecastAgents(deps: DigestDeps) {
  const forecastItems = createForecaster(deps);
  const forecasts = [];
  for (const { name } of deps.settings.agents) {
    const tasks: TaskForecast[] = [];
    for await (const rows of scanPages<ItemRecord>(deps, observedSets.tasks(name))) {
      const items = rows.map(({ value }) => value).filter(({ review }) => !review);
      tasks.push(...(await forecastItems(items, name)));
    }
    if (tasks.length === 0) continue;
    const finishedBySize = new Map(tasks.map(({ size, finished }) => [size, finished]));
    const finishedCount = [...finishedBySize.values()].reduce((sum, finished) => sum + finished, 0);
    forecasts.push({ agent: name, openCount: tasks.length, finishedCount, ...sumForecasts(tasks) });
  }
  return forecasts;
}

/** Reads the open requests of a kind about open tasks and about no task, with their tasks, oldest first. */
async function readPending(deps: DigestDeps, kind: RequestKindName) {
  const pending = (await readOpenRequests(deps, kind)).map(async (request) => {
    const { item } = request.subject;
    const task = item === undefined ? undefined : await findOpenTask(deps, item);
    return item === undefined || task ? { request, task } : undefined;
  });
  return keepDefined(await Promise.all(pending)).sort((a, b) => a.request.createdAt - b.request.createdAt);
}
