import { localizeDuration, localizeMoment, localizePercent } from "../../../shared/i18n/localize.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts/telegram-texts.ts";
import type { Ms } from "../../../shared/store/port.ts";
import { isOpen } from "../../../shared/task/diff.ts";
import { joinRichText, type RichText, toBold, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { type KeptCard, readCard } from "../../../shared/work/card/card-record.ts";
import { type KeptClaim, readLiveClaims } from "../../../shared/work/claims/claims.ts";
import { findKeptTask, type Task } from "../../../shared/work/tasks/find-task.ts";
import { readTaskTimes } from "../../../shared/work/time/time-entries.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, STATUS_EMOJI } from "../presentation/emoji.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import type { MessageView } from "./live-message.ts";
import { renderSubjectLine } from "./text-lines.ts";

/** A bar of so many parts. */
const BAR_PARTS = 10;

export interface ProgressView extends MessageView {
  /** Somebody has begun; a task that is only claimed is nothing to look at yet. */
  isStarted: boolean;
  /** Plane's id. */
  project: string;
}

/** How a task is getting on; `over` while nobody is at it. Undefined for one that is not known. */
export async function renderProgress(context: DeliveryContext, item: string): Promise<ProgressView | undefined> {
  const { deps, presentation } = context;
  const task = await findKeptTask(deps, item);
  if (!task) return undefined;
  const [[claim], card, { totals }, now] = await Promise.all([
    readLiveClaims(deps, [item]),
    readCard(deps, item),
    readTaskTimes(deps, item),
    deps.store.now(),
  ]);
  const { gone: removedAt, review, snapshot } = task.item;
  const isRunning = claim !== undefined && removedAt === undefined && !review && isOpen(snapshot.word);
  const { emoji, state } = toProgressState(task, isRunning, presentation.texts);
  const spent = Object.values(totals).reduce((sum, ms) => sum + ms, 0);
  const lines = [
    joinRichText([`${emoji} `, toBold(renderSubjectLine({ ...task, title: snapshot.name }, presentation))]),
    toPlainText(state),
    ...renderDetailLines({ claim: isRunning ? claim : undefined, card, spent, now }, context),
  ];
  return {
    rich: joinRichText(lines, "\n"),
    isClosed: !isRunning,
    isStarted: snapshot.word !== "todo",
    project: task.project.id,
  };
}

function toProgressState(
  { item }: Task,
  isRunning: boolean,
  { statuses: words, live, events, fields, colon }: TelegramTexts,
) {
  const { word } = item.snapshot;
  const formatState = (text: string) => `${fields.status}${colon}${text}`;
  if (item.gone !== undefined) return { emoji: EVENT_EMOJI.removed, state: events.removed };
  if (item.review && isOpen(word)) return { emoji: EVENT_EMOJI.review, state: formatState(live.inReview) };
  const isUnattended = !isRunning && (word === "todo" || word === "in_progress");
  return {
    emoji: STATUS_EMOJI[word],
    state: formatState(isUnattended ? `${words[word]}, ${live.unattended}` : words[word]),
  };
}

interface Details {
  /** Only while somebody is at it. */
  claim: KeptClaim | undefined;
  card: KeptCard | undefined;
  spent: Ms;
  now: Ms;
}

function renderDetailLines({ claim, card, spent, now }: Details, { presentation, deps }: DeliveryContext): RichText[] {
  const { texts } = presentation;
  const { locale, fields, colon, live } = texts;
  const { percent, text } = card ?? {};
  const agent = claim?.agent ?? card?.agent;
  const since = claim && localizeMoment(locale, deps.settings.timezone ?? "UTC", claim.since, now);
  const agentAndTime = [
    ...(agent === undefined ? [] : [toSafeText(agent, 80)]),
    ...(since === undefined ? [] : [fillTemplate(live.since, { when: since })]),
  ];
  return [
    ...(percent === undefined ? [] : [toPlainText(`${renderBar(percent)} ${localizePercent(locale, percent / 100)}`)]),
    ...(agentAndTime.length > 0 ? [joinRichText([fields.agent, colon, joinRichText(agentAndTime, ", ")])] : []),
    ...(spent > 0 ? [toPlainText(`${fields.timeSpent}${colon}${localizeDuration(locale, spent)}`)] : []),
    ...(text === undefined ? [] : [joinRichText(["💬 ", toSafeText(text, 300)])]),
  ];
}

function renderBar(percent: number): string {
  const fullParts = Math.round((Math.min(100, Math.max(0, percent)) / 100) * BAR_PARTS);
  return "▓".repeat(fullParts) + "░".repeat(BAR_PARTS - fullParts);
}
