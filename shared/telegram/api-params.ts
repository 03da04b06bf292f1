import { omitUndefined } from "../omit-undefined.ts";
import type { CommandScope, MessageExtras } from "./telegram-bot.ts";

/** Converts a message's reply target, topic, buttons and sound to parameters of the Bot API. */
export function toMessageParams({ buttons, replyTo, topic, silent }: MessageExtras) {
  return omitUndefined({
    reply_markup: buttons
      ? {
          inline_keyboard: buttons.map((row) => row.map(({ text, data }) => ({ text, callback_data: data }))),
        }
      : undefined,
    reply_parameters: replyTo !== undefined ? { message_id: replyTo, allow_sending_without_reply: true } : undefined,
    message_thread_id: topic,
    disable_notification: silent,
  });
}

/** Converts the chats and the two-letter language code of a menu; "" stands for all other languages and is omitted. */
export function toMenuParams(
  language: string,
  scope: CommandScope,
): { language_code?: "en" | "fr"; scope?: { type: "all_private_chats" } } {
  return {
    ...(language === "en" || language === "fr" ? { language_code: language } : {}),
    ...(scope === "default" ? {} : { scope: { type: scope } }),
  };
}
