import { omitUndefined } from "../omit-undefined.ts";
import type { MessageExtras } from "./bot.ts";

/** Where a message belongs and what can be pressed under it, in the Bot API's words. */
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

/** Telegram's own two-letter codes; "" for everybody else. */
export function toLanguageParam(language: string): { language_code?: "en" | "fr" } {
  return language === "en" || language === "fr" ? { language_code: language } : {};
}
