/** Progress: a message that follows each running task, or one summary of all while many agents are at work. */

import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { type ClaimRecord, readLiveClaims } from "../../../shared/records/claim-record.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { workSets } from "../../../shared/records/store-keys.ts";
import { readAllRows } from "../../../shared/store/records.ts";
import { isOpen, type Status } from "../../../shared/task/snapshot.ts";
import { type CardRecord, readCard } from "../../../shared/tasks/card-record.ts";
import { findOpenTask, findStoredTask } from "../../../shared/tasks/find-task.ts";
import {
  joinRichText,
  type RichText,
  toBold,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { MINUTE, type Ms } from "../../../shared/time.ts";
import { compareByUrgency, renderTaskLines } from "../commands/task-lists.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import {
  EVENT_EMOJI,
  fillTemplate,
  type Presentation,
  renderTaskTitle,
  STATUS_EMOJI,
} from "../presentation/presentation.ts";
import { isConfiguredChat } from "./live-message.ts";
import {
  queueStatusMessages,
  readStatusMessage,
  STATUS_TEXT_LIMIT,
  type StatusSource,
  type StatusView,
} from "./status-messages.ts";

/** With more agents at work than this, one summary shows their progress instead of a message for each task. */
const SUMMARY_ABOVE = 10;

/** A summary ends when no more agents than this are at work, so that it does not come and go around the limit. */
const SUMMARY_UNTIL = 5;

/** The subject of the summary: no task has this id. */
export const SUMMARY_SUBJECT = "all";

/** Limit of the lines of a summary: 40, about what fits into one message. */
const SUMMARY_LINES = 40;

/** Number of parts of the progress bar. */
const BAR_PARTS = 10;

/** The message of a task; one, however often the task is claimed. */
export const PROGRESS_SOURCE: StatusSource = {
  priority: "background",
  endsWhenClosed: false,
  isTask: true,
  render: renderProgress,
};

export const SUMMARY_SOURCE: StatusSource = {
  priority: "background",
  endsWhenClosed: true,
  isTask: false,
  render: renderSummary,
};

/** Lists which messages show the progress of a task now, and queues that they are brought up to date. */
export async function queueProgress(context: DeliveryContext, item: string, correlation: string): Promise<void> {
  if (!context.deps.settings.progress || !isConfiguredChat(context)) return;
  const [isSummed, own, summary] = await Promise.all([
    needsSummary(context),
    readStatusMessage(context, item),
    readStatusMessage(context, SUMMARY_SUBJECT),
  ]);
  const subjects = keepDefined([
    isSummed && own.value.messageId === undefined ? undefined : item,
    isSummed || summary.value.messageId !== undefined ? SUMMARY_SUBJECT : undefined,
  ]);
  await queueStatusMessages(context, subjects, correlation);
}

/** Whether progress is shown in one summary now. */
async function needsSummary(context: DeliveryContext): Promise<boolean> {
  const [{ value: summary }, claims] = await Promise.all([
    readStatusMessage(context, SUMMARY_SUBJECT),
    readClaimsAtWork(context.deps),
  ]);
  const limit = summary.messageId === undefined ? SUMMARY_ABOVE : SUMMARY_UNTIL;
  return new Set(claims.map(({ agent }) => agent)).size > limit;
}

async function readClaimsAtWork({ store }: DeliveryContext["deps"]): Promise<ClaimRecord[]> {
  const [rows, now] = await Promise.all([readAllRows<ClaimRecord>({ store }, workSets.claims), store.now()]);
  return rows.map(({ value }) => value).filter(({ until }) => until > now);
}

