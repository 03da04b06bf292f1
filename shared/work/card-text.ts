import { cleaned } from "../clean.ts";
import type { Ms } from "../store/port.ts";
import type { KeptCard } from "./card.ts";
import type { Estimate } from "./estimates.ts";
import { escaped } from "./say.ts";
import { exact } from "./spent.ts";

/** Everything an agent card says. It holds no time that passes by itself: what did not change reads the same. */
export interface CardView {
  card: KeptCard;
  /** Somebody holds the task: `card.agent`. */
  held: boolean;
  /** By agent, of timers that were stopped. */
  spent: Record<string, Ms>;
  running: { agent: string; since: Ms }[];
  /** From the agent's history; what was planned is in the card itself. */
  estimate?: Estimate;
  currency?: string;
}

/** What a card begins with. */
export const TITLE = "Agent card";
/** Who held the task, when nobody does. */
export const LAST = "Last agent";
/** Assumed of an agent that says nothing of it (OPENCLAW-12). */
const CONFIDENCE = 0.8;

/** The agent card as safe HTML: a line for each thing there is to say. */
export function cardHtml(view: CardView): string {
  const lines = linesOf(view).map(
    ([label, value]) => `<li><strong>${label}:</strong> ${escaped(cleaned(value, 400))}</li>`,
  );
  return `<p><strong>${TITLE}</strong>, kept up to date by Groundcrew</p><ul>${lines.join("")}</ul>`;
}

function linesOf({ card, held, spent, running, estimate, currency }: CardView): [label: string, value: string][] {
  const { review } = card;
  const money = (amount: number) => [exact(amount), ...(currency ? [currency] : [])].join(" ");
  const time = Object.values(spent).reduce((sum, ms) => sum + ms, 0);
  const costs = Object.entries(card.costs ?? {});
  const about = (what: Pick<Estimate, "cost" | "ms">) =>
    [...(what.cost === undefined ? [] : [money(what.cost)]), ...(what.ms === undefined ? [] : [clock(what.ms)])].join(
      ", ",
    );
  const lines: [label: string, value: string | undefined][] = [
    [held ? "Agent" : LAST, card.agent],
    ["Since", card.since === undefined ? undefined : day(card.since)],
    ["Session", card.session],
    ["Progress", card.percent === undefined ? undefined : `${exact(card.percent)} %`],
    ["Last", card.text],
    ["Time", time > 0 ? `${clock(time)} (${each(spent, clock)})` : undefined],
    ["Timer", running.map(({ agent, since }) => `${agent} since ${day(since)}`).join(", ")],
    ["Cost", costs.length > 0 ? `${money(card.cost ?? 0)} (${each(card.costs ?? {}, amount)})` : undefined],
    ["Planned", card.estimate && about(card.estimate)],
    ["Estimate", card.estimate ? undefined : estimate && estimated(estimate, about)],
    ["Confidence", card.confidence === undefined ? `${CONFIDENCE} (assumed)` : amount(card.confidence)],
    ["Commit", card.commit],
    ["Tests", card.tests],
    ["Summary", card.summary ? "written" : undefined],
    ["Review", review && `asked ${day(review.at)}, confidence ${amount(review.confidence)}`],
  ];
  return lines.flatMap(([label, value]) => (value ? [[label, value] satisfies [string, string]] : []));
}

function estimated(estimate: Estimate, about: (what: Estimate) => string): string {
  const tasks = `${estimate.from} finished ${estimate.from === 1 ? "task" : "tasks"} of this size`;
  return estimate.too_little ? `too little to tell (${tasks})` : `${about(estimate)} (from ${tasks})`;
}

const each = (amounts: Record<string, number>, show: (amount: number) => string) =>
  Object.entries(amounts)
    .map(([agent, amount]) => `${agent} ${show(amount)}`)
    .join(", ");

/** As `parseCard` reads it back: to a millionth, never as 1e-7. */
const amount = (value: number) => String(exact(value));

/** `1:05:30`: hours, minutes, seconds. */
function clock(ms: Ms): string {
  const seconds = Math.floor(ms / 1000);
  const two = (n: number) => String(n % 60).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60))}:${two(seconds)}`;
}

const day = (at: Ms) =>
  new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");
