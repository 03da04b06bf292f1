/** The daily digest: its tick, its text and the messages it is split into. */

import { readMonthlySpending, roundAmount } from "../../../shared/accounting/spending.ts";
import type { Deps, Tick } from "../../../shared/app/deps.ts";
import {
  formatTemplate,
  type LocaleSetting,
  localizeCount,
  localizeDate,
  localizeDuration,
  localizeMomentInSentence,
  localizeMoney,
  localizeMonth,
  localizeNumber,
  localizePercent,
} from "../../../shared/i18n/localize.ts";
import { getTexts } from "../../../shared/i18n/texts.ts";
import { createAnnouncementJob } from "../../../shared/jobs/outgoing-jobs.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
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
  toLink,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { DAY, getPreviousDate, getZonedHour, type Ms, toZonedDate } from "../../../shared/time.ts";
import { createPresentation, fillTemplate, type Presentation, renderCycleLine } from "../presentation/presentation.ts";
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
  type SinceTime,
} from "./digest-facts.ts";

/** The digest is sent in this hour of the configured time zone. */
const DIGEST_HOUR = 8;

/** Retention for the record of a sent digest: 40 days, longer than anybody sets a clock back. */
const DIGEST_RETENTION: Ms = 40 * DAY;

const digestKey = (date: string): StoreKey => `digest:${date}`;

/** Maximum number of lines in each section, so that the digest stays short. */
const LIST_LIMIT = 25;

const NAME_LIMIT = 80;

const renderOwners = ({ item }: Task) => (item.owners ?? []).map((name) => toSafeText(name, NAME_LIMIT));

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
  const { timezone } = deps.settings;
  const writer = createDigestWriter(deps, createPresentation({ ...deps.settings, locale }), now);
  const { texts, renderHead, renderList, formats, renderTask, renderSince } = writer;
  const { digest } = texts;
  const today = toZonedDate(timezone, now);
  const completions = await readCompletions(deps, getPreviousDate(today), now);
  const open = await readOpenToday(deps, today, now);
  const reviews = await readPendingReviews(deps);
  const questions = await readPendingQuestions(deps);
  const plans = await readPendingPlans(deps);
  const cycles = await readCurrentCycles(deps);
  const renderDueDate = (task: Task) =>
    task.item.snapshot.due === null ? [] : [localizeDate(texts.locale, task.item.snapshot.due)];
  return [
    joinRichText(["📋 ", toBold(digest.title), " – ", localizeDate(texts.locale, today)]),
    ...renderCompletedLines(writer, completions),
    ...renderList(
      renderHead("⛔", texts.answers.headings.blocked, open.blocked.length),
      open.blocked.map(({ task, since, blockers }) =>
        renderTask(
          task,
          keepDefined([
            renderSince(since),
            blockers.length > 0
              ? fillTemplate(texts.answers.waitsFor, { keys: toSafeText(blockers.join(", "), NAME_LIMIT) })
              : undefined,
          ]),
        ),
      ),
    ),
    ...renderList(
      renderHead("📅", digest.due, open.due.length),
      open.due.map((task) => renderTask(task, renderOwners(task))),
    ),
    ...renderList(
      renderHead("⏰", digest.overdue, open.overdue.length),
      open.overdue.map((task) => renderTask(task, [...renderDueDate(task), ...renderOwners(task)])),
    ),
    ...renderList(
      renderHead("🔍", digest.reviews, reviews.length),
      reviews.map(({ task, agent, at, confidence }) =>
        renderTask(
          task,
          keepDefined([
            toSafeText(agent, NAME_LIMIT),
            confidence === undefined
              ? undefined
              : fillTemplate(digest.confidence, { percent: formats.percent(confidence) }),
            renderSince({ at }),
          ]),
        ),
      ),
    ),
    ...renderList(
      renderHead("🗺️", digest.plans, plans.length),
      plans.map(({ agent, at, title, tasks }) => {
        const count = localizeCount(texts, texts.live.plan.tasks, tasks);
        const notes = [count, toSafeText(agent, NAME_LIMIT), renderSince({ at })];
        return joinRichText([toSafeText(title, 120), " – ", joinRichText(notes, ", ")]);
      }),
    ),
    ...renderList(
      renderHead("❓", digest.questions, questions.length),
      questions.map(({ task, agent, text, at }) => {
        const agentAndTime = [toSafeText(agent, NAME_LIMIT), renderSince({ at })];
        const subject = task ? renderTask(task, agentAndTime) : joinRichText(agentAndTime, ", ");
        return joinRichText([subject, texts.colon, toSafeText(text, 160)]);
      }),
    ),
    ...renderList(
      renderHead("🏃", texts.answers.headings.cycles, cycles.length),
      cycles.map((progress) => renderCycleLine(texts, progress, timezone)),
    ),
    ...renderList(
      renderHead("🔮", digest.forecast),
      (await forecastAgents(deps)).map((forecast) => renderForecastLine(writer, forecast)),
    ),
    ...(await renderCostLines(deps, writer, now)),
  ];
}