/** Renders the tasks at work, the most urgent first; closed when so few agents work that each task has a message. */
async function renderSummary(context: DeliveryContext): Promise<StatusView> {
  const { deps, presentation } = context;
  const { texts, format } = presentation;
  const claims = await readClaimsAtWork(deps);
  const found = await Promise.all(claims.map(({ item }) => findOpenTask(deps, item)));
  const tasks = keepDefined(found).sort(compareByUrgency);
  const isClosed = !(await needsSummary(context));
  const agents = new Set(claims.map(({ agent }) => agent)).size;
  const head = joinRichText([`${EVENT_EMOJI.started} `, toBold(format.count(texts.live.agentsAtWork, agents))]);
  const lines = isClosed
    ? [toPlainText(texts.live.summaryEnded)]
    : await renderTaskLines(context, tasks.slice(0, SUMMARY_LINES));
  const rest = isClosed ? 0 : tasks.length - lines.length;
  const more = rest > 0 ? [toPlainText(format.count(texts.more, rest))] : [];
  const rich = truncateRichText(joinRichText([head, ...lines, ...more], "\n"), STATUS_TEXT_LIMIT);
  return { rich, isClosed, canStart: true };
}

/** Renders the progress of a task, closed while no agent works on it. Undefined for an unknown task. */
async function renderProgress(context: DeliveryContext, item: string): Promise<StatusView | undefined> {
  const { deps, presentation } = context;
  const task = await findStoredTask(deps, item);
  if (!task) return undefined;
  const [[claim], card, { spent }, now] = await Promise.all([
    readLiveClaims(deps, [item]),
    readCard(deps, item),
    readTaskTimes(deps, item),
    deps.store.now(),
  ]);
  const { removedAt, review, snapshot } = task.item;
  const isRunning = claim !== undefined && removedAt === undefined && !review && isOpen(snapshot.status);
  const { emoji, state } = toProgressState(task, isRunning, presentation.texts);
  const lines = [
    joinRichText([`${emoji} `, toBold(renderTaskTitle(presentation, { ...task, title: snapshot.name }))]),
    toPlainText(state),
    ...renderDetailLines(presentation, snapshot.status, isRunning ? claim : undefined, card, spent, now),
  ];
  return {
    rich: joinRichText(lines, "\n"),
    isClosed: !isRunning,
    // A task that is only claimed gets no message yet.
    canStart: snapshot.status !== "todo" && !(await needsSummary(context)),
    mutable: [item, task.project.id],
  };
}

function toProgressState(
  { item }: Task,
  isRunning: boolean,
  { statuses, live, events, answers, fields, colon }: TelegramTexts,
) {
  const { status } = item.snapshot;
  const formatState = (text: string) => `${fields.status}${colon}${text}`;
  if (item.removedAt !== undefined) return { emoji: EVENT_EMOJI.removed, state: events.removed.title };
  if (item.review && isOpen(status)) return { emoji: EVENT_EMOJI.review, state: formatState(answers.inReview) };
  const isUnattended = !isRunning && (status === "todo" || status === "in_progress");
  return {
    emoji: STATUS_EMOJI[status],
    state: formatState(isUnattended ? `${statuses[status]}, ${live.unattended}` : statuses[status]),
  };
}

/** @param claim only while an agent works on the task */
function renderDetailLines(
  { texts, format }: Presentation,
  status: Status,
  claim: ClaimRecord | undefined,
  card: CardRecord | undefined,
  spent: Ms,
  now: Ms,
): RichText[] {
  const { fields, colon, since } = texts;
  // What was reported on the way says nothing about a task that is closed.
  const { percent, text } = isOpen(status) ? (card ?? {}) : {};
  const agent = claim?.agent ?? card?.agent;
  const agentAndTime = keepDefined([
    agent === undefined ? undefined : toSafeText(agent, 80),
    claim && fillTemplate(since, { when: format.momentInSentence(claim.since, now) }),
  ]);
  return keepDefined([
    percent === undefined ? undefined : toPlainText(`${renderBar(percent)} ${format.percent(percent / 100)}`),
    agentAndTime.length > 0 ? joinRichText([fields.agent, colon, joinRichText(agentAndTime, ", ")]) : undefined,
    spent >= MINUTE ? toPlainText(`${fields.timeSpent}${colon}${format.duration(spent)}`) : undefined,
    text === undefined ? undefined : joinRichText(["💬 ", toSafeText(stripMarkdown(text), 300)]),
  ]);
}

function renderBar(percent: number): string {
  const fullParts = Math.round((Math.min(100, Math.max(0, percent)) / 100) * BAR_PARTS);
  return "▓".repeat(fullParts) + "░".repeat(BAR_PARTS - fullParts);
}
