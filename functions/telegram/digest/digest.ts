/** The daily digest: its tick, its text and the messages it is split into. */

import { readMonthlySpending } from "../../../shared/accounting/spending.ts";
import type { Deps, Tick } from "../../../shared/app/deps.ts";
import { formatTemplate, type LocaleSetting, localizeMonth } from "../../../shared/i18n/localize.ts";
import { getTexts } from "../../../shared/i18n/texts.ts";
import { createAnnouncementJob } from "../../../shared/jobs/outgoing-jobs.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { listReadableProjects, type Task } from "../../../shared/records/plane-records.ts";
import type { StoreKey } from "../../../shared/store/port.ts";
import type { CycleProgress } from "../../../shared/sync/cycles.ts";
import { formatBudget, readBudget } from "../../../shared/tasks/forecast.ts";
import { listCycles, readCycleProgress } from "../../../shared/tasks/task-counts.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import {
  fitsEntityLimits,
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  toBold,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { DAY, getPreviousDate, getZonedHour, type Ms, toZonedDate } from "../../../shared/time.ts";
import { renderCycleLine } from "../presentation/figures.ts";
import { renderProjectName } from "../presentation/notification-details.ts";
import {
  createPresentation,
  fillTemplate,
  formatEffort,
  type Presentation,
  renderTaskTitle,
} from "../presentation/presentation.ts";
import {
  type AgentForecast,
  type DayCompletions,
  type DigestDeps,
  forecastAgents,
  readCompletions,
  readOpenToday,
  readPendingPlans,
  readPendingQuestions,
  readPendingReviews,
} from "./digest-facts.ts";

/** The digest is sent in this hour of the configured time zone. */
const DIGEST_HOUR = 8;

/** Retention for the record of a sent digest: 40 days, longer than anybody sets a clock back. */
const DIGEST_RETENTION: Ms = 40 * DAY;

const digestKey = (date: string): StoreKey => `digest:${date}`;

/** Maximum number of lines in each section, so that the digest stays short. */
const LIST_LIMIT = 25;

const NAME_LIMIT = 80;

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
export async function renderDigest(deps: DigestDeps, locale: LocaleSetting, now: Ms): Promise<RichText[]> {
  const presentation = createPresentation({ ...deps.settings, locale });
  const writer = createDigestWriter(presentation, now);
  const { renderSection, renderTask, renderSince, renderAgent } = writer;
  const { texts, format } = presentation;
  const { digest, answers } = texts;
  const today = toZonedDate(deps.settings.timezone, now);
  const completions = await readCompletions(deps, getPreviousDate(today), now);
  const { blocked, due, overdue } = await readOpenToday(deps, today, now);
  const reviews = await readPendingReviews(deps);
  const questions = await readPendingQuestions(deps);
  const plans = await readPendingPlans(deps);
  const cycles = await readCurrentCycles(deps);
  const renderOwners = ({ item }: Task) => (item.owners ?? []).map(renderAgent);
  const blockedLines = blocked.map(({ task, since, blockers }) => {
    const keys = toSafeText(blockers.join(", "), NAME_LIMIT);
    return renderTask(task, [
      "at" in since ? renderSince(since.at) : renderSinceBefore(since.before),
      ...(blockers.length > 0 ? [fillTemplate(answers.waitsFor, { keys })] : []),
    ]);
  });
  const overdueLines = overdue.map((task) => {
    const date = task.item.snapshot.due;
    return renderTask(task, [...(date === null ? [] : [format.date(date)]), ...renderOwners(task)]);
  });
  const reviewLines = reviews.map(({ task, agent, at, confidence }) => {
    const percent = confidence === undefined ? undefined : format.percent(confidence);
    const notes = percent === undefined ? [] : [fillTemplate(digest.confidence, { percent })];
    return renderTask(task, [renderAgent(agent), ...notes, renderSince(at)]);
  });
  const planLines = plans.map(({ agent, at, title, tasks }) => {
    const notes = [format.count(texts.live.plan.tasks, tasks), renderAgent(agent), renderSince(at)];
    return joinRichText([toSafeText(title, 120), " – ", joinRichText(notes, ", ")]);
  });
  const questionLines = questions.map(({ task, agent, text, at }) => {
    const agentAndTime = [renderAgent(agent), renderSince(at)];
    const subject = task ? renderTask(task, agentAndTime) : joinRichText(agentAndTime, ", ");
    return joinRichText([subject, texts.colon, toSafeText(text, 160)]);
  });
  return [
    joinRichText(["📋 ", toBold(digest.title), " – ", format.date(today)]),
    ...renderCompletedLines(writer, completions),
    ...renderSection("⛔", answers.headings.blocked, blockedLines),
    ...renderSection(
      "📅",
      digest.due,
      due.map((task) => renderTask(task, renderOwners(task))),
    ),
    ...renderSection("⏰", digest.overdue, overdueLines),
    ...renderSection("🔍", digest.reviews, reviewLines),
    ...renderSection("🗺️", digest.plans, planLines),
    ...renderSection("❓", digest.questions, questionLines),
    ...renderSection(
      "🏃",
      answers.headings.cycles,
      cycles.map((progress) => renderCycleLine(presentation, progress)),
    ),
    ...writer.renderList(
      joinRichText(["🔮 ", toBold(digest.forecast)]),
      (await forecastAgents(deps)).map((forecast) => renderAgentForecast(writer, forecast)),
    ),
    ...(await renderCostLines(deps, presentation, now)),
  ];

  function renderSinceBefore(before: Ms): RichText {
    return fillTemplate(digest.sinceBefore, { when: format.date(toZonedDate(deps.settings.timezone, before)) });
  }
}

