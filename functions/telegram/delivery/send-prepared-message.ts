import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import type { PreparedMessageBody } from "../../../shared/jobs/outbox-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Settlement } from "../../../shared/store/job-operations.ts";
import {
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  toPlainText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import type { Ms } from "../../../shared/time.ts";
import { commitWithRetry, type DeliveryContext, SETTLED } from "./context.ts";
import { jobDeliveryKey, type SendAttempt, sendAttemptKey } from "./delivery-records.ts";
import { type SentMessage, sendMessage } from "./send-message.ts";
import { createSentDeliveryPut, createSentMessagePuts } from "./sent-message-puts.ts";

/** Sends a prepared message. Only a send whose answer was lost is repeated, and the repeat is marked. */
export async function sendPreparedMessage(context: DeliveryContext, body: PreparedMessageBody): Promise<Settlement> {
  const { store } = context.deps;
  const { answer: message, correlation } = body;
  const [delivered] = await store.read([jobDeliveryKey(context.job)]);
  if (delivered) return SETTLED;
  const [attempt] = await store.read<SendAttempt>([sendAttemptKey(context.job)]);
  // The clock is read before the call: a failure between the call and its record would make the message a repeat.
  const at = await store.now();
  const { buttons, replyTo, topic, silent } = message;
  const extras = omitUndefined({ buttons, replyTo, silent });
  return sendMessage(context, {
    attempt,
    priority: body.type === "reply" ? "reply" : "notification",
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
  { answer: { buttons, tasks } }: PreparedMessageBody,
  sentMessage: SentMessage,
  at: Ms,
): Promise<Settlement> {
  await commitWithRetry(context, {
    expect: [[jobDeliveryKey(context.job), 0]],
    put: [
      createSentDeliveryPut(context, sentMessage.messageId, at),
      ...createSentMessagePuts(context, sentMessage, at, { buttons, tasks }),
    ],
  });
  return SETTLED;
}

/** Adds the mark of a message that may be in the chat twice. */
export function appendRepeatMark(rich: RichText, repeat: string): RichText {
  const mark = `\n${repeat}`;
  return joinRichText([truncateRichText(rich, MESSAGE_LIMIT - mark.length), toPlainText(mark)]);
}
