import type { Extras } from "./bot.ts";

/** Where a message belongs and what can be pressed under it, in the Bot API's words. */
export function placed({ buttons, replyTo, topic }: Extras) {
  return {
    ...(buttons && {
      reply_markup: {
        inline_keyboard: buttons.map((row) => row.map(({ text, data }) => ({ text, callback_data: data }))),
      },
    }),
    ...(replyTo !== undefined && { reply_parameters: { message_id: replyTo, allow_sending_without_reply: true } }),
    ...(topic !== undefined && { message_thread_id: topic }),
  };
}

/** Telegram's own two-letter codes; "" for everybody else. */
export function inLanguage(language: string): { language_code?: "en" | "fr" } {
  return language === "en" || language === "fr" ? { language_code: language } : {};
}
