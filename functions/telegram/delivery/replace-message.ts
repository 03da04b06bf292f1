import type { ReplaceMessageBody } from "../../../shared/jobs/outbox-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Settlement } from "../../../shared/store/job-operations.ts";
import {
  appendMessageHistory,
  type ChatMessage,
  createChatMessagePut,
  type SentMessageRef,
  sentMessageKey,
} from "../../../shared/telegram/message-log.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import type { InlineButton } from "../../../shared/telegram/telegram-bot.ts";
import type { Ms } from "../../../shared/time.ts";
import { commitWithRetry, type DeliveryContext, SETTLED } from "./context.ts";
import { createDeliveryPut, jobDeliveryKey, type SendAttempt, sendAttemptKey } from "./delivery-records.ts";
import { editMessage } from "./edit-message.ts";
import { sendPreparedMessage } from "./send-prepared-message.ts";

/** Replaces the text of a message. If the message cannot be edited, the text is sent as a new message. */
export async function replaceMessage(context: DeliveryContext, body: ReplaceMessageBody): Promise<Settlement> {
  const { deps, job } = context;
  const { messageId, rich, buttons, topic, language } = body.show;
  const [delivered] = await deps.store.read([jobDeliveryKey(job)]);
  if (delivered) return SETTLED;
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  if (attempt?.value.anew) {
    const message = { rich, language, ...omitUndefined({ buttons, topic }) };
    const { chat, correlation } = body;
    return sendPreparedMessage(context, { type: "reply", chat, answer: message, correlation });
  }
  return editMessage(context, {
    attempt,
    messageId,
    rich,
    buttons,
    priority: "reply",
    fields: { correlation: body.correlation },
    onEdited: () => recordReplacement(context, body),
  });
}

/** Records that the job is done, and the message as people see it now. */
async function recordReplacement(
  context: DeliveryContext,
  { show: { messageId, rich, buttons } }: ReplaceMessageBody,
): Promise<Settlement> {
  const { deps, job, chat } = context;
  const [sentRecord] = await deps.store.read<SentMessageRef>([sentMessageKey(chat, messageId)]);
  const record = sentRecord?.value.record ?? sentMessageKey(chat, messageId);
  const [stored] = await deps.store.read<ChatMessage>([record]);
  const put = [
    createDeliveryPut(job, { in: messageId, record, notice: 1 }),
    { key: sendAttemptKey(job), value: undefined },
  ];
  const updated = sentRecord && stored && updateChatMessage(stored.value, rich, buttons, deps.clock());
  await commitWithRetry(context, {
    expect: [[jobDeliveryKey(job), 0]],
    put: updated ? [...put, createChatMessagePut(record, updated)] : put,
  });
  return SETTLED;
}

function updateChatMessage(
  { buttons: _, ...before }: ChatMessage,
  rich: RichText,
  buttons: InlineButton[][] | undefined,
  at: Ms,
): ChatMessage {
  const [notificationCount = 1] = before.shown.at(-1) ?? [];
  return {
    ...before,
    ...rich,
    ...omitUndefined({ buttons }),
    shown: appendMessageHistory(before.shown, notificationCount, at),
  };
}
