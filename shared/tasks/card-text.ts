/**
 * The text of the agent card: rendered as safe HTML, one line per value, and parsed again in any language after the
 * store was lost.
 */

import { z } from "zod";
import type { TaskEstimate } from "../accounting/history.ts";
import { roundAmount } from "../accounting/spending.ts";
import {
  formatTemplate,
  LOCALES,
  localizeCount,
  localizeExactNumber,
  parseTemplate,
  replaceNoBreakSpaces,
} from "../i18n/localize.ts";
import { type CardLine, type CardTexts, getTexts } from "../i18n/texts.ts";
import { escapeHtml, htmlToText } from "../markdown/plain-text.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { cleanLine } from "../text.ts";
import { type Ms, toZonedTime } from "../time.ts";
import { type CardRecord, getSession, RUN_PREFIX } from "./card-record.ts";

/** The values of an agent card. None of them changes with time alone, so an unchanged card renders the same text. */
export interface CardView {
  card: CardRecord;
  /** Whether `card.agent` holds the task now. */
  held: boolean;
  /** Time of stopped timers, by agent. */
  spent: Record<string, Ms>;
  running: { agent: string; since: Ms }[];
  /** Estimate from the agent's history; the planned one is in `card`. */
  estimate?: TaskEstimate;
  currency?: string;
  /** A person stopped the work. */
  stopped?: { by: string; at: Ms };
  /** IANA name of the zone in which times are written. */
  timezone: string;
}

/** The values on a card that was written before. */
export interface ParsedCard extends Pick<CardView, "spent" | "running"> {
  card: CardRecord;
}

/** The confidence assumed for an agent that reports none (OPENCLAW-12). */
const ASSUMED_CONFIDENCE = 0.8;

/** Limit of the shown words of a person, and of the person's name, in UTF-16 units. */
const MAX_WORDS = 120;

const MAX_NAME = 60;

const AGENT = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,31}$/u);

const NUMBER = z
  .string()
  .regex(/^\d{1,12}([.,]\d{1,6})?$/)
  .transform((text) => Number(text.replace(",", ".")));

const MONEY = z
  .string()
  .regex(/^[^ ]+( [A-Z]{3})?$/)
  .transform((text) => text.split(" ")[0])
  .pipe(NUMBER);

const CLOCK = z
  .string()
  .regex(/^\d{1,6}:[0-5]\d:[0-5]\d$/)
  .transform((text) => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1000);

const MOMENT = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:UTC|[+-]\d\d:\d\d)$/)
  .transform((text) => Date.parse(text.replace(" UTC", "Z").replace(" ", "T").replace(" ", "")))
  .pipe(z.number());

const FRACTION = NUMBER.pipe(z.number().max(1));

const TEXT = z.string().min(1).max(400);

const PROGRESS = z.object({ n: NUMBER.pipe(z.number().max(100)) });

const REVIEW = z.object({ at: MOMENT, confidence: FRACTION });

const TIMER = z.object({ agent: AGENT, at: MOMENT });

/** Renders the agent card as safe HTML, one line per value. */
export function renderCard(view: CardView, texts: CardTexts): string {
  const { labels, colon, title, origin } = texts;
  const lines = listCardLines(view, texts).map(
    ([line, value]) => `<li><strong>${labels[line]}${colon}</strong> ${escapeHtml(value)}</li>`,
  );
  return `<p><strong>${title}</strong>${origin}</p><ul>${lines.join("")}</ul>`;
}

