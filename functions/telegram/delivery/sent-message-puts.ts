import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Put } from "../../../shared/store/port.ts";
import {
  chatMessageKey,
  createChatMessagePut,
  type SentMessageRef,
  sentMessageKey,
} from "../../../shared/telegram/message-log.ts";
import { createMessageTasksPuts } from "../../../shared/telegram/message-tasks.ts";
import type { InlineButton } from "../../../shared/telegram/telegram-bot.ts";
import type { Ms } from "../../../shared/time.ts";
import type { DeliveryContext } from "./context.ts";
import { createDeliveryPut, DELIVERY_RETENTION, sendAttemptKey } from "./delivery-records.ts";
import type { SentMessage } from "./send-message.ts";

/**
 * Records a separate message that was just sent: its text for the page, its number and tasks for replies and edits, and
 * the end of the job's attempt.
 * @param at store time that is part of the message's key and determines its place in the list
 */
export function createSentMessagePuts(
  { deps, job, chat }: DeliveryContext,
  { rich, messageId, repeat }: SentMessage,
  at: Ms,
  { buttons, tasks = [] }: { buttons?: InlineButton[][] | undefined; tasks?: readonly string[] | undefined } = {},
): Put[] {
  const record = chatMessageKey(chat, messageId, at);
  const shown: [number, Ms][] = [[1, deps.clock()]];
  return [
    { key: sentMessageKey(chat, messageId), value: { record } satisfies SentMessageRef, expires: DELIVERY_RETENTION },
    createChatMessagePut(record, {
      ...rich,
      ...omitUndefined({ buttons }),
      chat: String(chat),
      messageId,
      at,
      repeat,
      shown,
    }),
    ...createMessageTasksPuts(chat, messageId, tasks),
    { key: sendAttemptKey(job), value: undefined },
  ];
}

/** Records that the job is done: its message is in the chat and must not be sent again. */
export function createSentDeliveryPut({ job, chat }: DeliveryContext, messageId: number, at: Ms): Put {
  return createDeliveryPut(job, { in: messageId, record: chatMessageKey(chat, messageId, at), notice: 1 });
}
