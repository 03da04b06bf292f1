/**
 * Status messages: messages that are edited in place for as long as what they show changes. Each has one record and one
 * or two jobs. They show the progress of each running task, one summary of all of them while many agents are at work,
 * and the list of what waits for a person. A reminder moves that list to the end of the chat, with a sound, so that
 * many reminders are one message.
 */

import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { createReplacementJob, createStatusJob, type StatusBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { type ClaimRecord, readLiveClaims } from "../../../shared/records/claim-record.ts";
import { workSets } from "../../../shared/records/store-keys.ts";
import { readOpenRequests } from "../../../shared/requests/requests.ts";
import type { Job, JobResult, Revision, StoreKey } from "../../../shared/store/port.ts";
import { readAllRows, updateValue } from "../../../shared/store/records.ts";
import { isOpen } from "../../../shared/task/snapshot.ts";
import { readCard } from "../../../shared/tasks/card-record.ts";
import { findOpenTask, findStoredTask } from "../../../shared/tasks/find-task.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import {
  joinRichText,
  type RichText,
  toBold,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { isRecent, MINUTE, type Ms } from "../../../shared/time.ts";
import { DELIVERY_RETENTION, type DeliveryContext, JOB_DONE, muteKey } from "../delivery/context.ts";
import { type ShownMessage, sendSeparateMessage, updateMessage } from "../delivery/messages.ts";
import type { SendPriority } from "../delivery/rate-limits.ts";
import { EVENT_EMOJI, renderTaskTitle, STATUS_EMOJI } from "../presentation/presentation.ts";
import {
  compareByUrgency,
  renderProgressBar,
  renderRequestLines,
  renderTaskLines,
} from "../presentation/task-lists.ts";
import { isConfiguredChat, VIEW_TEXT_LIMIT } from "./live-message.ts";

/** The record of a status message, of which there is one for each chat and subject. */
interface StatusMessageRecord extends Omit<ShownMessage, "messageId"> {
  /** Absent before the first send, and after the message has ended: the next one is a new message. */
  messageId?: number;
  /** Store time of the last send or edit. */
  at: Ms;
  /** Id of the job that has begun to bring the message up to date. */
  job?: string;
  /** Store time of the last reminder that was sent as a new message. */
  remindedAt?: Ms;
}

/** What a status message should show. */
interface StatusView {
  rich: RichText;
  /** There is enough to show for a first message. */
  canStart: boolean;
  /** The message has ended: what comes later is a new message. */
  isOver?: boolean;
  /** Of a task, whose thread the message belongs to: Plane's ids of it and its project, which may be muted. */
  mutable?: readonly string[];
}

/** Interval for edits of a status message: 5 s (NOTIF-07). */
const EDIT_INTERVAL: Ms = 5_000;

/** Delay of a first message: 2 s, so that many agents that start together get one summary. */
const FIRST_DELAY: Ms = 2_000;

const NO_MESSAGE: StatusMessageRecord = { viewHash: "", repeat: false, at: 0 };

const statusKey = (chat: ChatId, subject: string): StoreKey => `status-message:${chat}:${subject}`;

/** With more agents at work than this, one summary shows their progress instead of a message for each task. */
const SUMMARY_ABOVE = 10;

/** A summary ends when no more agents than this are at work, so that it does not come and go around the limit. */
const SUMMARY_UNTIL = 5;

/** Subjects of the messages that are about no task: no task has such an id. */
const SUMMARY_SUBJECT = "all";

export const WAITING_SUBJECT = "waiting";

/** Limits of the lines of a list, about what fits into one message; the most urgent are shown. */
const LIST_LINES = { summary: 40, waiting: 30 };

/** Requests that are listed: a single one is a message of its own that says all. */
const LIST_FROM = 2;

/** Time for which a reminder covers those that follow: 10 minutes. */
const REMINDER_WINDOW: Ms = 10 * MINUTE;

/** Renders what a status message shows; undefined when there is nothing. A task has one, however often it is claimed. */
export async function renderStatus(context: DeliveryContext, subject: string): Promise<StatusView | undefined> {
  if (subject === WAITING_SUBJECT) return renderWaiting(context);
  return subject === SUMMARY_SUBJECT ? renderSummary(context) : renderProgress(context, subject);
}

/**
 * Queues that the status messages which are shown, or should be, are brought up to date, after something about a task
 * or a request has changed. A job that has not begun covers this change, too, so that however many changes there are,
 * each message has one or two jobs.
 */
export async function queueStatus(context: DeliveryContext, item: string): Promise<void> {
  if (!isConfiguredChat(context)) return;
  const { deps, chat, job, correlation } = context;
  const isSummed = deps.settings.progress ? await needsSummary(context) : false;
  const progress = deps.settings.progress ? { [item]: !isSummed, [SUMMARY_SUBJECT]: isSummed } : {};
  const wanted = { ...progress, [WAITING_SUBJECT]: (await readOpenRequests(deps)).length >= LIST_FROM };
  const now = await deps.store.now();
  const jobs: Job[] = [];
  for (const [subject, isWanted] of Object.entries(wanted)) {
    const { value, rev } = await readStatusMessage(context, subject);
    const isShown = value.messageId !== undefined;
    const at = isShown ? value.at + EDIT_INTERVAL : now + FIRST_DELAY;
    if (isWanted || isShown) jobs.push(createStatusJob(chat, subject, rev, at, correlation));
  }
  if (jobs.length === 0) return;
  await deps.store.commit({ jobs });
  for (const { at = now } of jobs) deps.notify({ queue: job.queue, after: Math.max(0, at - now) });
}

/** Reads the record of a status message, with its revision; one that was never sent has revision 0. */
async function readStatusMessage({ deps, chat }: DeliveryContext, subject: string) {
  const [stored] = await deps.store.read<StatusMessageRecord>([statusKey(chat, subject)]);
  return stored ?? { value: NO_MESSAGE, rev: 0 };
}

/** The commit of a changed record. It is kept as long as deliveries; each edit renews it. */
function createUpdate({ chat }: DeliveryContext, subject: string, rev: Revision, value: StatusMessageRecord) {
  const key = statusKey(chat, subject);
  const expect: [StoreKey, Revision][] = [[key, rev]];
  return { expect, put: [{ key, value, expires: DELIVERY_RETENTION }] };
}

/** Brings a status message up to date: it is sent once there is enough to show, and edited from then on. */
export async function updateStatusMessage(context: DeliveryContext, { subject }: StatusBody): Promise<JobResult> {
  const { deps, chat, job } = context;
  // Recorded before the view is rendered: a later change finds another revision, and adds a job of its own.
  await updateValue<StatusMessageRecord>(deps, statusKey(chat, subject), (record = NO_MESSAGE, rev = 0) =>
    record.job === job.id ? undefined : createUpdate(context, subject, rev, { ...record, job: job.id }),
  );
  const { value: shown, rev } = await readStatusMessage(context, subject);
  const view = await renderStatus(context, subject);
  if (!view) return JOB_DONE;
  const priority: SendPriority = subject === WAITING_SUBJECT ? "notification" : "background";
  const update = { subject, view, shown, rev, priority };
  const { messageId } = shown;
  if (messageId !== undefined) return editStatusMessage(context, { ...update, shown: { ...shown, messageId } });
  // A message that is there is edited nevertheless: edits have no sound, and it would go on showing what is over.
  const mutes = view.canStart ? await deps.store.read((view.mutable ?? []).map(muteKey)) : [];
  return view.canStart && mutes.every((mute) => mute === undefined) ? sendStatusMessage(context, update) : JOB_DONE;
}

interface StatusUpdate<Shown = StatusMessageRecord> {
  subject: string;
  view: StatusView;
  shown: Shown;
  rev: Revision;
  priority: SendPriority;
}

/** Sends a new message; the one before it, if there is one, says so. */
async function sendStatusMessage(
  context: DeliveryContext,
  { subject, view, shown, rev, priority }: StatusUpdate,
): Promise<JobResult> {
  const { deps, chat, correlation, job, presentation } = context;
  const { messageId: former, ...rest } = shown;
  const { live, locale: language } = presentation.texts;
  const moved = { rich: toPlainText(live.waitingMoved), language, isOptional: true } as const;
  return sendSeparateMessage(context, {
    // Progress and the list have no sound, but a reminder.
    ...{ priority, rich: view.rich, extras: toSoundExtras(priority === "request" ? "asked" : "progress") },
    ...(view.mutable ? { tasks: [subject], threadOf: subject } : {}),
    async createRecord(sent) {
      const value = { ...rest, ...sent, at: await deps.store.now() };
      const jobs =
        former === undefined ? [] : [createReplacementJob(chat, { messageId: former, ...moved }, job.id, correlation)];
      return { ...createUpdate(context, subject, rev, value), jobs };
    },
  });
}

/** A message that somebody has deleted stays recorded, so that it is not sent again before it has ended. */
async function editStatusMessage(
  context: DeliveryContext,
  { subject, view, shown, rev, priority }: StatusUpdate<StatusMessageRecord & ShownMessage>,
): Promise<JobResult> {
  const result = await updateMessage(context, {
    ...{ shown, rich: view.rich, priority, notBefore: shown.at + EDIT_INTERVAL },
    async createRecord({ viewHash }) {
      const edited = { ...shown, viewHash, at: await context.deps.store.now() };
      const { messageId: _, ...ended } = edited;
      return createUpdate(context, subject, rev, view.isOver ? ended : edited);
    },
  });
  return result ?? JOB_DONE;
}

/**
 * Reminds of all that waits by one message: the list moves to the end of the chat, once within ten minutes. Undefined
 * while only one request waits, whose reminder is a message of its own.
 */
export async function remindByList(context: DeliveryContext): Promise<JobResult | undefined> {
  const view = isConfiguredChat(context) ? await renderWaiting(context) : undefined;
  if (!view?.canStart) return undefined;
  const { value: shown, rev } = await readStatusMessage(context, WAITING_SUBJECT);
  const now = await context.deps.store.now();
  if (shown.remindedAt !== undefined && isRecent(shown.remindedAt, REMINDER_WINDOW, now)) return JOB_DONE;
  const reminded = { ...shown, remindedAt: now };
  return sendStatusMessage(context, { subject: WAITING_SUBJECT, view, rev, shown: reminded, priority: "request" });
}

async function renderWaiting(context: DeliveryContext): Promise<StatusView> {
  const { texts, format } = context.presentation;
  const requests = await readOpenRequests(context.deps);
  if (requests.length === 0) return { rich: toPlainText(`✅ ${texts.live.nothingWaits}`), canStart: false };
  const head = joinRichText(["🙋 ", toBold(format.count(texts.live.waiting, requests.length))]);
  const lines = await renderRequestLines(context, requests.slice(0, LIST_LINES.waiting));
  return { rich: renderList(context, head, lines, requests.length), canStart: requests.length >= LIST_FROM };
}

function renderList({ presentation }: DeliveryContext, head: RichText, lines: readonly RichText[], count: number) {
  return truncateRichText(
    joinRichText([head, ...presentation.format.limit(lines, lines.length, count)], "\n"),
    VIEW_TEXT_LIMIT,
  );
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

/** Renders the tasks at work, the most urgent first; over when so few agents work that each task has a message. */
async function renderSummary(context: DeliveryContext): Promise<StatusView> {
  const { deps, presentation } = context;
  const { texts, format } = presentation;
  const claims = await readClaimsAtWork(deps);
  const found = await Promise.all(claims.map(({ item }) => findOpenTask(deps, item)));
  const tasks = keepDefined(found).sort(compareByUrgency);
  const agents = new Set(claims.map(({ agent }) => agent)).size;
  const head = joinRichText([`${EVENT_EMOJI.started} `, toBold(format.count(texts.live.agentsAtWork, agents))]);
  if (!(await needsSummary(context)))
    return { rich: joinRichText([head, texts.live.summaryEnded], "\n"), canStart: false, isOver: true };
  const lines = await renderTaskLines(context, tasks.slice(0, LIST_LINES.summary));
  return { rich: renderList(context, head, lines, tasks.length), canStart: true };
}

/** Renders the progress of a task. Undefined for an unknown task. */
async function renderProgress(context: DeliveryContext, item: string): Promise<StatusView | undefined> {
  const { deps, presentation } = context;
  const { texts, format } = presentation;
  const { fields } = texts;
  const task = await findStoredTask(deps, item);
  if (!task) return undefined;
  const [[held], card, { spent }, now] = await Promise.all([
    readLiveClaims(deps, [item]),
    readCard(deps, item),
    readTaskTimes(deps, item),
    deps.store.now(),
  ]);
  const { removedAt, review, snapshot } = task.item;
  const claim = removedAt === undefined && !review && isOpen(snapshot.status) ? held : undefined;
  // What was reported on the way says nothing about a task that is closed.
  const { percent, text } = isOpen(snapshot.status) ? (card ?? {}) : {};
  const agent = claim?.agent ?? card?.agent;
  const since = claim && format.since(claim.since, now);
  const agentAndTime = joinRichText([agent === undefined ? undefined : toSafeText(agent, 80), since], ", ");
  const { status } = snapshot;
  const inReview = review === true && isOpen(status);
  const emoji = inReview ? EVENT_EMOJI.review : STATUS_EMOJI[status];
  const isUnattended = !claim && !inReview && (status === "todo" || status === "in_progress");
  const word = inReview ? texts.answers.inReview : texts.statuses[status];
  const state = `${fields.status}${texts.colon}${isUnattended ? `${word}, ${texts.live.unattended}` : word}`;
  const isRemoved = removedAt !== undefined;
  const title = renderTaskTitle(presentation, { ...task, title: snapshot.name });
  const lines = [
    joinRichText([`${isRemoved ? EVENT_EMOJI.removed : emoji} `, toBold(title)]),
    isRemoved ? texts.events.removed.title : state,
    percent === undefined ? undefined : renderProgressBar(presentation, percent),
    format.field(fields.agent, agentAndTime.text === "" ? undefined : agentAndTime),
    format.field(fields.timeSpent, spent >= MINUTE ? format.duration(spent) : undefined),
    text === undefined ? undefined : joinRichText(["💬 ", toSafeText(stripMarkdown(text), 300)]),
  ];
  return {
    rich: joinRichText(lines, "\n"),
    // A task that is only claimed gets no message yet.
    canStart: claim !== undefined && snapshot.status !== "todo" && !(await needsSummary(context)),
    mutable: [item, task.project.id],
  };
}
