import { Api, GrammyError, HttpError } from "grammy/web";
import { z } from "zod";
import type { Metrics } from "../metrics.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Ms } from "../time.ts";
import { toLanguageParam, toMessageParams } from "./api-params.ts";
import { toBotFailure } from "./bot-failure.ts";
import { createCheckedFetch, NoBotApiAnswer } from "./checked-fetch.ts";
import { type RichText, toPlainText, truncateRichText } from "./rich-text.ts";
import { ALLOWED_UPDATES } from "./updates.ts";

/** A chat's number, or `@name` of a public group or channel. */
export type ChatId = number | string;

/**
 * Why a call did not succeed.
 * - `wait`: too many calls (429); nothing was done; ask again after `ms`.
 * - `refused`: Telegram said no. `lasting`: it would say so again, the message itself is wrong (400). Otherwise a human
 *   must mend something first: the token (401), the chat or the bot's place in it (400, 403), the address (404).
 *   `movedTo`: the group became a supergroup, which has this number.
 * - `not_sent`: nothing was done: the request never reached Telegram, or it answered that it failed.
 * - `unknown`: the request went out and no usable answer came back: it may have been done.
 */
export type BotFailure =
  | { kind: "wait"; ms: Ms }
  | { kind: "refused"; reason: string; lasting: boolean; movedTo?: number }
  | { kind: "not_sent"; reason: string }
  | { kind: "unknown"; reason: string };

export type SendOutcome = { kind: "sent"; messageId: number } | BotFailure;

/** `gone`: there is no such message (any more) that could be edited; what it should say must be sent anew. */
export type EditOutcome = { kind: "edited" } | { kind: "gone"; reason: string } | BotFailure;

export type BotIdentityOutcome = { kind: "me"; id: number; username: string } | BotFailure;

/** A button under a message: what it says and what comes back when it is pressed (at most 64 bytes). */
export interface InlineButton {
  text: string;
  data: string;
}

/** Where a message belongs and what can be pressed under it. */
export interface MessageExtras {
  /** Rows of buttons; an edit without them takes them away. */
  buttons?: InlineButton[][];
  /** The message this one answers, if it is still there. */
  replyTo?: number;
  /** The topic of a forum. */
  topic?: number;
}

/** A raw update, to be looked at before it is trusted; its number is known. */
export interface RawUpdate {
  update_id: number;
}

export type UpdatesOutcome =
  | { kind: "updates"; updates: RawUpdate[] }
  /** Somebody else reads this bot's updates (409): another program, or a webhook. */
  | { kind: "conflict"; reason: string }
  | BotFailure;

export type WebhookOutcome = { kind: "webhook"; url: string; allowed: string[]; lastError?: string } | BotFailure;

/** `title`: as people chose it; "" for a chat with one person. */
type ChatOutcome = { kind: "chat"; id: number; type: string; title: string } | BotFailure;

export interface BotCommand {
  command: string;
  description: string;
}

export type CommandsOutcome = { kind: "commands"; commands: BotCommand[] } | BotFailure;

export type BotCallOutcome = { kind: "done" } | BotFailure;

/** The Bot API calls the product makes. They never throw, never repeat a call, and no reason holds the token. */
export interface TelegramBot {
  getMe(): Promise<BotIdentityOutcome>;
  sendMessage(chat: ChatId, text: RichText, extras?: MessageExtras): Promise<SendOutcome>;
  /** A message that already says so counts as edited. */
  editMessage(
    chat: ChatId,
    messageId: number,
    text: RichText,
    extras?: Pick<MessageExtras, "buttons">,
  ): Promise<EditOutcome>;
  /** Ends the waiting of whoever pressed a button; `text` is shown to them for a moment. */
  answerCallback(callback: string, text?: string): Promise<BotCallOutcome>;
  /** Updates from `offset` on; waits up to `seconds` for the first. */
  getUpdates(offset: number, seconds: number): Promise<UpdatesOutcome>;
  getWebhook(): Promise<WebhookOutcome>;
  /** `url` "" takes the webhook away. Updates that wait are kept. */
  setWebhook(url: string, secret: string): Promise<BotCallOutcome>;
  getCommands(language: string): Promise<CommandsOutcome>;
  /** `language` "" is for everybody without a list of their own. */
  setCommands(language: string, commands: readonly BotCommand[]): Promise<BotCallOutcome>;
}

