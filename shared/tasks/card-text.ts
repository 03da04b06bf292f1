/**
 * The text of the agent card: safe HTML, one line per value, and the same values as data, which are read back after the
 * store was lost.
 */

import { z } from "zod";
import type { TaskEstimate } from "../accounting/history.ts";
import { roundAmount } from "../accounting/spending.ts";
import { formatTemplate, localizeCount, localizeExactNumber } from "../i18n/localize.ts";
import type { CardLine, CardTexts } from "../i18n/texts.ts";
import { escapeHtml, linkToPage } from "../markdown/plain-text.ts";
import { keepDefined } from "../omit-undefined.ts";
import { cleanLine } from "../text.ts";
import { type Ms, toZonedTime } from "../time.ts";
import { type CardRecord, cardReportSchema, getSession } from "./card-record.ts";

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
  /** The task's page is at this path of this address. */
  page?: { publicUrl: string; path: string };
}

const cardStateSchema = z.object({
  /** Of the record that it shows. */
  id: z.string(),
  card: cardReportSchema,
  spent: z.record(z.string(), z.number().min(0)),
  running: z.array(z.object({ agent: z.string(), since: z.number() })),
});

/** The values on a card that was written before. */
export type CardState = z.infer<typeof cardStateSchema>;

/** The confidence assumed for an agent that reports none (OPENCLAW-12). */
const ASSUMED_CONFIDENCE = 0.8;

/** Limit of the shown words of a person, and of the person's name, in UTF-16 units. */
const MAX_WORDS = 120;

const MAX_NAME = 60;

/** Renders the agent card as safe HTML, one line per value. */
export function renderCard(view: CardView, texts: CardTexts): string {
  const { labels, colon, title, origin } = texts;
  const { card, spent, running } = view;
  const state: CardState = { id: card.id ?? "", card: cardReportSchema.parse(card), spent, running };
  const lines = listCardLines(view, texts).map(
    ([line, value]) => `<li><strong>${labels[line]}${colon}</strong> ${escapeHtml(value)}</li>`,
  );
  const data = encodeURIComponent(JSON.stringify(state));
  const heading = linkToPage(view.page?.publicUrl, view.page?.path ?? "", title);
  return `<p><strong>${heading}</strong>${origin}</p><ul data-groundcrew="${data}">${lines.join("")}</ul>`;
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

/** `2026-11-21 09:00:00 +01:00` */
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

/** Reads the values back from the HTML of a card; undefined when the text is not a card's, or people have edited it. */
export function parseCard(html: string): CardState | undefined {
  const [, data = ""] = /<ul data-groundcrew="([^"]*)"/.exec(html) ?? [];
  try {
    return cardStateSchema.safeParse(JSON.parse(decodeURIComponent(data))).data;
  } catch {
    return undefined;
  }
}
