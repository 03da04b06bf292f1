import type { LocaleSetting } from "../../../shared/i18n/locale.ts";
import {
  localizeDate,
  localizeDuration,
  localizeMoment,
  localizeMoney,
  localizeMonth,
  localizeNumber,
  localizePercent,
} from "../../../shared/i18n/localize.ts";
import { localizeCount } from "../../../shared/i18n/plural.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Ms } from "../../../shared/store/port.ts";
import { joinRichText, type RichText, toBold, toLink, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { Task } from "../../../shared/work/tasks/find-task.ts";
import { readMonthlySpending, roundAmount } from "../../../shared/work/time/spending.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { createPresentation, type Presentation } from "../presentation/notification-details.ts";
import { type DayCompletions, type DigestDeps, readCompletions } from "./completed-tasks.ts";
import { getPreviousDate, toZonedDate } from "./dates.ts";
import { type AgentForecast, forecastAgents } from "./forecast-agents.ts";
import { readOpenToday, type SinceTime } from "./open-tasks.ts";
import { readPendingQuestions, readPendingReviews } from "./pending-requests.ts";

/** So many of each are listed; a digest is for a glance. */
const LIST_LIMIT = 25;
const NAME_LIMIT = 80;

/** The daily digest (NOTIF-08) as it is at this store time, line by line; from what is kept, no request to Plane. */
export async function renderDigest(deps: DigestDeps, locale: LocaleSetting, now: Ms): Promise<RichText[]> {
  const { timezone } = deps.settings;
  const writer = createDigestWriter(deps, createPresentation({ ...deps.settings, locale }), now);
  const { texts, head: renderHead, list: renderList, said: formats, tied: renderTask } = writer;
  const { digest } = texts;
  const today = toZonedDate(timezone, now);
  const completions = await readCompletions(deps, getPreviousDate(today), now);
  const open = await readOpenToday(deps, today, now);
  const reviews = await readPendingReviews(deps);
  const questions = await readPendingQuestions(deps);
  const renderDueDate = (task: Task) =>
    task.item.snapshot.due === null ? [] : [localizeDate(texts.locale, task.item.snapshot.due)];
  return [
    joinRichText(["📋 ", toBold(digest.title), " – ", localizeDate(texts.locale, today)]),
    ...renderCompletedLines(writer, completions),
    ...renderList(
      renderHead("⛔", digest.blocked, open.blocked.length),
      open.blocked.map(({ task, since, blockers }) =>
        renderTask(task, [
          writer.since(since),
          ...(blockers.length > 0
            ? [fillTemplate(digest.waitsFor, { keys: toSafeText(blockers.join(", "), NAME_LIMIT) })]
            : []),
        ]),
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
        renderTask(task, [
          toSafeText(agent, NAME_LIMIT),
          ...(confidence === undefined
            ? []
            : [fillTemplate(digest.confidence, { percent: formats.percent(confidence) })]),
          writer.since({ at }),
        ]),
      ),
    ),
    ...renderList(
      renderHead("❓", digest.questions, questions.length),
      questions.map(({ task, agent, text, at }) =>
        joinRichText([
          renderTask(task, [toSafeText(agent, NAME_LIMIT), writer.since({ at })]),
          texts.colon,
          toSafeText(text, 160),
        ]),
      ),
    ),
    ...renderList(
      renderHead("🔮", digest.forecast),
      (await forecastAgents(deps)).map((forecast) => renderForecastLine(writer, forecast)),
    ),
    ...(await renderCostLines(deps, writer, now)),
  ];
}

const renderOwners = ({ item }: Task) => (item.owners ?? []).map((name) => toSafeText(name, NAME_LIMIT));

type DigestWriter = ReturnType<typeof createDigestWriter>;

function createDigestWriter({ settings }: DigestDeps, { texts, origins }: Presentation, now: Ms) {
  const { timezone, budget } = settings;
  const { locale, digest } = texts;
  const formats = {
    percent: (share: number) => localizePercent(locale, share),
    money: (amount: number) => localizeMoney(locale, roundAmount(amount), budget?.currency),
  };
  return {
    texts,
    said: formats,
    /** `⛔ Blocked (2)` */
    head: (emoji: string, title: string, count?: number) =>
      joinRichText([
        `${emoji} `,
        toBold(title),
        ...(count === undefined ? [] : [` (${localizeNumber(locale, count)})`]),
      ]),
    /** Nothing at all without lines. */
    list: (head: RichText, lines: RichText[]) =>
      lines.length === 0
        ? []
        : [
            toPlainText(""),
            head,
            ...lines.slice(0, LIST_LIMIT).map((line) => joinRichText(["• ", line])),
            ...(lines.length > LIST_LIMIT
              ? [toPlainText(localizeCount(texts, texts.more, lines.length - LIST_LIMIT))]
              : []),
          ],
    /** `ONB-12 Write the welcome mail – Imhotep, 2 hr` */
    tied: ({ key, url, item }: Task, more: (RichText | string)[]) =>
      joinRichText([
        toLink(joinRichText([toSafeText(key), toSafeText(item.snapshot.name, 120)], " "), url, origins),
        ...(more.length > 0 ? [" – ", joinRichText(more, ", ")] : []),
      ]),
    since: (since: SinceTime) =>
      "at" in since
        ? fillTemplate(digest.since, { when: localizeMoment(locale, timezone, since.at, now) })
        : fillTemplate(digest.sinceBefore, { when: localizeDate(locale, toZonedDate(timezone, since.before)) }),
  };
}

function renderCompletedLines(
  { texts, said: formats, head: renderHead, list: renderList, tied: renderTask }: DigestWriter,
  { tasks, projects }: DayCompletions,
): RichText[] {
  const { digest, locale } = texts;
  const formatEffort = ({ ms, cost }: { ms?: Ms; cost?: number }) => [
    ...(ms ? [localizeDuration(locale, ms)] : []),
    ...(cost === undefined ? [] : [formats.money(cost)]),
  ];
  const sum = (values: (number | undefined)[]) => values.reduce<number>((all, one) => all + (one ?? 0), 0);
  const cost = sum(tasks.map((one) => one.cost));
  const totals = formatEffort({
    ms: sum(tasks.map((one) => one.ms)),
    ...omitUndefined({ cost: cost > 0 ? cost : undefined }),
  });
  const title = renderHead("✅", digest.done, tasks.length);
  return [
    ...(tasks.length === 0
      ? [toPlainText(""), joinRichText(["✅ ", toBold(digest.done), texts.colon, digest.nothing])]
      : []),
    ...renderList(
      joinRichText([title, ...(totals.length > 0 ? [texts.colon, totals.join(", ")] : [])]),
      tasks.map(({ task, agent, ...rest }) =>
        renderTask(task, [...(agent ? [toSafeText(agent, NAME_LIMIT)] : []), ...formatEffort(rest)]),
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
  { texts, said: formats }: DigestWriter,
  { agent, openCount, ms, cost, finishedCount, unknownCount }: AgentForecast,
): RichText {
  const { digest, locale } = texts;
  const estimate = [
    ...(ms === undefined ? [] : [localizeDuration(locale, ms)]),
    ...(cost === undefined ? [] : [formats.money(cost)]),
  ].join(", ");
  const known = estimate !== "" && unknownCount < openCount;
  const rest = known && unknownCount > 0 ? [localizeCount(texts, digest.tooLittleDataFor, unknownCount)] : [];
  const parts = known ? [fillTemplate(digest.estimate, { what: estimate }), ...rest] : [digest.tooLittleData];
  return joinRichText([
    toSafeText(agent, NAME_LIMIT),
    texts.colon,
    joinRichText([localizeCount(texts, digest.open, openCount), ...parts], ", "),
    ` (${localizeCount(texts, digest.fromFinished, finishedCount)})`,
  ]);
}

async function renderCostLines(deps: DigestDeps, { texts, said: formats }: DigestWriter, now: Ms): Promise<RichText[]> {
  const { cost, budget } = await readMonthlySpending(deps);
  if (cost === 0 && !budget) return [];
  const { digest, locale, colon } = texts;
  const month = localizeMonth(locale, deps.settings.timezone, now);
  const spent = budget
    ? fillTemplate(digest.ofBudget, {
        cost: formats.money(cost),
        budget: formats.money(budget.amount),
        percent: formats.percent(cost / budget.amount),
      })
    : formats.money(cost);
  return [toPlainText(""), joinRichText(["💶 ", toBold(fillTemplate(digest.cost, { month })), colon, spent])];
}
