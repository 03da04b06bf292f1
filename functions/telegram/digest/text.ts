import type { Ms } from "../../../shared/store/port.ts";
import { data } from "../../../shared/telegram/data.ts";
import { bold, join, link, plain, type RichText } from "../../../shared/telegram/text.ts";
import type { Task } from "../../../shared/work/find.ts";
import { exact, spentThisMonth } from "../../../shared/work/spent.ts";
import { type Look, lookOf } from "../details.ts";
import { counted, day, duration, filled, moment } from "../locales/say.ts";
import { dateIn, dayBefore } from "./dates.ts";
import { type DigestDeps, type DoneOnDay, doneOn } from "./done.ts";
import { type Forecast, forecasts } from "./forecast.ts";
import { openOn, type Since } from "./open.ts";
import { questionsWaiting, reviewsWaiting } from "./waiting.ts";

/** So many of each are listed; a digest is for a glance. */
const LISTED = 25;
const NAME = 80;

/** The daily digest (NOTIF-08) as it is at this store time, line by line; from what is kept, no request to Plane. */
export async function digestText(deps: DigestDeps, locale: "en" | "fr" | "auto", now: Ms): Promise<RichText[]> {
  const { timezone } = deps.settings;
  const writer = writerFor(deps, lookOf({ ...deps.settings, locale }), now);
  const { texts, head, list, said, tied } = writer;
  const { digest } = texts;
  const today = dateIn(timezone, now);
  const done = await doneOn(deps, dayBefore(today), now);
  const open = await openOn(deps, today, now);
  const reviews = await reviewsWaiting(deps);
  const questions = await questionsWaiting(deps);
  const dated = (task: Task) => (task.item.snapshot.due === null ? [] : [day(texts.locale, task.item.snapshot.due)]);
  return [
    join(["📋 ", bold(digest.title), " – ", day(texts.locale, today)]),
    ...doneLines(writer, done),
    ...list(
      head("⛔", digest.blocked, open.blocked.length),
      open.blocked.map(({ task, since, blockers }) =>
        tied(task, [
          writer.since(since),
          ...(blockers.length > 0 ? [filled(digest.waits, { keys: data(blockers.join(", "), NAME) })] : []),
        ]),
      ),
    ),
    ...list(
      head("📅", digest.due, open.due.length),
      open.due.map((task) => tied(task, owned(task))),
    ),
    ...list(
      head("⏰", digest.overdue, open.overdue.length),
      open.overdue.map((task) => tied(task, [...dated(task), ...owned(task)])),
    ),
    ...list(
      head("🔍", digest.reviews, reviews.length),
      reviews.map(({ task, agent, at, confidence }) =>
        tied(task, [
          data(agent, NAME),
          ...(confidence === undefined ? [] : [filled(digest.confidence, { percent: said.percent(confidence) })]),
          writer.since({ at }),
        ]),
      ),
    ),
    ...list(
      head("❓", digest.questions, questions.length),
      questions.map(({ task, agent, text, at }) =>
        join([tied(task, [data(agent, NAME), writer.since({ at })]), texts.colon, data(text, 160)]),
      ),
    ),
    ...list(
      head("🔮", digest.forecast),
      (await forecasts(deps)).map((forecast) => forecastLine(writer, forecast)),
    ),
    ...(await costLines(deps, writer, now)),
  ];
}

const owned = ({ item }: Task) => (item.owners ?? []).map((name) => data(name, NAME));

type Writer = ReturnType<typeof writerFor>;