function createDigestWriter(presentation: Presentation, now: Ms) {
  const { texts, format } = presentation;
  /** `⛔ Blocked (2)` */
  const renderHead = (emoji: string, title: string, count: number) =>
    joinRichText([`${emoji} `, toBold(title), ` (${format.number(count)})`]);
  /** Returns nothing if there are no lines. */
  const renderList = (head: RichText, lines: readonly RichText[]) => {
    if (lines.length === 0) return [];
    const shown = lines.slice(0, LIST_LIMIT).map((line) => joinRichText(["• ", line]));
    const rest = lines.length - LIST_LIMIT;
    return [toPlainText(""), head, ...shown, ...(rest > 0 ? [toPlainText(format.count(texts.more, rest))] : [])];
  };
  return {
    presentation,
    renderHead,
    renderList,
    renderSection: (emoji: string, title: string, lines: readonly RichText[]) =>
      renderList(renderHead(emoji, title, lines.length), lines),
    /** `ONB-12 Write the welcome mail – Imhotep, 2 hr` */
    renderTask: ({ key, url, item }: Task, notes: readonly (RichText | string)[]) => {
      const name = renderTaskTitle(presentation, { key, title: item.snapshot.name, url }, 120);
      return notes.length > 0 ? joinRichText([name, " – ", joinRichText(notes, ", ")]) : name;
    },
    renderAgent: (name: string) => toSafeText(name, NAME_LIMIT),
    renderSince: (at: Ms) => fillTemplate(texts.since, { when: format.momentInSentence(at, now) }),
  };
}

type DigestWriter = ReturnType<typeof createDigestWriter>;

/** Reads the current cycles of all projects, those that end first at the beginning. */
async function readCurrentCycles(deps: DigestDeps): Promise<CycleProgress[]> {
  const cycles = await listCycles(deps, await listReadableProjects(deps));
  const current = cycles.filter(({ cycle }) => cycle.phase === "current");
  return Promise.all(current.map((one) => readCycleProgress(deps, one)));
}