function listCardLines(view: CardView, texts: CardTexts): [line: CardLine, value: string][] {
  const { card, held, spent, running, estimate, currency, stopped, timezone } = view;
  const { review, received, percent, since, costs = {}, confidence } = card;
  const formatDay = (at: Ms) => formatMoment(at, timezone);
  const formatAmount = (amount: number) => localizeExactNumber(texts.locale, roundAmount(amount));
  const formatMoney = (amount: number) => keepDefined([formatAmount(amount), currency || undefined]).join(" ");
  const formatSum = (sum: string, amounts: Record<string, number>, format: (amount: number) => string) => {
    const parts = Object.entries(amounts).map(([agent, amount]) => `${agent} ${format(amount)}`);
    return formatTemplate(texts.sum, { sum, parts: parts.join(", ") });
  };
  const clean = (text: string | undefined) => text && cleanLine(text, 400);
  const formatPlan = ({ cost, ms }: Pick<TaskEstimate, "cost" | "ms">) =>
    keepDefined([
      cost === undefined ? undefined : formatMoney(cost),
      ms === undefined ? undefined : formatDuration(ms),
    ]).join(", ");
  const time = Object.values(spent).reduce((sum, ms) => sum + ms, 0);
  const timers = running.map((timer) =>
    formatTemplate(texts.timer, { agent: timer.agent, at: formatDay(timer.since) }),
  );
  const lines: Record<CardLine, string | undefined> = {
    agent: held ? clean(card.agent) : undefined,
    lastAgent: held ? undefined : clean(card.agent),
    since: since === undefined ? undefined : formatDay(since),
    stopped:
      stopped && formatTemplate(texts.stopped, { by: cleanLine(stopped.by, MAX_NAME), at: formatDay(stopped.at) }),
    received: received && formatReceipt(received, formatDay, (at) => toZonedTime(at, timezone).time.slice(0, 5), texts),
    session: clean(getSession(card)),
    progress: percent === undefined ? undefined : formatTemplate(texts.percent, { n: formatAmount(percent) }),
    last: clean(card.text),
    time: time > 0 ? formatSum(formatDuration(time), spent, formatDuration) : undefined,
    timer: timers.join(", "),
    cost: Object.keys(costs).length > 0 ? formatSum(formatMoney(card.cost ?? 0), costs, formatAmount) : undefined,
    planned: card.estimate && formatPlan(card.estimate),
    estimate: card.estimate || !estimate ? undefined : formatEstimate(estimate, formatPlan, texts),
    confidence:
      confidence === undefined
        ? formatTemplate(texts.assumed, { n: formatAmount(ASSUMED_CONFIDENCE) })
        : formatAmount(confidence),
    commit: clean(card.commit),
    tests: clean(card.tests),
    summary: card.summary ? texts.written : undefined,
    review:
      review && formatTemplate(texts.review, { at: formatDay(review.at), confidence: formatAmount(review.confidence) }),
  };
  return (Object.entries(lines) as [CardLine, string | undefined][]).flatMap(([line, value]) =>
    value ? [[line, value] satisfies [CardLine, string]] : [],
  );
}

/** `2026-11-21 09:00:00 +01:00`: with the offset, so that `parseCard` reads it back whatever TIMEZONE is then. */
function formatMoment(at: Ms, timeZone: string): string {
  const { date, time, offset } = toZonedTime(at, timeZone);
  return `${date} ${time} ${offset === "+00:00" ? "UTC" : offset}`;
}