/** What is asked about a set-up, and not while it runs. */
export interface TelegramBotChecks {
  /** Whether the bot sees the chat; it may still not be let write there. */
  getChat(chat: ChatId): Promise<ChatOutcome>;
}

interface TelegramBotOptions {
  token: string;
  /** Without a slash at the end; `https://api.telegram.org` is Telegram's own. */
  apiRoot: string;
  fetch: typeof fetch;
  metrics: Metrics;
  /** How long one call may take. 30 s: as long as any call to another system of ours. */
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

/** What is shown for a moment, in UTF-16 units (Bot API, answerCallbackQuery). */
const TOAST_LIMIT = 200;

const NOT_MODIFIED = /message is not modified/i;
const MESSAGE_GONE = /message to edit not found|message can't be edited|message_id_invalid/i;

/** The Bot API through grammY's plain client: no plug-ins, so nothing is repeated behind the outbox's back. */
export function createTelegramBot(options: TelegramBotOptions): TelegramBot & TelegramBotChecks {
  const { token, metrics, timeout = 30_000 } = options;
  const api = new Api(token, {
    apiRoot: options.apiRoot.replace(/\/+$/, ""),
    fetch: createCheckedFetch(options.fetch),
    timeoutSeconds: timeout / 1000,
  });
  const redactToken = (reason: string) => reason.replaceAll(token, "[token]");

  function failure(thrown: unknown, topic: boolean): BotFailure {
    if (thrown instanceof GrammyError) return toBotFailure(thrown, redactToken, topic);
    const cause = thrown instanceof HttpError ? thrown.error : thrown;
    if (cause instanceof NoBotApiAnswer) return { kind: cause.kind, reason: redactToken(cause.message) };
    return { kind: "unknown", reason: `no answer within ${timeout} ms` };
  }

  async function runCall<T extends { kind: string }>(
    method: string,
    run: () => Promise<T>,
    mapFailure: (failed: BotFailure) => T | BotFailure = (failed) => failed,
    topic = false,
  ): Promise<T | BotFailure> {
    const outcome = await run().catch((thrown: unknown) => mapFailure(failure(thrown, topic)));
    metrics.count("groundcrew_telegram_calls_total", { method, outcome: outcome.kind });
    return outcome;
  }

  return {
    getMe: () =>
      runCall("getMe", async () => {
        const me = meSchema.safeParse(await api.getMe());
        if (!me.success) return { kind: "unknown", reason: "the answer names no bot" };
        return { kind: "me", ...me.data };
      }),
    sendMessage: (chat, { text, entities }, extras = {}) =>
      runCall<SendOutcome>(
        "sendMessage",
        async () => {
          const options = { entities, link_preview_options: { is_disabled: true }, ...toMessageParams(extras) };
          const message = messageSchema.safeParse(await api.sendMessage(chat, text, options));
          if (!message.success) return { kind: "unknown", reason: "the answer names no message" };
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
          if (!found.success) return { kind: "unknown", reason: "the answer holds no updates" };
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
        if (!found.success) return { kind: "unknown", reason: "the answer is no chat's" };
        const { id, type, title = "" } = found.data;
        return { kind: "chat", id, type, title };
      }),
    getWebhook: () =>
      runCall("getWebhookInfo", async () => {
        const info = webhookSchema.safeParse(await api.getWebhookInfo());
        if (!info.success) return { kind: "unknown", reason: "the answer is no webhook's" };
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
    getCommands: (language) =>
      runCall("getMyCommands", async () => {
        const commands = commandsSchema.safeParse(await api.getMyCommands(toLanguageParam(language)));
        if (!commands.success) return { kind: "unknown", reason: "the answer lists no commands" };
        return { kind: "commands", commands: commands.data };
      }),
    setCommands: (language, commands) =>
      runCall("setMyCommands", async () => {
        await api.setMyCommands(commands, toLanguageParam(language));
        return { kind: "done" };
      }),
  };
}
