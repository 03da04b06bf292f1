/** Progress: a message that follows each running task, or one summary of all while many agents are at work. */

import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { createProgressJob, type ProgressBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { workSets } from "../../../shared/records/store-keys.ts";
import { type ClaimRecord, readLiveClaims } from "../../../shared/records/task-records.ts";
import type { JobResult, Put, Revision, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import { readAllRows, updateValue } from "../../../shared/store/records.ts";
import { isOpen, type Status } from "../../../shared/task/snapshot.ts";
import { type CardRecord, readCard } from "../../../shared/tasks/card-record.ts";
import { findOpenTask, findStoredTask } from "../../../shared/tasks/find-task.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import {
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  toBold,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { MINUTE, type Ms } from "../../../shared/time.ts";
import { compareByUrgency, renderTaskLines } from "../commands/task-lists.ts";
import {
  commitWithRetry,
  DELIVERY_RETENTION,
  type DeliveryContext,
  JOB_DONE,
  muteKey,
  readDeliveryState,
  retryAfter,
  sendAttemptKey,
} from "../delivery/context.ts";
import { editMessage, readThread, recordEdit, sendSeparateMessage } from "../delivery/messages.ts";
import {
  appendRepeatMark,
  EVENT_EMOJI,
  fillTemplate,
  type Presentation,
  renderTaskTitle,
  STATUS_EMOJI,
} from "../presentation/presentation.ts";
import { acceptsInputInChat, hashView, type MessageView } from "./live-message.ts";

/** A progress message: that of a task, of which there is one however often it is claimed, or the summary of a chat. */
interface ProgressMessageRecord {
  /** Absent before the first send, and after the end of a summary: the next one is a new message. */
  messageId?: number;
  /** Hash of the view that the message shows. */
  viewHash: string;
  repeat: boolean;
  /** Store time of the last send or edit. */
  at: Ms;
  /** Id of the job that has begun to bring the message up to date. */
  job?: string;
  /** Somebody deleted the message, so it is not sent again. */
  isDeleted?: true;
}

interface ProgressView extends MessageView {
  /** Work has started. A task that is only claimed gets no progress message yet. */
  isStarted: boolean;
  /** Plane's ids of what can be muted: the task and its project; none of a summary. */
  mutable: readonly string[];
}

/** Interval for edits of a progress message: 5 s (NOTIF-07). */
const EDIT_INTERVAL: Ms = 5_000;

/** Delay of a first message: 2 s, so that many agents that start together get one summary. */
const FIRST_DELAY: Ms = 2_000;

/** Retention for progress messages: as long as deliveries. Each edit renews it. */
const PROGRESS_RETENTION: Ms = DELIVERY_RETENTION;

/** With more agents at work than this, one summary shows their progress instead of a message for each task. */
const SUMMARY_ABOVE = 10;

/** A summary ends when no more agents than this are at work, so that it does not come and go around the limit. */
const SUMMARY_UNTIL = 5;

/** The subject of the summary: no task has this id. */
const SUMMARY = "all";

/** Limit of the lines of a summary: 40, about what fits into one message. */
const SUMMARY_LINES = 40;

/** Limit of its text, which leaves space for the mark of a possible repeat. */
const SUMMARY_LIMIT = MESSAGE_LIMIT - 100;

/** Number of parts of the progress bar. */
const BAR_PARTS = 10;

const NO_MESSAGE: ProgressMessageRecord = { viewHash: "", repeat: false, at: 0 };

/**
 * Queues that the messages which show the progress of a task are brought up to date. A job that has not begun covers
 * this change, too, so that however many changes there are, each message has one or two jobs.
 */
export async function queueProgress(context: DeliveryContext, item: string, correlation: string): Promise<void> {
  const { deps, chat, job } = context;
  if (!deps.settings.progress || !acceptsInputInChat(context)) return;
  const isSummed = await needsSummary(context);
  const [own, summary] = await deps.store.read<ProgressMessageRecord>([
    progressKey(chat, item),
    progressKey(chat, SUMMARY),
  ]);
  const now = await deps.store.now();
  const toJob = (subject: string, stored: StoredValue<ProgressMessageRecord> | undefined) => {
    const at = stored?.value.messageId === undefined ? now + FIRST_DELAY : stored.value.at + EDIT_INTERVAL;
    return createProgressJob(chat, subject, stored?.rev ?? 0, at, correlation);
  };
  const jobs = keepDefined([
    isSummed && own?.value.messageId === undefined ? undefined : toJob(item, own),
    isSummed || summary?.value.messageId !== undefined ? toJob(SUMMARY, summary) : undefined,
  ]);
  await deps.store.commit({ jobs });
  for (const { at = now } of jobs) deps.notify({ queue: job.queue, after: Math.max(0, at - now) });
}

/** Whether progress is shown in one summary now. */
async function needsSummary({ deps, chat }: DeliveryContext): Promise<boolean> {
  const [[summary], claims] = await Promise.all([
    deps.store.read<ProgressMessageRecord>([progressKey(chat, SUMMARY)]),
    readClaimsAtWork(deps),
  ]);
  const limit = summary?.value.messageId === undefined ? SUMMARY_ABOVE : SUMMARY_UNTIL;
  return new Set(claims.map(({ agent }) => agent)).size > limit;
}

async function readClaimsAtWork({ store }: DeliveryContext["deps"]): Promise<ClaimRecord[]> {
  const [rows, now] = await Promise.all([readAllRows<ClaimRecord>({ store }, workSets.claims), store.now()]);
  return rows.map(({ value }) => value).filter(({ until }) => until > now);
}

/**
 * Shows progress: sends one message when the work has started and edits it from then on. While no agent works on the
 * task the message does not change any more.
 */
export async function updateProgressMessage(
  context: DeliveryContext,
  { subject, correlation }: ProgressBody,
): Promise<JobResult> {
  const { deps, chat, job } = context;
  const key = progressKey(chat, subject);
  // Recorded before the view is rendered: a later change finds another revision, and adds a job of its own.
  await updateValue<ProgressMessageRecord>(deps, key, (record = NO_MESSAGE) =>
    record.job === job.id ? undefined : { put: [createProgressPut(key, { ...record, job: job.id })] },
  );
  const [stored] = await deps.store.read<ProgressMessageRecord>([key]);
  if (!stored) return retryAfter(context, 0);
  const { messageId, isDeleted } = stored.value;
  const view = await (subject === SUMMARY ? renderSummary(context) : renderProgress(context, subject));
  if (isDeleted && view?.isClosed && subject === SUMMARY)
    await deps.store.commit({ expect: [[key, stored.rev]], put: [createProgressPut(key, NO_MESSAGE)] });
  if (isDeleted || !view) return JOB_DONE;
  const mutes = await deps.store.read(view.mutable.map(muteKey));
  if (mutes.some((mute) => mute !== undefined)) return JOB_DONE;
  if (messageId !== undefined)
    return editProgressMessage(context, { ...stored.value, messageId }, stored.rev, view, { subject, correlation });
  if (view.isClosed || !view.isStarted) return JOB_DONE;
  if (subject !== SUMMARY && (await needsSummary(context))) return JOB_DONE;
  const { attempt } = await readDeliveryState(context);
  const tasks = subject === SUMMARY ? [] : [subject];
  const thread = await readThread(context, tasks[0]);
  return sendSeparateMessage(context, {
    attempt,
    priority: "background",
    fields: { correlation },
    rich: view.rich,
    extras: { ...thread.extras, ...toSoundExtras("progress") },
    tasks,
    thread,
    async createRecord({ messageId: sentId, rich, repeat }) {
      const at = await deps.store.now();
      const value = { ...stored.value, messageId: sentId, viewHash: await hashView({ rich }), repeat, at };
      return { expect: [[key, stored.rev]], put: [createProgressPut(key, value)] };
    },
  });
}

const progressKey = (chat: ChatId, subject: string): StoreKey => `progress:${chat}:${subject}`;

function createProgressPut(key: StoreKey, value: ProgressMessageRecord): Put {
  return { key, value, expires: PROGRESS_RETENTION };
}

/** Renders the tasks at work, the most urgent first; closed when so few agents work that each task has a message. */
async function renderSummary(context: DeliveryContext): Promise<ProgressView> {
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
  const rich = truncateRichText(joinRichText([head, ...lines, ...more], "\n"), SUMMARY_LIMIT);
  return { rich, isClosed, isStarted: true, mutable: [] };
}

/** Renders the progress of a task, closed while no agent works on it. Undefined for an unknown task. */
async function renderProgress(context: DeliveryContext, item: string): Promise<ProgressView | undefined> {
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
    isStarted: snapshot.status !== "todo",
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

async function editProgressMessage(
  context: DeliveryContext,
  shown: ProgressMessageRecord & { messageId: number },
  rev: Revision,
  view: ProgressView,
  { subject, correlation }: Pick<ProgressBody, "subject" | "correlation">,
): Promise<JobResult> {
  const { deps, job, chat, presentation } = context;
  const { messageId, repeat, at, ...rest } = shown;
  const rich = repeat ? appendRepeatMark(view.rich, presentation.texts.repeat) : view.rich;
  const viewHash = await hashView({ rich });
  if (viewHash === shown.viewHash) return JOB_DONE;
  const untilNextEdit = at + EDIT_INTERVAL - (await deps.store.now());
  if (untilNextEdit > 0) return retryAfter(context, untilNextEdit);
  const isEnded = subject === SUMMARY && view.isClosed;
  const record = async (value: ProgressMessageRecord, messagePuts: Put[]): Promise<JobResult> => {
    const key = progressKey(chat, subject);
    await commitWithRetry(context, {
      expect: [[key, rev]],
      put: [createProgressPut(key, value), ...messagePuts, { key: sendAttemptKey(job), value: undefined }],
    });
    return JOB_DONE;
  };
  return editMessage(context, {
    attempt: "unread",
    messageId,
    rich,
    priority: "background",
    fields: { correlation },
    successLog: { level: "debug", message: "telegram progress edited" },
    onEdited: async () => {
      const edited = { ...rest, repeat, viewHash, at: await deps.store.now() };
      const value = isEnded ? edited : { ...edited, messageId };
      return record(value, (await recordEdit(context, messageId, { rich })).put);
    },
    onPermanentFailure: () => record(isEnded ? NO_MESSAGE : { ...shown, isDeleted: true }, []),
  });
}
