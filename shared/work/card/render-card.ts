import { cleanLine } from "../../clean-text.ts";
import { localizeExactNumber } from "../../i18n/localize.ts";
import { localizeCount } from "../../i18n/plural.ts";
import { formatTemplate } from "../../i18n/template.ts";
import type { CardLine, CardTexts } from "../../i18n/texts/card-texts.ts";
import { keepDefined } from "../../keep-defined.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { type Ms, toZonedTime } from "../../time.ts";
import type { TaskEstimate } from "../time/estimates.ts";
import { roundAmount } from "../time/spending.ts";
import type { KeptCard } from "./card-record.ts";

/** The values of an agent card. None of them changes with time alone, so an unchanged card renders the same text. */
export interface CardView {
  card: KeptCard;
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

/** The confidence assumed for an agent that reports none (OPENCLAW-12). */
const ASSUMED_CONFIDENCE = 0.8;

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
  const { review, received } = card;
  const formatDay = (at: Ms) => formatMoment(at, timezone);
  const formatAmount = (amount: number) => localizeExactNumber(texts.locale, roundAmount(amount));
  const formatMoney = (amount: number) => keepDefined([formatAmount(amount), currency || undefined]).join(" ");
  const formatSum = (sum: string, amounts: Record<string, number>, format: (amount: number) => string) =>
    formatTemplate(texts.sum, { sum, parts: formatEach(amounts, format) });
  const clean = (text: string | undefined) => text && cleanLine(text, 400);
  const time = Object.values(spent).reduce((sum, ms) => sum + ms, 0);
  const costs = card.costs ?? {};
  const formatPlan = (what: Pick<TaskEstimate, "cost" | "ms">) =>
    keepDefined([
      what.cost === undefined ? undefined : formatMoney(what.cost),
      what.ms === undefined ? undefined : formatDuration(what.ms),
    ]).join(", ");
  const lines: [line: CardLine, value: string | undefined][] = [
    [held ? "agent" : "lastAgent", clean(card.agent)],
    ["since", card.since === undefined ? undefined : formatDay(card.since)],
    [
      "stopped",
      stopped && formatTemplate(texts.stopped, { by: cleanLine(stopped.by, MAX_NAME), at: formatDay(stopped.at) }),
    ],
    ["received", received && formatReceipt(received, formatDay, texts)],
    ["session", clean(card.session)],
    [
      "progress",
      card.percent === undefined ? undefined : formatTemplate(texts.percent, { n: formatAmount(card.percent) }),
    ],
    ["last", clean(card.text)],
    ["time", time > 0 ? formatSum(formatDuration(time), spent, formatDuration) : undefined],
    [
      "timer",
      running.map(({ agent, since }) => formatTemplate(texts.timer, { agent, at: formatDay(since) })).join(", "),
    ],
    ["cost", Object.keys(costs).length > 0 ? formatSum(formatMoney(card.cost ?? 0), costs, formatAmount) : undefined],
    ["planned", card.estimate && formatPlan(card.estimate)],
    ["estimate", card.estimate ? undefined : estimate && formatEstimate(estimate, formatPlan, texts)],
    [
      "confidence",
      card.confidence === undefined
        ? formatTemplate(texts.assumed, { n: formatAmount(ASSUMED_CONFIDENCE) })
        : formatAmount(card.confidence),
    ],
    ["commit", clean(card.commit)],
    ["tests", clean(card.tests)],
    ["summary", card.summary ? texts.written : undefined],
    [
      "review",
      review && formatTemplate(texts.review, { at: formatDay(review.at), confidence: formatAmount(review.confidence) }),
    ],
  ];
  return lines.flatMap(([line, value]) => (value ? [[line, value] satisfies [CardLine, string]] : []));
}

/** Limit of the shown words of a person, and of the person's name, in UTF-16 units. */
const MAX_WORDS = 120;
const MAX_NAME = 60;

function formatReceipt(
  { by, text, at, later }: NonNullable<KeptCard["received"]>,
  formatDay: (at: Ms) => string,
  texts: CardTexts,
): string {
  const words = cleanLine(text, MAX_WORDS);
  const receipt = formatTemplate(texts.received, { by: cleanLine(by, MAX_NAME), at: formatDay(at) });
  const limit = later === undefined ? "" : formatTemplate(texts.receivedLater, { at: formatDay(later) });
  return `${receipt}${words === "" ? "" : formatTemplate(texts.receivedWords, { words })}${limit}`;
}

function formatEstimate(estimate: TaskEstimate, formatPlan: (what: TaskEstimate) => string, texts: CardTexts): string {
  const tasks = localizeCount(texts, texts.finishedTasks, estimate.from);
  if (estimate.too_little) return formatTemplate(texts.tooLittle, { tasks });
  return formatTemplate(texts.estimate, { estimate: formatPlan(estimate), tasks });
}

const formatEach = (amounts: Record<string, number>, format: (amount: number) => string) =>
  Object.entries(amounts)
    .map(([agent, amount]) => `${agent} ${format(amount)}`)
    .join(", ");

/** `1:05:30`: hours, minutes, seconds. */
function formatDuration(ms: Ms): string {
  const seconds = Math.floor(ms / 1000);
  const two = (n: number) => String(n % 60).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60))}:${two(seconds)}`;
}

/** `2026-11-21 09:00:00 +01:00`: with the offset, so that `parseCard` reads it back whatever TIMEZONE is then. */
function formatMoment(at: Ms, timeZone: string): string {
  const { date, time, offset } = toZonedTime(at, timeZone);
  return `${date} ${time} ${offset === "+00:00" ? "UTC" : offset}`;
}
