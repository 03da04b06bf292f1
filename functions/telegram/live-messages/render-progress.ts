import { localizeDuration, localizeMomentInSentence, localizePercent } from "../../../shared/i18n/localize.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts/telegram-texts.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { isOpen } from "../../../shared/task/diff.ts";
import { joinRichText, type RichText, toBold, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { Ms } from "../../../shared/time.ts";
import { type KeptCard, readCard } from "../../../shared/work/card/card-record.ts";
import { type KeptClaim, readLiveClaims } from "../../../shared/work/claims/find-claim.ts";
import { findKeptTask, type Task } from "../../../shared/work/tasks/find-task.ts";
import { readTaskTimes } from "../../../shared/work/time/task-times.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, STATUS_EMOJI } from "../presentation/emoji.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import type { MessageView } from "./live-message.ts";
import { renderSubjectLine } from "./text-lines.ts";

/** Number of parts of the progress bar. */
const BAR_PARTS = 10;

export interface ProgressView extends MessageView {
  /** Work has started. A task that is only claimed gets no progress message yet. */
  isStarted: boolean;
  /** Plane's id of the project. */
  project: string;
}

/** Renders the progress of a task, closed while no agent works on it. Undefined for an unknown task. */
export async function renderProgress(context: DeliveryContext, item: string): Promise<ProgressView | undefined> {
  const { deps, presentation } = context;
  const task = await findKeptTask(deps, item);
  if (!task) return undefined;
  const [[claim], card, { spent }, now] = await Promise.all([
    readLiveClaims(deps, [item]),
    readCard(deps, item),
    readTaskTimes(deps, item),
    deps.store.now(),
  ]);
  const { gone: removedAt, review, snapshot } = task.item;
  const isRunning = claim !== undefined && removedAt === undefined && !review && isOpen(snapshot.word);
  const { emoji, state } = toProgressState(task, isRunning, presentation.texts);
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

function toProgressState({ item }: Task, isRunning: boolean, { statuses, live, events, fields, colon }: TelegramTexts) {
  const { word } = item.snapshot;
  const formatState = (text: string) => `${fields.status}${colon}${text}`;
  if (item.gone !== undefined) return { emoji: EVENT_EMOJI.removed, state: events.removed };
  if (item.review && isOpen(word)) return { emoji: EVENT_EMOJI.review, state: formatState(live.inReview) };
  const isUnattended = !isRunning && (word === "todo" || word === "in_progress");
  return {
    emoji: STATUS_EMOJI[word],
    state: formatState(isUnattended ? `${statuses[word]}, ${live.unattended}` : statuses[word]),
  };
}

interface Details {
  /** Only while an agent works on the task. */
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
  const since = claim && localizeMomentInSentence(locale, deps.settings.timezone ?? "UTC", claim.since, now);
  const agentAndTime = keepDefined([
    agent === undefined ? undefined : toSafeText(agent, 80),
    since === undefined ? undefined : fillTemplate(live.since, { when: since }),
  ]);
  return keepDefined([
    percent === undefined ? undefined : toPlainText(`${renderBar(percent)} ${localizePercent(locale, percent / 100)}`),
    agentAndTime.length > 0 ? joinRichText([fields.agent, colon, joinRichText(agentAndTime, ", ")]) : undefined,
    spent > 0 ? toPlainText(`${fields.timeSpent}${colon}${localizeDuration(locale, spent)}`) : undefined,
    text === undefined ? undefined : joinRichText(["💬 ", toSafeText(text, 300)]),
  ]);
}

function renderBar(percent: number): string {
  const fullParts = Math.round((Math.min(100, Math.max(0, percent)) / 100) * BAR_PARTS);
  return "▓".repeat(fullParts) + "░".repeat(BAR_PARTS - fullParts);
}
