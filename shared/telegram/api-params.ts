import { omitUndefined } from "../omit-undefined.ts";
import type { MessageExtras } from "./telegram-bot.ts";

/** Converts a message's reply target, topic and buttons to parameters of the Bot API. */
export function toMessageParams({ buttons, replyTo, topic }: MessageExtras) {
  return omitUndefined({
    reply_markup: buttons
      ? {
          inline_keyboard: buttons.map((row) => row.map(({ text, data }) => ({ text, callback_data: data }))),
        }
      : undefined,
    reply_parameters: replyTo !== undefined ? { message_id: replyTo, allow_sending_without_reply: true } : undefined,
    message_thread_id: topic,
  });
}

/** Converts a two-letter language code; "" stands for all other languages and is omitted. */
export function toLanguageParam(language: string): { language_code?: "en" | "fr" } {
  return language === "en" || language === "fr" ? { language_code: language } : {};
}
