/** The message that follows the progress of a running task. */

import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { type ClaimRecord, readLiveClaims } from "../../../shared/records/task-records.ts";
import type { JobResult, Put, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import { isOpen } from "../../../shared/task/snapshot.ts";
import { type CardRecord, readCard } from "../../../shared/tasks/card-record.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import { joinRichText, type RichText, toBold, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import type { Ms } from "../../../shared/time.ts";
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

/** The progress message of a task. There is one, however often the task is claimed. */
interface ProgressMessageRecord {
  messageId: number;
  /** Hash of the view that the message shows. */
  viewHash: string;
  repeat: boolean;
  /** Store time of the last send or edit. */
  at: Ms;
  /** Somebody deleted the message, so it is not sent again. */
  isDeleted?: true;
}

interface ProgressView extends MessageView {
  /** Work has started. A task that is only claimed gets no progress message yet. */
  isStarted: boolean;
  /** Plane's id of the project. */
  project: string;
}

/** Interval for edits of a progress message: 5 s (NOTIF-07). */
const EDIT_INTERVAL: Ms = 5_000;

/** Retention for progress messages: as long as deliveries. Each edit renews it. */
const PROGRESS_RETENTION: Ms = DELIVERY_RETENTION;

/** Number of parts of the progress bar. */
const BAR_PARTS = 10;

/**
 * Shows the progress of a task: sends one message when the work has started and edits it from then on. While no agent
 * works on the task the message does not change any more.
 */
export async function updateProgressMessage(
  context: DeliveryContext,
  item: string,
  correlation: string,
): Promise<JobResult> {
  const { deps, chat } = context;
  if (!deps.settings.progress || !acceptsInputInChat(context)) return JOB_DONE;
  const [stored] = await deps.store.read<ProgressMessageRecord>([progressKey(chat, item)]);
  if (stored?.value.isDeleted) return JOB_DONE;
  const view = await renderProgress(context, item);
  if (!view) return JOB_DONE;
  const mutes = await deps.store.read([muteKey(item), muteKey(view.project)]);
  if (mutes.some((mute) => mute !== undefined)) return JOB_DONE;
  if (stored) return editProgressMessage(context, stored, view, { item, correlation });
  if (view.isClosed || !view.isStarted) return JOB_DONE;
  const { attempt } = await readDeliveryState(context);
  const thread = await readThread(context, item);
  return sendSeparateMessage(context, {
    attempt,
    priority: "background",
    fields: { correlation },
    rich: view.rich,
    extras: { ...thread.extras, ...toSoundExtras("progress") },
    tasks: [item],
    thread,
    async createRecord({ messageId, rich, repeat }) {
      const value = { messageId, viewHash: await hashView({ rich }), repeat, at: await deps.store.now() };
      const key = progressKey(chat, item);
      return { expect: [[key, 0]], put: [createProgressPut(key, value)] };
    },
  });
}

const progressKey = (chat: ChatId, item: string): StoreKey => `progress:${chat}:${item}`;

function createProgressPut(key: StoreKey, value: ProgressMessageRecord): Put {
  return { key, value, expires: PROGRESS_RETENTION };
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
    ...renderDetailLines(presentation, isRunning ? claim : undefined, card, spent, now),
  ];
  return {
    rich: joinRichText(lines, "\n"),
    isClosed: !isRunning,
    isStarted: snapshot.status !== "todo",
    project: task.project.id,
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
  claim: ClaimRecord | undefined,
  card: CardRecord | undefined,
  spent: Ms,
  now: Ms,
): RichText[] {
  const { fields, colon, since } = texts;
  const { percent, text } = card ?? {};
  const agent = claim?.agent ?? card?.agent;
  const agentAndTime = keepDefined([
    agent === undefined ? undefined : toSafeText(agent, 80),
    claim && fillTemplate(since, { when: format.momentInSentence(claim.since, now) }),
  ]);
  return keepDefined([
    percent === undefined ? undefined : toPlainText(`${renderBar(percent)} ${format.percent(percent / 100)}`),
    agentAndTime.length > 0 ? joinRichText([fields.agent, colon, joinRichText(agentAndTime, ", ")]) : undefined,
    spent > 0 ? toPlainText(`${fields.timeSpent}${colon}${format.duration(spent)}`) : undefined,
    text === undefined ? undefined : joinRichText(["💬 ", toSafeText(text, 300)]),
  ]);
}

function renderBar(percent: number): string {
  const fullParts = Math.round((Math.min(100, Math.max(0, percent)) / 100) * BAR_PARTS);
  return "▓".repeat(fullParts) + "░".repeat(BAR_PARTS - fullParts);
}

async function editProgressMessage(
  context: DeliveryContext,
  stored: StoredValue<ProgressMessageRecord>,
  view: ProgressView,
  { item, correlation }: { item: string; correlation: string },
): Promise<JobResult> {
  const { deps, job, chat, presentation } = context;
  const { messageId, repeat, at } = stored.value;
  const rich = repeat ? appendRepeatMark(view.rich, presentation.texts.repeat) : view.rich;
  const viewHash = await hashView({ rich });
  if (viewHash === stored.value.viewHash) return JOB_DONE;
  const untilNextEdit = at + EDIT_INTERVAL - (await deps.store.now());
  if (untilNextEdit > 0) return retryAfter(context, untilNextEdit);
  const record = async (value: ProgressMessageRecord, messagePuts: Put[]): Promise<JobResult> => {
    const key = progressKey(chat, item);
    await commitWithRetry(context, {
      expect: [[key, stored.rev]],
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
      const value = { ...stored.value, viewHash, at: await deps.store.now() };
      return record(value, (await recordEdit(context, messageId, { rich })).put);
    },
    onPermanentFailure: () => record({ ...stored.value, isDeleted: true }, []),
  });
}
