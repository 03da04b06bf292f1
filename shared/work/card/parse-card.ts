import { z } from "zod";
import { htmlToText } from "../../markdown/html-to-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { roundAmount } from "../time/spending.ts";
import type { KeptCard } from "./card-record.ts";
import { CARD_TITLE, LAST_AGENT_LABEL } from "./render-card.ts";

/** The values on a card that was written before. */
export interface ParsedCard {
  card: Pick<
    KeptCard,
    | ("agent" | "since" | "session" | "percent" | "text" | "confidence" | "cost" | "costs" | "estimate")
    | ("commit" | "tests" | "summary" | "review")
  >;
  spent: Record<string, Ms>;
  running: { agent: string; since: Ms }[];
}

const AGENT = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,31}$/u);
const NUMBER = z
  .string()
  .regex(/^\d{1,12}(\.\d{1,6})?$/)
  .transform(Number);
const MONEY = z
  .string()
  .regex(/^[^ ]+( [A-Z]{3})?$/)
  .transform((text) => text.split(" ")[0])
  .pipe(NUMBER);
const CLOCK = z
  .string()
  .regex(/^\d{1,6}:[0-5]\d:[0-5]\d$/)
  .transform((text) => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1000);
const DAY = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/)
  .transform((text) => Date.parse(text.replace(" UTC", "Z").replace(" ", "T")))
  .pipe(z.number());
const FRACTION = NUMBER.pipe(z.number().max(1));
const TEXT = z.string().min(1).max(400);

/**
 * Parses the HTML of a card, also after Plane's editor has reformatted it. Strict: a line that does not match the
 * format of `renderCard` is ignored. Undefined when the text is not a card's.
 */
export function parseCard(html: string): ParsedCard | undefined {
  const lines = html
    .slice(0, 20_000)
    .split(/<\/?(?:p|ul|ol|li|div|br|h\d)\b[^<>]*>/i)
    .map((part) => htmlToText(part, 600))
    .filter((line) => line !== "");
  if (!lines[0]?.startsWith(CARD_TITLE)) return undefined;
  const values = new Map<string, string>();
  for (const line of lines) {
    const [, label, value] = /^([A-Z][a-z ]{2,11}): (.+)$/.exec(line) ?? [];
    if (label && value && !values.has(label)) values.set(label, value);
  }
  const read = <T>(label: string, schema: z.ZodType<T, string>) => z.safeParse(schema, values.get(label)).data;
  const readAmounts = <T>(text: string | undefined, schema: z.ZodType<T, string>) =>
    parseAmounts(readBrackets(text), schema);
  const card: { [K in keyof ParsedCard["card"]]: ParsedCard["card"][K] | undefined } = {
    agent: read("Agent", AGENT) ?? read(LAST_AGENT_LABEL, AGENT),
    since: read("Since", DAY),
    session: read("Session", TEXT),
    percent: read("Progress", PERCENT),
    text: read("Last", TEXT),
    confidence: read("Confidence", FRACTION),
    commit: read("Commit", TEXT),
    tests: read("Tests", TEXT),
    summary: values.get("Summary") === "written" || undefined,
    review: parseReview(values.get("Review")),
    estimate: parsePlanned(values.get("Planned")),
  };
  const costs = readAmounts(values.get("Cost"), NUMBER);
  if (Object.keys(costs).length > 0) {
    card.costs = costs;
    card.cost = roundAmount(Object.values(costs).reduce((sum, cost) => sum + cost, 0));
  }
  return {
    card: omitUndefined(card),
    spent: readAmounts(values.get("Time"), CLOCK),
    running: parseRunningTimers(values.get("Timer")),
  };
}

const PERCENT = z
  .string()
  .regex(/^[^ ]+ %$/)
  .transform((text) => text.slice(0, -2))
  .pipe(NUMBER)
  .pipe(z.number().max(100));

const readBrackets = (text: string | undefined) => /^[^()]*\((.*)\)$/.exec(text ?? "")?.[1] ?? "";

function parseAmounts<T>(text: string, schema: z.ZodType<T, string>): Record<string, T> {
  return Object.fromEntries(
    text.split(", ").flatMap((part) => {
      const [, agent, amount] = /^(.+) ([^ ]+)$/.exec(part) ?? [];
      const [named, read] = [AGENT.safeParse(agent), schema.safeParse(amount)];
      return named.success && read.success ? [[named.data, read.data]] : [];
    }),
  );
}

function parseRunningTimers(text = ""): ParsedCard["running"] {
  return text.split(", ").flatMap((part) => {
    const [, agent, at] = /^(.+) since (.+)$/.exec(part) ?? [];
    const [named, since] = [AGENT.safeParse(agent), DAY.safeParse(at)];
    return named.success && since.success ? [{ agent: named.data, since: since.data }] : [];
  });
}

function parseReview(text = ""): KeptCard["review"] {
  const [, askedAt, confidenceText] = /^asked (.+), confidence ([^ ]+)$/.exec(text) ?? [];
  const [at, confidence] = [DAY.safeParse(askedAt), FRACTION.safeParse(confidenceText)];
  return at.success && confidence.success ? { at: at.data, confidence: confidence.data } : undefined;
}

function parsePlanned(text = ""): KeptCard["estimate"] {
  const parts = text.split(", ");
  const cost = parts.flatMap((part) => MONEY.safeParse(part).data ?? [])[0];
  const ms = parts.flatMap((part) => CLOCK.safeParse(part).data ?? [])[0];
  if (cost === undefined && ms === undefined) return undefined;
  return omitUndefined({ cost, ms });
}