function writerFor({ settings }: DigestDeps, { texts, origins }: Look, now: Ms) {
  const { timezone, budget } = settings;
  const { locale, digest } = texts;
  const said = {
    percent: (share: number) => new Intl.NumberFormat(locale, { style: "percent" }).format(share),
    money: (amount: number) =>
      new Intl.NumberFormat(locale, {
        maximumFractionDigits: 2,
        ...(budget && { style: "currency", currency: budget.currency }),
      }).format(exact(amount)),
  };
  return {
    texts,
    said,
    /** `⛔ Blocked (2)` */
    head: (emoji: string, title: string, count?: number) =>
      join([
        `${emoji} `,
        bold(title),
        ...(count === undefined ? [] : [` (${new Intl.NumberFormat(locale).format(count)})`]),
      ]),
    /** Nothing at all without lines. */
    list: (head: RichText, lines: RichText[]) =>
      lines.length === 0
        ? []
        : [
            plain(""),
            head,
            ...lines.slice(0, LISTED).map((line) => join(["• ", line])),
            ...(lines.length > LISTED ? [plain(counted(texts, texts.more, lines.length - LISTED))] : []),
          ],
    /** `ONB-12 Write the welcome mail – Imhotep, 2 hr` */
    tied: ({ key, url, item }: Task, more: (RichText | string)[]) =>
      join([
        link(join([data(key), data(item.snapshot.name, 120)], " "), url, origins),
        ...(more.length > 0 ? [" – ", join(more, ", ")] : []),
      ]),
    since: (since: Since) =>
      "at" in since
        ? filled(digest.since, { when: moment(locale, timezone, since.at, now) })
        : filled(digest.longer, { when: day(locale, dateIn(timezone, since.before)) }),
  };
}

function doneLines({ texts, said, head, list, tied }: Writer, { tasks, projects }: DoneOnDay): RichText[] {
  const { digest, locale } = texts;
  const took = ({ ms, cost }: { ms?: Ms; cost?: number }) => [
    ...(ms ? [duration(locale, ms)] : []),
    ...(cost === undefined ? [] : [said.money(cost)]),
  ];
  const sum = (values: (number | undefined)[]) => values.reduce<number>((all, one) => all + (one ?? 0), 0);
  const cost = sum(tasks.map((one) => one.cost));
  const whole = took({ ms: sum(tasks.map((one) => one.ms)), ...(cost > 0 && { cost }) });
  const title = head("✅", digest.done, tasks.length);
  return [
    ...(tasks.length === 0 ? [plain(""), join(["✅ ", bold(digest.done), texts.colon, digest.nothing])] : []),
    ...list(
      join([title, ...(whole.length > 0 ? [texts.colon, whole.join(", ")] : [])]),
      tasks.map(({ task, agent, ...rest }) => tied(task, [...(agent ? [data(agent, NAME)] : []), ...took(rest)])),
    ),
    ...list(
      head("🏁", digest.projects, projects.length),
      projects.map(({ name, identifier }) => join([data(name), " (", data(identifier, 20), ")"])),
    ),
  ];
}

/** `Imhotep: 4 open tasks, about 6 hr, €4.10 (from 12 finished tasks)` */
function forecastLine({ texts, said }: Writer, { agent, open, ms, cost, from, unknown }: Forecast): RichText {
  const { digest, locale } = texts;
  const what = [
    ...(ms === undefined ? [] : [duration(locale, ms)]),
    ...(cost === undefined ? [] : [said.money(cost)]),
  ].join(", ");
  const known = what !== "" && unknown < open;
  const rest = known && unknown > 0 ? [counted(texts, digest.tooLittleOf, unknown)] : [];
  const told = known ? [filled(digest.about, { what }), ...rest] : [digest.tooLittle];
  return join([
    data(agent, NAME),
    texts.colon,
    join([counted(texts, digest.open, open), ...told], ", "),
    ` (${counted(texts, digest.from, from)})`,
  ]);
}

async function costLines(deps: DigestDeps, { texts, said }: Writer, now: Ms): Promise<RichText[]> {
  const { cost, budget } = await spentThisMonth(deps);
  if (cost === 0 && !budget) return [];
  const { digest, locale, colon } = texts;
  const month = new Intl.DateTimeFormat(locale, { timeZone: deps.settings.timezone, month: "long" }).format(now);
  const spent = budget
    ? filled(digest.ofBudget, {
        cost: said.money(cost),
        budget: said.money(budget.amount),
        percent: said.percent(cost / budget.amount),
      })
    : said.money(cost);
  return [plain(""), join(["💶 ", bold(filled(digest.cost, { month })), colon, spent])];
}
