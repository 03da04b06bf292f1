/**
 * Status messages: messages that are edited in place for as long as what they show changes: the progress of a task, the
 * summary of all tasks at work, and the list of what waits for a person. Each has one record and one or two jobs.
 */

import { createStatusJob, type StatusBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Job, JobResult, Put, Revision, StoreKey } from "../../../shared/store/port.ts";
import { updateValue } from "../../../shared/store/records.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import { MESSAGE_LIMIT, type RichText } from "../../../shared/telegram/rich-text.ts";
import type { Ms } from "../../../shared/time.ts";
import {
  DELIVERY_RETENTION,
  type DeliveryContext,
  JOB_DONE,
  muteKey,
  readDeliveryState,
  retryAfter,
} from "../delivery/context.ts";
import {
  hashView,
  markRepeat,
  readThread,
  type ShownMessage,
  sendSeparateMessage,
  updateMessage,
} from "../delivery/messages.ts";
import type { SendPriority } from "../delivery/rate-limits.ts";

/** The record of a status message, of which there is one for each chat and subject. */
export interface StatusMessageRecord extends Omit<ShownMessage, "messageId"> {
  /** Absent before the first send, and after the message has ended: the next one is a new message. */
  messageId?: number;
  /** Store time of the last send or edit. */
  at: Ms;
  /** Id of the job that has begun to bring the message up to date. */
  job?: string;
  /** Somebody deleted the message, so it is not sent again. */
  isDeleted?: true;
  /** The message that this one has replaced and that still looks current. */
  former?: number;
  /** Store time of the last reminder that was sent as a new message. */
  remindedAt?: Ms;
}

/** What a status message should show. */
export interface StatusView {
  rich: RichText;
  /** Nothing changes any more. */
  isClosed: boolean;
  /** There is enough to show for a first message. */
  canStart: boolean;
  /** Plane's ids of what can be muted, so that no message is sent: the task and its project. */
  mutable?: readonly string[];
}

/** A kind of status message. */
export interface StatusSource {
  priority: SendPriority;
  /** A closed message has ended, also one that somebody deleted: what comes later is a new message. */
  endsWhenClosed: boolean;
  /** Whether the subject is a task, whose thread the message belongs to. */
  isTask: boolean;
  /** Undefined when there is nothing to show. */
  render(context: DeliveryContext, subject: string): Promise<StatusView | undefined>;
  /** What a message shows once another one has replaced it. */
  renderFormer?(context: DeliveryContext): RichText;
}

/** Interval for edits of a status message: 5 s (NOTIF-07). */
const EDIT_INTERVAL: Ms = 5_000;

/** Delay of a first message: 2 s, so that many agents that start together get one summary. */
const FIRST_DELAY: Ms = 2_000;

/** Retention for status messages: as long as deliveries. Each edit renews it. */
const STATUS_RETENTION: Ms = DELIVERY_RETENTION;

/** Limit of the text, which leaves space for the mark of a possible repeat. */
export const STATUS_TEXT_LIMIT = MESSAGE_LIMIT - 100;

const NO_MESSAGE: StatusMessageRecord = { viewHash: "", repeat: false, at: 0 };

const statusKey = (chat: ChatId, subject: string): StoreKey => `status-message:${chat}:${subject}`;

/** Reads the record of a status message, with its revision; one that was never sent has revision 0. */
export async function readStatusMessage(
  { deps, chat }: DeliveryContext,
  subject: string,
): Promise<{ value: StatusMessageRecord; rev: Revision }> {
  const [stored] = await deps.store.read<StatusMessageRecord>([statusKey(chat, subject)]);
  return stored ?? { value: NO_MESSAGE, rev: 0 };
}

export function createStatusPut(chat: ChatId, subject: string, value: StatusMessageRecord): Put {
  return { key: statusKey(chat, subject), value, expires: STATUS_RETENTION };
}

/**
 * Queues that status messages are brought up to date. A job that has not begun covers this change, too, so that however
 * many changes there are, each message has one or two jobs.
 */
export async function queueStatusMessages(
  context: DeliveryContext,
  subjects: readonly string[],
  correlation: string,
): Promise<void> {
  const { deps, chat, job } = context;
  if (subjects.length === 0) return;
  const now = await deps.store.now();
  const jobs: Job[] = [];
  for (const subject of subjects) {
    const { value, rev } = await readStatusMessage(context, subject);
    const at = value.messageId === undefined ? now + FIRST_DELAY : value.at + EDIT_INTERVAL;
    jobs.push(createStatusJob(chat, subject, rev, at, correlation));
  }
  await deps.store.commit({ jobs });
  for (const { at = now } of jobs) deps.notify({ queue: job.queue, after: Math.max(0, at - now) });
}