function createDigestWriter({ settings }: DigestDeps, { texts, origins }: Presentation, now: Ms) {
  const { timezone, budget } = settings;
  const { locale, digest } = texts;
  const formats = {
    percent: (share: number) => localizePercent(locale, share),
    money: (amount: number) => localizeMoney(locale, roundAmount(amount), budget?.currency),
  };
  return {
    texts,
    formats,
    /** `⛔ Blocked (2)` */
    renderHead: (emoji: string, title: string, count?: number) =>
      joinRichText(
        keepDefined([
          `${emoji} `,
          toBold(title),
          count === undefined ? undefined : ` (${localizeNumber(locale, count)})`,
        ]),
      ),
    /** Returns nothing if there are no lines. */
    renderList: (head: RichText, lines: RichText[]) =>
      lines.length === 0
        ? []
        : keepDefined([
            toPlainText(""),
            head,
            ...lines.slice(0, LIST_LIMIT).map((line) => joinRichText(["• ", line])),
            lines.length > LIST_LIMIT
              ? toPlainText(localizeCount(texts, texts.more, lines.length - LIST_LIMIT))
              : undefined,
          ]),
    /** `ONB-12 Write the welcome mail – Imhotep, 2 hr` */
    renderTask: ({ key, url, item }: Task, more: (RichText | string)[]) => {
      const name = toLink(joinRichText([toSafeText(key), toSafeText(item.snapshot.name, 120)], " "), url, origins);
      return more.length > 0 ? joinRichText([name, " – ", joinRichText(more, ", ")]) : joinRichText([name]);
    },
    renderSince: (since: SinceTime) =>
      "at" in since
        ? fillTemplate(texts.since, { when: localizeMomentInSentence(locale, timezone, since.at, now) })
        : fillTemplate(digest.sinceBefore, { when: localizeDate(locale, toZonedDate(timezone, since.before)) }),
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
  { texts, formats, renderHead, renderList, renderTask }: DigestWriter,
  { tasks, projects }: DayCompletions,
): RichText[] {
  const { digest, locale } = texts;
  const formatEffort = ({ ms, cost }: { ms?: Ms; cost?: number }) =>
    keepDefined([ms ? localizeDuration(locale, ms) : undefined, cost === undefined ? undefined : formats.money(cost)]);
  const sum = (values: (number | undefined)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const cost = sum(tasks.map((task) => task.cost));
  const totals = formatEffort({
    ms: sum(tasks.map((task) => task.ms)),
    ...omitUndefined({ cost: cost > 0 ? cost : undefined }),
  });
  const title = renderHead("✅", digest.done, tasks.length);
  const nothingDone = [toPlainText(""), joinRichText(["✅ ", toBold(digest.done), texts.colon, digest.nothing])];
  const noticeLines = tasks.length === 0 ? nothingDone : [];
  const totalsSuffix = totals.length > 0 ? [texts.colon, totals.join(", ")] : [];
  return [
    ...noticeLines,
    ...renderList(
      joinRichText([title, ...totalsSuffix]),
      tasks.map(({ task, agent, ...rest }) =>
        renderTask(task, keepDefined([agent ? toSafeText(agent, NAME_LIMIT) : undefined, ...formatEffort(rest)])),
      ),
    ),
    ...renderList(
      renderHead("🏁", digest.projects, projects.length),
      projects.map(({ name, identifier }) => joinRichText([toSafeText(name), " (", toSafeText(identifier, 20), ")"])),
    ),
  ];
}

/** `Imhotep: 4 open tasks, about 6 hr, €4.10 (from 12 finished tasks)` */
function renderForecastLine(
  { texts, formats }: DigestWriter,
  { agent, openCount, ms, cost, finishedCount, plannedCount, unknownCount }: AgentForecast,
): RichText {
  const { digest, locale } = texts;
  const estimate = keepDefined([
    ms === undefined ? undefined : localizeDuration(locale, ms),
    cost === undefined ? undefined : formats.money(cost),
  ]).join(", ");
  const known = estimate !== "" && unknownCount < openCount;
  const rest = known && unknownCount > 0 ? [localizeCount(texts, digest.tooLittleDataFor, unknownCount)] : [];
  const basis = keepDefined([
    finishedCount > 0 || plannedCount === 0 ? localizeCount(texts, digest.fromFinished, finishedCount) : undefined,
    plannedCount > 0 ? localizeCount(texts, digest.fromEstimates, plannedCount) : undefined,
  ]);
  const parts = known ? [fillTemplate(digest.estimate, { what: estimate }), ...rest] : [digest.tooLittleData];
  return joinRichText([
    toSafeText(agent, NAME_LIMIT),
    texts.colon,
    joinRichText([localizeCount(texts, texts.answers.open, openCount), ...parts], ", "),
    ` (${basis.join(", ")})`,
  ]);
}

async function renderCostLines(deps: DigestDeps, { texts, formats }: DigestWriter, now: Ms): Promise<RichText[]> {
  const [{ cost }, budget] = await Promise.all([readMonthlySpending(deps), readBudget(deps)]);
  if (cost === 0 && !budget) return [];
  const { digest, locale, colon } = texts;
  const { timezone } = deps.settings;
  const month = localizeMonth(locale, timezone, now);
  const spent = budget ? formatTemplate(digest.ofBudget, formatBudget(texts, timezone, budget)) : formats.money(cost);
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
