import { z } from "zod";
import { LOCALES } from "../../i18n/locale.ts";
import { parseTemplate, replaceNoBreakSpaces } from "../../i18n/template.ts";
import type { CardLine, CardTexts } from "../../i18n/texts/card-texts.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { htmlToText } from "../../markdown/html-to-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { roundAmount } from "../time/spending.ts";
import type { KeptCard } from "./card-record.ts";

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
const DAY = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:UTC|[+-]\d\d:\d\d)$/)
  .transform((text) => Date.parse(text.replace(" UTC", "Z").replace(" ", "T").replace(" ", "")))
  .pipe(z.number());
const FRACTION = NUMBER.pipe(z.number().max(1));
const TEXT = z.string().min(1).max(400);

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
  const read = <T>(line: CardLine, schema: z.ZodType<T, string>) => z.safeParse(schema, get(line)).data;
  const readText = (line: CardLine) => z.safeParse(TEXT, values.get(line)).data;
  const readAmounts = <T>(line: CardLine, schema: z.ZodType<T, string>) =>
    parseAmounts(parseTemplate(texts.sum, get(line))?.["parts"] ?? "", schema);
  const card: { [K in keyof ParsedCard["card"]]: ParsedCard["card"][K] | undefined } = {
    agent: read("agent", AGENT) ?? read("lastAgent", AGENT),
    since: read("since", DAY),
    session: readText("session"),
    percent: PERCENT.safeParse(parseTemplate(texts.percent, get("progress"))?.["n"]).data,
    text: readText("last"),
    confidence: read("confidence", FRACTION),
    commit: readText("commit"),
    tests: readText("tests"),
    summary: get("summary") === texts.written || undefined,
    review: parseReview(texts, get("review")),
    estimate: parsePlanned(get("planned")),
  };
  const costs = readAmounts("cost", NUMBER);
  if (Object.keys(costs).length > 0) {
    card.costs = costs;
    card.cost = roundAmount(Object.values(costs).reduce((sum, cost) => sum + cost, 0));
  }
  return {
    card: omitUndefined(card),
    spent: readAmounts("time", CLOCK),
    running: parseRunningTimers(texts, get("timer")),
  };
}

/** Returns the text after each label. The first line with a label counts. */
function readValues(lines: string[], { labels, colon }: CardTexts): Map<CardLine, string> {
  const values = new Map<CardLine, string>();
  for (const line of lines) {
    for (const [name, label] of Object.entries(labels) as [CardLine, string][]) {
      const start = replaceNoBreakSpaces(`${label}${colon} `);
      const isFirst = replaceNoBreakSpaces(line).startsWith(start) && !values.has(name);
      if (isFirst) values.set(name, line.slice(start.length));
    }
  }
  return values;
}

const PERCENT = NUMBER.pipe(z.number().max(100));

function parseAmounts<T>(text: string, schema: z.ZodType<T, string>): Record<string, T> {
  return Object.fromEntries(
    text.split(", ").flatMap((part) => {
      const [, agent, amount] = /^(.+) ([^ ]+)$/.exec(part) ?? [];
      const [named, read] = [AGENT.safeParse(agent), schema.safeParse(amount)];
      return named.success && read.success ? [[named.data, read.data]] : [];
    }),
  );
}

function parseRunningTimers({ timer }: CardTexts, text: string): ParsedCard["running"] {
  return text.split(", ").flatMap((part) => {
    const values = parseTemplate(timer, part);
    const [named, since] = [AGENT.safeParse(values?.["agent"]), DAY.safeParse(values?.["at"])];
    return named.success && since.success ? [{ agent: named.data, since: since.data }] : [];
  });
}

function parseReview({ review }: CardTexts, text: string): KeptCard["review"] {
  const values = parseTemplate(review, text);
  const [at, confidence] = [DAY.safeParse(values?.["at"]), FRACTION.safeParse(values?.["confidence"])];
  return at.success && confidence.success ? { at: at.data, confidence: confidence.data } : undefined;
}

function parsePlanned(text: string): KeptCard["estimate"] {
  const parts = text.split(", ");
  const cost = parts.flatMap((part) => MONEY.safeParse(part).data ?? [])[0];
  const ms = parts.flatMap((part) => CLOCK.safeParse(part).data ?? [])[0];
  if (cost === undefined && ms === undefined) return undefined;
  return omitUndefined({ cost, ms });
}