/** Brings a status message up to date: it is sent once there is enough to show, and edited from then on. */
export async function updateStatusMessage(
  context: DeliveryContext,
  { subject, correlation }: StatusBody,
  source: StatusSource,
): Promise<JobResult> {
  const { deps, chat, job } = context;
  // Recorded before the view is rendered: a later change finds another revision, and adds a job of its own.
  await updateValue<StatusMessageRecord>(deps, statusKey(chat, subject), (record = NO_MESSAGE) =>
    record.job === job.id ? undefined : { put: [createStatusPut(chat, subject, { ...record, job: job.id })] },
  );
  const { value: shown, rev } = await readStatusMessage(context, subject);
  const view = await source.render(context, subject);
  if (shown.isDeleted && view?.isClosed && source.endsWhenClosed)
    await deps.store.commit(createUpdate(context, subject, rev, NO_MESSAGE));
  if (shown.isDeleted || !view) return JOB_DONE;
  const update = { source, subject, view, shown, rev, correlation };
  if (shown.former !== undefined && source.renderFormer)
    return editFormerMessage(context, update, shown.former, source.renderFormer(context));
  if (shown.messageId !== undefined) return editStatusMessage(context, update, shown.messageId);
  if (view.isClosed || !view.canStart) return JOB_DONE;
  // A message that is there is edited nevertheless: edits have no sound, and it would go on showing what is over.
  const mutes = await deps.store.read((view.mutable ?? []).map(muteKey));
  return mutes.some((mute) => mute !== undefined)
    ? JOB_DONE
    : sendStatusMessage(context, update, toSoundExtras("progress"));
}

interface StatusUpdate {
  source: StatusSource;
  subject: string;
  view: StatusView;
  shown: StatusMessageRecord;
  rev: Revision;
  correlation: string;
  /** Of a send; by default that of the source. */
  priority?: SendPriority;
}

/** Sends a new message, which replaces the one before, if there is one. */
export async function sendStatusMessage(
  context: DeliveryContext,
  { source, subject, view, shown, rev, correlation, priority = source.priority }: StatusUpdate,
  sound: ReturnType<typeof toSoundExtras>,
): Promise<JobResult> {
  const { deps, chat } = context;
  const { attempt } = await readDeliveryState(context);
  const tasks = source.isTask ? [subject] : [];
  const thread = await readThread(context, tasks[0]);
  const { messageId: former, isDeleted: _, ...rest } = shown;
  return sendSeparateMessage(context, {
    attempt,
    priority,
    fields: { correlation },
    rich: view.rich,
    extras: { ...thread.extras, ...sound },
    tasks,
    thread,
    async createRecord(sent) {
      const at = await deps.store.now();
      const value = { ...rest, ...sent, at, ...omitUndefined({ former }) };
      const next = createStatusJob(chat, subject, `sent.${sent.messageId}`, at + EDIT_INTERVAL, correlation);
      return { ...createUpdate(context, subject, rev, value), jobs: former === undefined ? [] : [next] };
    },
  });
}

async function editStatusMessage(
  context: DeliveryContext,
  { source, subject, view, shown, rev, correlation }: StatusUpdate,
  messageId: number,
): Promise<JobResult> {
  const { deps } = context;
  const { rich } = view;
  const viewHash = await hashView({ rich: markRepeat(context, rich, shown.repeat) });
  const untilNextEdit = shown.at + EDIT_INTERVAL - (await deps.store.now());
  if (viewHash !== shown.viewHash && untilNextEdit > 0) return retryAfter(context, untilNextEdit);
  const isEnded = source.endsWhenClosed && view.isClosed;
  const result = await updateMessage(context, {
    shown: { ...shown, messageId },
    rich,
    priority: source.priority,
    fields: { correlation },
    successLog: { level: "debug", message: "telegram status edited" },
    async createRecord({ isGone }) {
      const { messageId: _, ...ended } = { ...shown, viewHash, at: await deps.store.now() };
      const edited = isEnded ? ended : { ...ended, messageId };
      const gone = isEnded ? NO_MESSAGE : { ...shown, isDeleted: true as const };
      return createUpdate(context, subject, rev, isGone ? gone : edited);
    },
  });
  return result ?? JOB_DONE;
}

/** Says in a message that another one has replaced it, then continues with that one. */
async function editFormerMessage(
  context: DeliveryContext,
  { source, subject, shown, rev, correlation }: StatusUpdate,
  messageId: number,
  rich: RichText,
): Promise<JobResult> {
  const { former: _, ...current } = shown;
  const result = await updateMessage(context, {
    shown: { messageId, viewHash: "", repeat: false },
    rich,
    priority: source.priority,
    fields: { correlation },
    createRecord: async () => createUpdate(context, subject, rev, current),
  });
  return result === JOB_DONE ? retryAfter(context, 0) : (result ?? JOB_DONE);
}

function createUpdate({ chat }: DeliveryContext, subject: string, rev: Revision, value: StatusMessageRecord) {
  const expect: [StoreKey, Revision][] = [[statusKey(chat, subject), rev]];
  return { expect, put: [createStatusPut(chat, subject, value)] };
}
