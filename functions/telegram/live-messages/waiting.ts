/**
 * The list of what waits for a person: one message that says how many requests are open and links to them. It is edited
 * as they come and go; a reminder moves it to the end of the chat, with a sound, so that many reminders are one message.
 */

import { readOpenRequests } from "../../../shared/requests/requests.ts";
import type { JobResult } from "../../../shared/store/port.ts";
import { toSoundExtras } from "../../../shared/telegram/chat-settings.ts";
import { joinRichText, toBold, toPlainText, truncateRichText } from "../../../shared/telegram/rich-text.ts";
import { isRecent, MINUTE, type Ms } from "../../../shared/time.ts";
import { renderRequestLines } from "../commands/task-lists.ts";
import { type DeliveryContext, JOB_DONE } from "../delivery/context.ts";
import { isConfiguredChat } from "./live-message.ts";
import {
  queueStatusMessages,
  readStatusMessage,
  STATUS_TEXT_LIMIT,
  type StatusSource,
  type StatusView,
  sendStatusMessage,
} from "./status-messages.ts";

/** The subject of the list: no task has this id. */
export const WAITING_SUBJECT = "waiting";

/** A single request is a message of its own that says all. */
const LIST_FROM = 2;

/** Limit of the lines of the list: 30, the most urgent. */
const LIST_LINES = 30;

/** Time for which a reminder covers those that follow: 10 minutes. */
const REMINDER_WINDOW: Ms = 10 * MINUTE;

export const WAITING_SOURCE: StatusSource = {
  priority: "notification",
  endsWhenClosed: false,
  isTask: false,
  render: renderWaiting,
  renderFormer: ({ presentation }) => toPlainText(presentation.texts.live.waitingMoved),
};

/** Queues that the list is brought up to date, after something about a request has changed. */
export async function queueWaiting(context: DeliveryContext, correlation: string): Promise<void> {
  if (!isConfiguredChat(context)) return;
  const [requests, { value }] = await Promise.all([
    readOpenRequests(context.deps),
    readStatusMessage(context, WAITING_SUBJECT),
  ]);
  if (requests.length >= LIST_FROM || value.messageId !== undefined)
    await queueStatusMessages(context, [WAITING_SUBJECT], correlation);
}

/**
 * Reminds of all that waits by one message: the list moves to the end of the chat, once within ten minutes. Undefined
 * while only one request waits, whose reminder is a message of its own.
 */
export async function remindByList(context: DeliveryContext, correlation: string): Promise<JobResult | undefined> {
  const view = isConfiguredChat(context) ? await renderWaiting(context) : undefined;
  if (!view?.canStart) return undefined;
  const { value: shown, rev } = await readStatusMessage(context, WAITING_SUBJECT);
  const now = await context.deps.store.now();
  if (shown.remindedAt !== undefined && isRecent(shown.remindedAt, REMINDER_WINDOW, now)) {
    await queueStatusMessages(context, [WAITING_SUBJECT], correlation);
    return JOB_DONE;
  }
  const update = { source: WAITING_SOURCE, subject: WAITING_SUBJECT, view, rev, correlation };
  const reminded = { ...shown, remindedAt: now };
  return sendStatusMessage(context, { ...update, shown: reminded, priority: "request" }, toSoundExtras("asked"));
}

async function renderWaiting(context: DeliveryContext): Promise<StatusView> {
  const { texts, format } = context.presentation;
  const requests = await readOpenRequests(context.deps);
  if (requests.length === 0)
    return { rich: toPlainText(`✅ ${texts.live.nothingWaits}`), isClosed: false, canStart: false };
  const head = joinRichText(["🙋 ", toBold(format.count(texts.live.waiting, requests.length))]);
  const lines = await renderRequestLines(context, requests.slice(0, LIST_LINES));
  const rest = requests.length - lines.length;
  const more = rest > 0 ? [toPlainText(format.count(texts.more, rest))] : [];
  const rich = truncateRichText(joinRichText([head, ...lines, ...more], "\n"), STATUS_TEXT_LIMIT);
  return { rich, isClosed: false, canStart: requests.length >= LIST_FROM };
}
