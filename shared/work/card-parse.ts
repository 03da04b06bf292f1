import { z } from "zod";
import { plainText } from "../observe/plain-text.ts";
import type { Ms } from "../store/port.ts";
import type { KeptCard } from "./card.ts";
import { LAST, TITLE } from "./card-text.ts";
import { exact } from "./spent.ts";

/** What a card written before says. */
export interface CardRead {
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
 * What a card's HTML says, also after an editor has written it anew. Strict: a line that is not of the form it is
 * written in is left out. Undefined for what is no card.
 */
export function parseCard(html: string): CardRead | undefined {
  const lines = html
    .slice(0, 20_000)
    .split(/<\/?(?:p|ul|ol|li|div|br|h\d)\b[^<>]*>/i)
    .map((part) => plainText(part, 600))
    .filter((line) => line !== "");
  if (!lines[0]?.startsWith(TITLE)) return undefined;
  const said = new Map<string, string>();
  for (const line of lines) {
    const [, label, value] = /^([A-Z][a-z ]{2,11}): (.+)$/.exec(line) ?? [];
    if (label && value && !said.has(label)) said.set(label, value);
  }
  const read = <T>(label: string, form: z.ZodType<T, string>) => z.safeParse(form, said.get(label)).data;
  const parts = <T>(text: string | undefined, form: z.ZodType<T, string>) => amounts(inBrackets(text), form);
  const card: { [K in keyof CardRead["card"]]: CardRead["card"][K] | undefined } = {
    agent: read("Agent", AGENT) ?? read(LAST, AGENT),
    since: read("Since", DAY),
    session: read("Session", TEXT),
    percent: read("Progress", percent),
    text: read("Last", TEXT),
    confidence: read("Confidence", FRACTION),
    commit: read("Commit", TEXT),
    tests: read("Tests", TEXT),
    summary: said.get("Summary") === "written" || undefined,
    review: reviewOf(said.get("Review")),
    estimate: plannedOf(said.get("Planned")),
  };
  const costs = parts(said.get("Cost"), NUMBER);
  if (Object.keys(costs).length > 0) {
    card.costs = costs;
    card.cost = exact(Object.values(costs).reduce((sum, cost) => sum + cost, 0));
  }
  return { card: present(card), spent: parts(said.get("Time"), CLOCK), running: runningOf(said.get("Timer")) };
}

const percent = z
  .string()
  .regex(/^[^ ]+ %$/)
  .transform((text) => text.slice(0, -2))
  .pipe(NUMBER)
  .pipe(z.number().max(100));

const inBrackets = (text: string | undefined) => /^[^()]*\((.*)\)$/.exec(text ?? "")?.[1] ?? "";

function amounts<T>(text: string, form: z.ZodType<T, string>): Record<string, T> {
  return Object.fromEntries(
    text.split(", ").flatMap((part) => {
      const [, agent, amount] = /^(.+) ([^ ]+)$/.exec(part) ?? [];
      const [named, read] = [AGENT.safeParse(agent), form.safeParse(amount)];
      return named.success && read.success ? [[named.data, read.data]] : [];
    }),
  );
}

function runningOf(text = ""): CardRead["running"] {
  return text.split(", ").flatMap((part) => {
    const [, agent, at] = /^(.+) since (.+)$/.exec(part) ?? [];
    const [named, since] = [AGENT.safeParse(agent), DAY.safeParse(at)];
    return named.success && since.success ? [{ agent: named.data, since: since.data }] : [];
  });
}

function reviewOf(text = ""): KeptCard["review"] {
  const [, asked, given] = /^asked (.+), confidence ([^ ]+)$/.exec(text) ?? [];
  const [at, confidence] = [DAY.safeParse(asked), FRACTION.safeParse(given)];
  return at.success && confidence.success ? { at: at.data, confidence: confidence.data } : undefined;
}

function plannedOf(text = ""): KeptCard["estimate"] {
  const parts = text.split(", ");
  const cost = parts.flatMap((part) => MONEY.safeParse(part).data ?? [])[0];
  const ms = parts.flatMap((part) => CLOCK.safeParse(part).data ?? [])[0];
  if (cost === undefined && ms === undefined) return undefined;
  return { ...(cost !== undefined && { cost }), ...(ms !== undefined && { ms }) };
}

function present<T extends object>(given: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}
