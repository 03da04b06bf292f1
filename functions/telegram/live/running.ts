import type { Ms } from "../../../shared/store/port.ts";
import { isOpen } from "../../../shared/task/diff.ts";
import { data } from "../../../shared/telegram/data.ts";
import { bold, join, plain, type RichText } from "../../../shared/telegram/text.ts";
import { type KeptCard, readCard } from "../../../shared/work/card.ts";
import { type KeptClaim, liveClaims } from "../../../shared/work/claims.ts";
import { keptTask, type Task } from "../../../shared/work/find.ts";
import { timesOf } from "../../../shared/work/time.ts";
import { EVENT_EMOJI, STATUS_EMOJI } from "../emoji.ts";
import { duration, filled, moment } from "../locales/say.ts";
import type { Texts } from "../locales/texts.ts";
import type { Work } from "../work.ts";
import type { View } from "./kept.ts";
import { subjectLine } from "./lines.ts";

/** A bar of so many parts. */
const PARTS = 10;

export interface RunningView extends View {
  /** Somebody has begun; a task that is only claimed is nothing to look at yet. */
  isBegun: boolean;
  /** Plane's id. */
  project: string;
}

/** How a task is getting on; `over` while nobody is at it. Undefined for one that is not known. */
export async function runningView(work: Work, item: string): Promise<RunningView | undefined> {
  const { deps, look } = work;
  const task = await keptTask(deps, item);
  if (!task) return undefined;
  const [[claim], card, { totals }, now] = await Promise.all([
    liveClaims(deps, [item]),
    readCard(deps, item),
    timesOf(deps, item),
    deps.store.now(),
  ]);
  const { gone, review, snapshot } = task.item;
  const isRunning = claim !== undefined && gone === undefined && !review && isOpen(snapshot.word);
  const { emoji, state } = stateOf(task, isRunning, look.texts);
  const spent = Object.values(totals).reduce((sum, ms) => sum + ms, 0);
  const lines = [
    join([`${emoji} `, bold(subjectLine({ ...task, title: snapshot.name }, look))]),
    plain(state),
    ...detailLines({ claim: isRunning ? claim : undefined, card, spent, now }, work),
  ];
  return { rich: join(lines, "\n"), over: !isRunning, isBegun: snapshot.word !== "todo", project: task.project.id };
}

function stateOf({ item }: Task, isRunning: boolean, { words, live, events, fields, colon }: Texts) {
  const { word } = item.snapshot;
  const state = (text: string) => `${fields.status}${colon}${text}`;
  if (item.gone !== undefined) return { emoji: EVENT_EMOJI.removed, state: events.removed };
  if (item.review && isOpen(word)) return { emoji: EVENT_EMOJI.review, state: state(live.inReview) };
  const left = !isRunning && (word === "todo" || word === "in_progress");
  return { emoji: STATUS_EMOJI[word], state: state(left ? `${words[word]}, ${live.nobody}` : words[word]) };
}

interface Details {
  /** Only while somebody is at it. */
  claim: KeptClaim | undefined;
  card: KeptCard | undefined;
  spent: Ms;
  now: Ms;
}

function detailLines({ claim, card, spent, now }: Details, { look, deps }: Work): RichText[] {
  const { texts } = look;
  const { locale, fields, colon, live } = texts;
  const { percent, text } = card ?? {};
  const agent = claim?.agent ?? card?.agent;
  const since = claim && moment(locale, deps.settings.timezone ?? "UTC", claim.since, now);
  const who = [
    ...(agent === undefined ? [] : [data(agent, 80)]),
    ...(since === undefined ? [] : [filled(live.since, { when: since })]),
  ];
  return [
    ...(percent === undefined ? [] : [plain(`${bar(percent)} ${share(locale, percent)}`)]),
    ...(who.length > 0 ? [join([fields.agent, colon, join(who, ", ")])] : []),
    ...(spent > 0 ? [plain(`${fields.timeSpent}${colon}${duration(locale, spent)}`)] : []),
    ...(text === undefined ? [] : [join(["💬 ", data(text, 300)])]),
  ];
}

function bar(percent: number): string {
  const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * PARTS);
  return "▓".repeat(full) + "░".repeat(PARTS - full);
}

function share(locale: string, percent: number): string {
  return new Intl.NumberFormat(locale, { style: "percent" }).format(percent / 100);
}
