import { getTexts } from "../../../shared/i18n/texts.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Ms, Settlement } from "../../../shared/store/port.ts";
import {
  chatMessageKey,
  createChatMessagePut,
  type SentMessageRef,
  sentMessageKey,
  type TelegramDelivery,
} from "../../../shared/telegram/message-log.ts";
import {
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  toPlainText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { commitWithRetry, type DeliveryContext, SETTLED } from "./context.ts";
import { DELIVERY_RETENTION, jobDeliveryKey, type SendAttempt, sendAttemptKey } from "./delivery-records.ts";
import type { PreparedMessageBody } from "./job-bodies.ts";
import { type SentMessage, sendMessage } from "./send-message.ts";

/** Says something to people, once: only a sending whose answer never came is repeated, and the repeat says so. */
export async function sendPreparedMessage(context: DeliveryContext, body: PreparedMessageBody): Promise<Settlement> {
  const { store } = context.deps;
  const { answer: message, correlation } = body;
  const [delivered] = await store.read([jobDeliveryKey(context.job)]);
  if (delivered) return SETTLED;
  const [attempt] = await store.read<SendAttempt>([sendAttemptKey(context.job)]);
  // Read before the call: an end between the call and its record doubles the message.
  const at = await store.now();
  const { buttons, replyTo, topic } = message;
  const extras = omitUndefined({ buttons, replyTo });
  return sendMessage(context, {
    attempt,
    fields: { correlation },
    compose: (repeat) => ({
      rich: repeat ? appendRepeatMark(message.rich, getTexts(message.language).telegram.repeat) : message.rich,
      extras: { ...extras, ...omitUndefined({ topic }) },
    }),
    onSent: (sentMessage) => recordPreparedMessage(context, body, sentMessage, at),
  });
}

async function recordPreparedMessage(
  context: DeliveryContext,
  { answer: { buttons } }: PreparedMessageBody,
  sentMessage: SentMessage,
  at: Ms,
): Promise<Settlement> {
  const { deps, job, chat } = context;
  const { rich, messageId, repeat } = sentMessage;
  const record = chatMessageKey(chat, messageId, at);
  const chatMessage = { ...rich, chat: String(chat), messageId, at, repeat };
  await commitWithRetry(context, {
    expect: [[jobDeliveryKey(job), 0]],
    put: [
      {
        key: jobDeliveryKey(job),
        value: { in: messageId, record, notice: 1 } satisfies TelegramDelivery,
        expires: DELIVERY_RETENTION,
      },
      { key: sentMessageKey(chat, messageId), value: { record } satisfies SentMessageRef, expires: DELIVERY_RETENTION },
      createChatMessagePut(record, { ...chatMessage, shown: [[1, deps.clock()]], ...omitUndefined({ buttons }) }),
      { key: sendAttemptKey(job), value: undefined },
    ],
  });
  return SETTLED;
}

/** With the mark of a message that may be there twice. */
export function appendRepeatMark(rich: RichText, repeat: string): RichText {
  const mark = `\n${repeat}`;
  return joinRichText([truncateRichText(rich, MESSAGE_LIMIT - mark.length), toPlainText(mark)]);
}
