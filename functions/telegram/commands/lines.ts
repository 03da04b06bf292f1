import type { KeptProject } from "../../../shared/observe/kept.ts";
import type { Ms } from "../../../shared/store/port.ts";
import { isBlocked } from "../../../shared/task/diff.ts";
import { data } from "../../../shared/telegram/data.ts";
import { bold, join, link, plain, type RichText } from "../../../shared/telegram/text.ts";
import { blockersOf } from "../../../shared/work/blockers.ts";
import type { KeptCard } from "../../../shared/work/card.ts";
import { type KeptClaim, liveClaims } from "../../../shared/work/claims.ts";
import type { Task } from "../../../shared/work/find.ts";
import { workKeys } from "../../../shared/work/keys.ts";
import { isInReview } from "../../../shared/work/there.ts";
import { projectName } from "../details.ts";
import { STATUS_EMOJI } from "../emoji.ts";
import type { Heard } from "../handler.ts";
import { filled, moment, number } from "../locales/say.ts";

const TITLE = 120;
const LISTED = 5;
/** Blocks of a progress bar. */
const BLOCKS = 10;

/** `ONB-12 Write the welcome mail`, leading to Plane. */
export function nameOf({ look }: Pick<Heard, "look">, { key, item, url }: Task): RichText {
  const parts = [data(key, 40), data(item.snapshot.name, TITLE)].filter(({ text }) => text !== "");
  return link(join(parts, " "), url, look.origins);
}

export function headOf(emoji: string, text: string): RichText {
  return join([`${emoji} `, bold(text)]);
}

/** `ONB ▓▓▓▓░░░░░░ 40 % · 2 of 5 closed` */
export function barOf(
  { look: { texts } }: Heard,
  project: KeptProject,
  { closed, total }: { closed: number; total: number },
): RichText {
  const { locale, answers } = texts;
  const part = total === 0 ? 0 : closed / total;
  const full = Math.floor(part * BLOCKS);
  const percent = new Intl.NumberFormat(locale, { style: "percent" }).format(Math.floor(part * 100) / 100);
  const counts = filled(answers.closed, { closed: number(locale, closed), total: number(locale, total) });
  return join([projectName(project), `\n${"▓".repeat(full)}${"░".repeat(BLOCKS - full)} ${percent} · `, counts]);
}

/** One line a task: its state, whose it is, since when, how far, what it waits for. */
export async function taskLines(heard: Heard, tasks: readonly Task[]): Promise<RichText[]> {
  const { store } = heard.deps;
  const ids = tasks.map(({ id }) => id);
  const [claims, cards, blockers, now] = await Promise.all([
    liveClaims(heard.deps, ids),
    store.read<KeptCard>(ids.map(workKeys.card)),
    blockersOf(
      heard.deps,
      tasks.map(({ item }) => item),
    ),
    store.now(),
  ]);
  return tasks.map((task, i) => {
    const { item } = task;
    const notes: (RichText | string)[] = [];
    const claim = claims[i];
    const who = claim ? [claim.agent] : (item.owners ?? []);
    if (who.length > 0) notes.push(data(who.join(", "), 80));
    const since = sinceOf(claim, task);
    if (since !== undefined) notes.push(sinceText(heard, since, now));
    const percent = cards[i]?.value.percent;
    if (percent !== undefined && item.snapshot.word === "in_progress") notes.push(percentText(heard, percent));
    if (isInReview(item)) notes.push(heard.look.texts.answers.inReview);
    const open = item.blockers.flatMap((id) => blockers.get(id)?.key ?? []);
    if (open.length > 0) {
      const shown = open.slice(0, LISTED).join(", ") + (open.length > LISTED ? ", …" : "");
      notes.push(filled(heard.look.texts.answers.waitsFor, { keys: data(shown) }));
    }
    const line = join([`${emojiOf(task)} `, nameOf(heard, task)]);
    return notes.length === 0 ? line : join([line, " (", join(notes, ", "), ")"]);
  });
}

export function emojiOf({ item }: Task): string {
  if (isInReview(item)) return "🔍";
  return STATUS_EMOJI[isBlocked(item) ? "blocked" : item.snapshot.word];
}

/** When somebody began with it: the claim says so by the store's clock, Plane by its own. */
export function sinceOf(claim: KeptClaim | undefined, { item }: Task): Ms | undefined {
  if (claim) return claim.since;
  if (item.startedAt === undefined || item.snapshot.word !== "in_progress") return undefined;
  return Date.parse(item.startedAt);
}

export function sinceText({ look: { texts }, deps: { settings } }: Heard, since: Ms, now: Ms): RichText {
  return filled(texts.answers.since, { at: moment(texts.locale, settings.timezone, since, now) });
}

export function percentText({ look: { texts } }: Heard, percent: number): string {
  return new Intl.NumberFormat(texts.locale, { style: "percent" }).format(percent / 100);
}

/** A head with its lines, and a blank line before it; nothing without lines. */
export function section(emoji: string, head: string, lines: readonly RichText[]): RichText[] {
  return lines.length === 0 ? [] : [plain(""), headOf(emoji, head), ...lines];
}
