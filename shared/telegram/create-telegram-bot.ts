import { Api, GrammyError, HttpError } from "grammy/web";
import { z } from "zod";
import type { Metrics } from "../metrics.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Ms } from "../time.ts";
import { toMenuParams, toMessageParams } from "./api-params.ts";
import { toBotFailure } from "./bot-failure.ts";
import { createCheckedFetch, NoBotApiAnswer } from "./checked-fetch.ts";
import { toPlainText, truncateRichText } from "./rich-text.ts";
import type {
  BotFailure,
  EditOutcome,
  SendOutcome,
  TelegramBot,
  TelegramBotChecks,
  UpdatesOutcome,
} from "./telegram-bot.ts";
import { ALLOWED_UPDATES } from "./updates.ts";

interface TelegramBotOptions {
  token: string;
  /** Without a trailing slash; Telegram's own is `https://api.telegram.org`. */
  apiRoot: string;
  fetch: typeof fetch;
  metrics: Metrics;
  /** Timeout for one call: 30 s by default, as for all calls to other systems. */
  timeout?: Ms;
}

const meSchema = z.object({ id: z.number().int(), username: z.string() });
const messageSchema = z.object({ message_id: z.number().int() });
const updatesSchema = z.array(z.looseObject({ update_id: z.number().int() }));
const webhookSchema = z.object({
  url: z.string(),
  allowed_updates: z.array(z.string()).optional(),
  last_error_message: z.string().optional(),
});
const chatSchema = z.object({ id: z.number().int(), type: z.string(), title: z.string().optional() });
const commandsSchema = z.array(z.object({ command: z.string(), description: z.string() }));

/** Maximum length of a toast, in UTF-16 units (Bot API, answerCallbackQuery). */
const TOAST_LIMIT = 200;

const NOT_MODIFIED = /message is not modified/i;
const MESSAGE_GONE = /message to edit not found|message can't be edited|message_id_invalid/i;

/**
 * Calls the Bot API with grammY's plain client. Without plug-ins, every repetition is the outbox's decision.
 */
export function createTelegramBot(options: TelegramBotOptions): TelegramBot & TelegramBotChecks {
  const { token, metrics, timeout = 30_000 } = options;
  const api = new Api(token, {
    apiRoot: options.apiRoot.replace(/\/+$/, ""),
    fetch: createCheckedFetch(options.fetch),
    timeoutSeconds: timeout / 1000,
  });
  const redactToken = (reason: string) => reason.replaceAll(token, "[token]");

  function toFailure(thrown: unknown, hasTopic: boolean): BotFailure {
    if (thrown instanceof GrammyError) return toBotFailure(thrown, redactToken, hasTopic);
    const cause = thrown instanceof HttpError ? thrown.error : thrown;
    if (cause instanceof NoBotApiAnswer) return { kind: cause.kind, reason: redactToken(cause.message) };
    return { kind: "unknown", reason: `no answer within ${timeout} ms` };
  }

  async function runCall<T extends { kind: string }>(
    method: string,
    run: () => Promise<T>,
    mapFailure: (failed: BotFailure) => T | BotFailure = (failed) => failed,
    hasTopic = false,
  ): Promise<T | BotFailure> {
    const outcome = await run().catch((thrown: unknown) => mapFailure(toFailure(thrown, hasTopic)));
    metrics.count("groundcrew_telegram_calls_total", { method, outcome: outcome.kind });
    return outcome;
  }

  return {
    getMe: () =>
      runCall("getMe", async () => {
        const me = meSchema.safeParse(await api.getMe());
        if (!me.success) return { kind: "unknown", reason: "the answer does not name the bot" };
        return { kind: "me", ...me.data };
      }),
    sendMessage: (chat, { text, entities }, extras = {}) =>
      runCall<SendOutcome>(
        "sendMessage",
        async () => {
          const options = { entities, link_preview_options: { is_disabled: true }, ...toMessageParams(extras) };
          const message = messageSchema.safeParse(await api.sendMessage(chat, text, options));
          if (!message.success) return { kind: "unknown", reason: "the answer has no message id" };
          return { kind: "sent", messageId: message.data.message_id };
        },
        (failed) => failed,
        extras.topic !== undefined,
      ),
    editMessage: (chat, messageId, { text, entities }, extras = {}) =>
      runCall<EditOutcome>(
        "editMessageText",
        async () => {
          const options = { entities, link_preview_options: { is_disabled: true }, ...toMessageParams(extras) };
          await api.editMessageText(chat, messageId, text, options);
          return { kind: "edited" };
        },
        (failed) => {
          if (failed.kind !== "refused") return failed;
          if (NOT_MODIFIED.test(failed.reason)) return { kind: "edited" };
          return MESSAGE_GONE.test(failed.reason) ? { kind: "gone", reason: failed.reason } : failed;
        },
      ),
    answerCallback: (callback, text) =>
      runCall("answerCallbackQuery", async () => {
        await api.answerCallbackQuery(
          callback,
          text === undefined ? {} : { text: truncateRichText(toPlainText(text), TOAST_LIMIT).text },
        );
        return { kind: "done" };
      }),
    getUpdates: (offset, seconds) =>
      runCall<UpdatesOutcome>(
        "getUpdates",
        async () => {
          const request = { offset, timeout: seconds, allowed_updates: [...ALLOWED_UPDATES] };
          const found = updatesSchema.safeParse(await api.getUpdates(request));
          if (!found.success) return { kind: "unknown", reason: "the answer is not a list of updates" };
          return { kind: "updates", updates: found.data };
        },
        (failed) =>
          failed.kind === "refused" && failed.reason.startsWith("409 ")
            ? { kind: "conflict", reason: failed.reason }
            : failed,
      ),
    getChat: (chat) =>
      runCall("getChat", async () => {
        const found = chatSchema.safeParse(await api.getChat(chat));
        if (!found.success) return { kind: "unknown", reason: "the answer does not describe a chat" };
        const { id, type, title = "" } = found.data;
        return { kind: "chat", id, type, title };
      }),
    getWebhook: () =>
      runCall("getWebhookInfo", async () => {
        const info = webhookSchema.safeParse(await api.getWebhookInfo());
        if (!info.success) return { kind: "unknown", reason: "the answer does not describe a webhook" };
        const { url, allowed_updates: allowed = [], last_error_message: lastError } = info.data;
        return {
          kind: "webhook",
          url,
          allowed,
          ...omitUndefined({ lastError: lastError !== undefined ? redactToken(lastError) : undefined }),
        };
      }),
    setWebhook: (url, secret) =>
      runCall(url === "" ? "deleteWebhook" : "setWebhook", async () => {
        if (url === "") await api.deleteWebhook();
        else await api.setWebhook(url, { secret_token: secret, allowed_updates: [...ALLOWED_UPDATES] });
        return { kind: "done" };
      }),
    getCommands: (language, scope = "default") =>
      runCall("getMyCommands", async () => {
        const commands = commandsSchema.safeParse(await api.getMyCommands(toMenuParams(language, scope)));
        if (!commands.success) return { kind: "unknown", reason: "the answer is not a list of commands" };
        return { kind: "commands", commands: commands.data };
      }),
    setCommands: (language, commands, scope = "default") =>
      runCall("setMyCommands", async () => {
        await api.setMyCommands(commands, toMenuParams(language, scope));
        return { kind: "done" };
      }),
  };
}