/** `1:05:30`: hours, minutes, seconds. */
function formatDuration(ms: Ms): string {
  const seconds = Math.floor(ms / 1000);
  const two = (n: number) => String(n % 60).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60))}:${two(seconds)}`;
}

function formatReceipt(
  { by, text, at, later, readers = [] }: NonNullable<CardRecord["received"]>,
  formatDay: (at: Ms) => string,
  formatClock: (at: Ms) => string,
  texts: CardTexts,
): string {
  const words = cleanLine(text, MAX_WORDS);
  const receipt = formatTemplate(texts.received, { by: cleanLine(by, MAX_NAME), at: formatDay(at) });
  const limit = later === undefined ? "" : formatTemplate(texts.receivedLater, { at: formatDay(later) });
  const reads = readers.map((reader) => formatTemplate(texts.read, { by: reader.agent, at: formatClock(reader.at) }));
  return `${receipt}${words === "" ? "" : formatTemplate(texts.receivedWords, { words })}${limit}${reads.join("")}`;
}

function formatEstimate(estimate: TaskEstimate, formatPlan: (what: TaskEstimate) => string, texts: CardTexts): string {
  const tasks = localizeCount(texts, texts.finishedTasks, estimate.from);
  if (estimate.too_little) return formatTemplate(texts.tooLittle, { tasks });
  return formatTemplate(texts.estimate, { estimate: formatPlan(estimate), tasks });
}

/**
 * Parses the HTML of a card in any of the languages, because LOCALE may have changed since it was written, also after
 * Plane's editor has reformatted it. Strict: a line that does not match the format of `renderCard` is ignored.
 * Undefined when the text is not a card's.
 */
export function parseCard(html: string): ParsedCard | undefined {
  const lines = html
    .slice(0, 20_000)
    .split(/<\/?(?:p|ul|ol|li|div|br|h\d)\b[^<>]*>/i)
    .map((part) => htmlToText(part, 600))
    .filter((line) => line !== "");
  const texts = LOCALES.map((locale) => getTexts(locale).card).find(({ title }) => lines[0]?.startsWith(title));
  if (!texts) return undefined;
  const values = readValues(lines, texts);
  const get = (line: CardLine) => replaceNoBreakSpaces(values.get(line) ?? "");
  const read = <T>(line: CardLine, schema: z.ZodType<T, string>) => schema.safeParse(get(line)).data;
  const readText = (line: CardLine) => TEXT.safeParse(values.get(line)).data;
  const readParts = (line: CardLine) => get(line).split(", ");
  const readAmounts = <T>(line: CardLine, schema: z.ZodType<T, string>) =>
    parseAmounts(parseTemplate(texts.sum, get(line))?.["parts"] ?? "", schema);
  const planned = omitUndefined({
    cost: findValue(readParts("planned"), MONEY),
    ms: findValue(readParts("planned"), CLOCK),
  });
  const costs = readAmounts("cost", NUMBER);
  const agent = read("agent", AGENT) ?? read("lastAgent", AGENT);
  const session = readText("session");
  const run = session?.startsWith(RUN_PREFIX) ? session.slice(RUN_PREFIX.length) : undefined;
  const hasCosts = Object.keys(costs).length > 0;
  return {
    card: omitUndefined({
      agent,
      since: read("since", MOMENT),
      session: run === undefined ? session : undefined,
      run: agent === undefined || run === undefined ? undefined : { agent, id: run },
      percent: PROGRESS.safeParse(parseTemplate(texts.percent, get("progress"))).data?.n,
      text: readText("last"),
      confidence: read("confidence", FRACTION),
      commit: readText("commit"),
      tests: readText("tests"),
      summary: get("summary") === texts.written || undefined,
      review: REVIEW.safeParse(parseTemplate(texts.review, get("review"))).data,
      estimate: Object.keys(planned).length > 0 ? planned : undefined,
      costs: hasCosts ? costs : undefined,
      cost: hasCosts ? roundAmount(Object.values(costs).reduce((sum, cost) => sum + cost, 0)) : undefined,
    }),
    spent: readAmounts("time", CLOCK),
    running: readParts("timer").flatMap((part) => {
      const { data } = TIMER.safeParse(parseTemplate(texts.timer, part));
      return data ? [{ agent: data.agent, since: data.at }] : [];
    }),
  };
}

/** Returns the text after each label. The first line with a label counts. */
function readValues(lines: string[], { labels, colon }: CardTexts): Map<CardLine, string> {
  const values = new Map<CardLine, string>();
  for (const [name, label] of Object.entries(labels) as [CardLine, string][]) {
    const start = replaceNoBreakSpaces(`${label}${colon} `);
    const line = lines.find((candidate) => replaceNoBreakSpaces(candidate).startsWith(start));
    if (line !== undefined) values.set(name, line.slice(start.length));
  }
  return values;
}

/** The first part that the schema accepts. */
function findValue<T>(parts: readonly string[], schema: z.ZodType<T, string>): T | undefined {
  return parts.flatMap((part) => schema.safeParse(part).data ?? [])[0];
}

function parseAmounts<T>(text: string, schema: z.ZodType<T, string>): Record<string, T> {
  return Object.fromEntries(
    text.split(", ").flatMap((part) => {
      const [, agent, amount] = /^(.+) ([^ ]+)$/.exec(part) ?? [];
      const [named, read] = [AGENT.safeParse(agent), schema.safeParse(amount)];
      return named.success && read.success ? [[named.data, read.data]] : [];
    }),
  );
}