function renderCompletedLines(
  { presentation, renderHead, renderList, renderSection, renderTask, renderAgent }: DigestWriter,
  { tasks, projects }: DayCompletions,
): RichText[] {
  const { digest, colon } = presentation.texts;
  const formatKnown = (ms: Ms | undefined, cost: number | undefined) =>
    formatEffort(presentation, ms === 0 ? undefined : ms, cost);
  const sum = (values: (number | undefined)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const cost = sum(tasks.map((task) => task.cost));
  const totals = formatKnown(sum(tasks.map((task) => task.ms)), cost > 0 ? cost : undefined);
  const head = renderHead("✅", digest.done, tasks.length);
  const nothingDone = [toPlainText(""), joinRichText(["✅ ", toBold(digest.done), colon, digest.nothing])];
  return [
    ...(tasks.length === 0 ? nothingDone : []),
    ...renderList(
      joinRichText([head, ...(totals.length > 0 ? [colon, totals.join(", ")] : [])]),
      tasks.map(({ task, agent, ms, cost }) =>
        renderTask(task, [...(agent ? [renderAgent(agent)] : []), ...formatKnown(ms, cost)]),
      ),
    ),
    ...renderSection("🏁", digest.projects, projects.map(renderProjectName)),
  ];
}

/** `Imhotep: 4 open tasks, about 6 hr, €4.10 (from 12 finished tasks)` */
function renderAgentForecast(
  { presentation, renderAgent }: DigestWriter,
  { agent, openCount, ms, cost, finishedCount, plannedCount, unknownCount }: AgentForecast,
): RichText {
  const { texts, format } = presentation;
  const { digest } = texts;
  const what = formatEffort(presentation, ms, cost).join(", ");
  const isKnown = what !== "" && unknownCount < openCount;
  const estimate = isKnown ? fillTemplate(digest.estimate, { what }) : digest.tooLittleData;
  const rest = isKnown && unknownCount > 0 ? [format.count(digest.tooLittleDataFor, unknownCount)] : [];
  const basis = keepDefined([
    finishedCount > 0 || plannedCount === 0 ? format.count(digest.fromFinished, finishedCount) : undefined,
    plannedCount > 0 ? format.count(digest.fromEstimates, plannedCount) : undefined,
  ]);
  const facts = joinRichText([format.count(texts.answers.open, openCount), estimate, ...rest], ", ");
  return joinRichText([renderAgent(agent), texts.colon, facts, ` (${basis.join(", ")})`]);
}

async function renderCostLines(deps: DigestDeps, { texts, format }: Presentation, now: Ms): Promise<RichText[]> {
  const [{ cost }, budget] = await Promise.all([readMonthlySpending(deps), readBudget(deps)]);
  if (cost === 0 && !budget) return [];
  const { digest, locale, colon } = texts;
  const { timezone } = deps.settings;
  const month = localizeMonth(locale, timezone, now);
  const spent = budget ? formatTemplate(digest.ofBudget, formatBudget(texts, timezone, budget)) : format.money(cost);
  return [toPlainText(""), joinRichText(["💶 ", toBold(fillTemplate(digest.cost, { month })), colon, spent])];
}

/**
 * Splits lines into as few messages as possible, each within Telegram's limits. A message never begins with an empty
 * line.
 * @param reservedLength UTF-16 units of each message to leave free
 */
export function splitIntoMessages(lines: readonly RichText[], reservedLength = 0): RichText[] {
  const limit = MESSAGE_LIMIT - reservedLength;
  const pages: RichText[] = [];
  let page: RichText[] = [];
  let length = 0;
  for (const line of lines.map((untruncated) => truncateRichText(untruncated, limit))) {
    const fits = length + 1 + line.text.length <= limit && fitsEntityLimits([...page, line]);
    if (page.length > 0 && !fits) {
      pages.push(joinRichText(page, "\n"));
      page = [];
      length = 0;
    }
    if (page.length === 0 && line.text === "") continue;
    length += line.text.length + (page.length > 0 ? 1 : 0);
    page.push(line);
  }
  return page.length > 0 ? [...pages, joinRichText(page, "\n")] : pages;
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
  const texts = getTexts(settings.locale).telegram;
  const pages = splitIntoMessages(await renderDigest(deps, settings.locale, now), texts.repeat.length + 1);
  const { chat } = settings.telegram;
  const correlation = `digest-${deps.newId()}`;
  const outcome = await store.commit({
    expect: [[key, 0]],
    put: [{ key, value: { at: now }, expires: DIGEST_RETENTION }],
    jobs: pages.map((rich, i) =>
      createAnnouncementJob(
        `${key}:${i + 1}`,
        chat,
        { rich, language: texts.locale, ...toSoundExtras("digest") },
        correlation,
      ),
    ),
  });
  if (outcome !== "committed") return 0;
  deps.notify();
  return pages.length;
}
