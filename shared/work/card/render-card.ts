import { cleanLine } from "../../clean-text.ts";
import { keepDefined } from "../../keep-defined.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import type { Ms } from "../../time.ts";
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
}

/** The first words of every card, by which `parseCard` recognizes one. */
export const CARD_TITLE = "Agent card";
/** Label of the last holder when no agent holds the task. */
export const LAST_AGENT_LABEL = "Last agent";
/** The confidence assumed for an agent that reports none (OPENCLAW-12). */
const ASSUMED_CONFIDENCE = 0.8;

/** Renders the agent card as safe HTML, one line per value. */
export function renderCard(view: CardView): string {
  const lines = listCardLines(view).map(
    ([label, value]) => `<li><strong>${label}:</strong> ${escapeHtml(cleanLine(value, 400))}</li>`,
  );
  return `<p><strong>${CARD_TITLE}</strong>, kept up to date by Groundcrew</p><ul>${lines.join("")}</ul>`;
}

function listCardLines({ card, held, spent, running, estimate, currency }: CardView): [label: string, value: string][] {
  const { review } = card;
  const formatMoney = (amount: number) => keepDefined([roundAmount(amount), currency || undefined]).join(" ");
  const time = Object.values(spent).reduce((sum, ms) => sum + ms, 0);
  const costs = Object.entries(card.costs ?? {});
  const formatPlan = (what: Pick<TaskEstimate, "cost" | "ms">) =>
    keepDefined([
      what.cost === undefined ? undefined : formatMoney(what.cost),
      what.ms === undefined ? undefined : formatDuration(what.ms),
    ]).join(", ");
  const lines: [label: string, value: string | undefined][] = [
    [held ? "Agent" : LAST_AGENT_LABEL, card.agent],
    ["Since", card.since === undefined ? undefined : formatDay(card.since)],
    ["Session", card.session],
    ["Progress", card.percent === undefined ? undefined : `${roundAmount(card.percent)} %`],
    ["Last", card.text],
    ["Time", time > 0 ? `${formatDuration(time)} (${formatEach(spent, formatDuration)})` : undefined],
    ["Timer", running.map(({ agent, since }) => `${agent} since ${formatDay(since)}`).join(", ")],
    [
      "Cost",
      costs.length > 0 ? `${formatMoney(card.cost ?? 0)} (${formatEach(card.costs ?? {}, formatAmount)})` : undefined,
    ],
    ["Planned", card.estimate && formatPlan(card.estimate)],
    ["Estimate", card.estimate ? undefined : estimate && formatEstimate(estimate, formatPlan)],
    ["Confidence", card.confidence === undefined ? `${ASSUMED_CONFIDENCE} (assumed)` : formatAmount(card.confidence)],
    ["Commit", card.commit],
    ["Tests", card.tests],
    ["Summary", card.summary ? "written" : undefined],
    ["Review", review && `asked ${formatDay(review.at)}, confidence ${formatAmount(review.confidence)}`],
  ];
  return lines.flatMap(([label, value]) => (value ? [[label, value] satisfies [string, string]] : []));
}

function formatEstimate(estimate: TaskEstimate, formatPlan: (what: TaskEstimate) => string): string {
  const tasks = `${estimate.from} finished ${estimate.from === 1 ? "task" : "tasks"} of this size`;
  return estimate.too_little ? `too little to tell (${tasks})` : `${formatPlan(estimate)} (from ${tasks})`;
}

const formatEach = (amounts: Record<string, number>, format: (amount: number) => string) =>
  Object.entries(amounts)
    .map(([agent, amount]) => `${agent} ${format(amount)}`)
    .join(", ");

/** Formats an amount for `parseCard` to read back: rounded to a millionth, never as 1e-7. */
const formatAmount = (value: number) => String(roundAmount(value));

/** `1:05:30`: hours, minutes, seconds. */
function formatDuration(ms: Ms): string {
  const seconds = Math.floor(ms / 1000);
  const two = (n: number) => String(n % 60).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60))}:${two(seconds)}`;
}

const formatDay = (at: Ms) =>
  new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");
