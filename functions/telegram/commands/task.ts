import { toMarkdown } from "../../../shared/markdown/to-markdown.ts";
import { sets } from "../../../shared/observe/keys.ts";
import { data } from "../../../shared/telegram/data.ts";
import { join, type RichText } from "../../../shared/telegram/text.ts";
import { blockersOf } from "../../../shared/work/blockers.ts";
import { readCard } from "../../../shared/work/card.ts";
import { liveClaims } from "../../../shared/work/claims.ts";
import type { Task } from "../../../shared/work/find.ts";
import { isInReview } from "../../../shared/work/there.ts";
import { timesOf } from "../../../shared/work/time.ts";
import { projectName } from "../details.ts";
import type { Command, Heard, Outcome } from "../handler.ts";
import { day, duration, number } from "../locales/say.ts";
import { paged } from "../pages.ts";
import { unquoted } from "../words.ts";
import { ageOf } from "./known.ts";
import { emojiOf, nameOf, percentText, sinceOf, sinceText } from "./lines.ts";
import { taskMatch, unclear, usage } from "./one.ts";

const TEXT = 300;

/** One task: its state, whose it is, what it waits for and what is known of the work on it. */
export const task: Command = {
  name: "task",
  also: ["tache", "tâche", "tasks"],
  async run(heard, args) {
    if (args === "") return usage(heard, "task");
    const match = await taskMatch(heard, unquoted(args));
    if (match.kind === "one") return shown(heard, match.one);
    return unclear(heard, "task", unquoted(args), match, ({ key, item }) => ({
      ...{ label: `${key} ${item.snapshot.name}`, command: "task" as const, args: key },
    }));
  },
};

async function shown(heard: Heard, one: Task): Promise<Outcome> {
  const { deps, look } = heard;
  const { texts } = look;
  const { fields, answers, locale } = texts;
  const { snapshot, owners = [] } = one.item;
  const [card, [claim], blockers, times, dependants, now, text] = await Promise.all([
    readCard(deps, one.id),
    liveClaims(deps, [one.id]),
    blockersOf(deps, [one.item]),
    timesOf(deps, one.id),
    deps.store.count(sets.dependants(one.id)),
    deps.store.now(),
    snapshot.description === "" ? "" : toMarkdown(snapshot.description),
  ]);
  const lines: RichText[] = [join([`${emojiOf(one)} `, nameOf(heard, one)])];
  const add = (label: string, ...value: (RichText | string)[]) => lines.push(join([label, texts.colon, ...value]));
  add(fields.project, projectName(one.project));
  add(fields.status, texts.words[snapshot.word], isInReview(one.item) ? ` (${answers.inReview})` : "");
  if (owners.length > 0) add(fields.agent, data(owners.join(", "), 80));
  const since = sinceOf(claim, one);
  const whose = claim ? [data(claim.agent, 80), " "] : [];
  if (since !== undefined) add(answers.heads.atWork, ...whose, sinceText(heard, since, now));
  if (snapshot.priority !== "none") add(fields.priority, texts.priorities[snapshot.priority]);
  if (snapshot.due !== null) add(fields.due, day(locale, snapshot.due));
  const open = one.item.blockers.flatMap((id) => blockers.get(id) ?? []);
  if (open.length > 0) {
    const named = open.map(({ key, title }) => join([data(key, 40), data(title, 60)], " "));
    add(fields.blockers, join(named, ", "));
  }
  if (dependants > 0) add(answers.fields.dependants, number(locale, dependants));
  if (card?.percent !== undefined) add(answers.fields.progress, percentText(heard, card.percent));
  if (card?.text !== undefined) add(answers.fields.said, data(card.text, TEXT));
  if (card?.confidence !== undefined) add(answers.fields.confidence, percentText(heard, card.confidence * 100));
  if (card?.cost !== undefined) add(answers.fields.cost, costOf(heard, card.cost));
  const spent = Object.values(times.totals).reduce((sum, ms) => sum + ms, 0);
  if (spent > 0) add(answers.fields.time, duration(locale, spent));
  if (text.trim() !== "") add(answers.fields.text, data(text, TEXT));
  lines.push(join([""]), await ageOf(heard));
  return paged(heard, lines);
}

/** In the budget's currency, where there is one. */
function costOf({ deps: { settings }, look: { texts } }: Heard, cost: number): string {
  const { budget } = settings;
  if (!budget) return number(texts.locale, cost);
  return new Intl.NumberFormat(texts.locale, { style: "currency", currency: budget.currency }).format(cost);
}
