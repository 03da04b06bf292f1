/**
 * The Bot API: the bot that handlers receive, and its implementation. Every call ends in an outcome instead of an
 * error, which says whether it may be repeated, must wait, or cannot succeed.
 */

import type { ApiMethods } from "grammy/types";
import { z } from "zod";
import type { Metrics } from "../metrics.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { MAX_PAUSE_MS } from "../store/records.ts";
import { tryParseJson } from "../text.ts";
import { type Ms, SECOND } from "../time.ts";
import { type RichText, toPlainText, truncateRichText } from "./rich-text.ts";
import { ALLOWED_UPDATES } from "./updates.ts";

/** A chat's id, or `@name` of a public group or channel. */
export type ChatId = number | string;

/**
 * Why a call failed.
 * - `wait`: too many calls (429). Nothing was done; retry after `ms`.
 * - `refused`: Telegram rejected the call. `lasting`: it would reject it again, because the message is invalid (400).
 *   Otherwise a human must fix something first: the token (401), the chat or the bot's rights in it (400, 403), the API
 *   address (404). `movedTo`: the group became a supergroup with this id.
 * - `not_sent`: nothing was done: the request never reached Telegram, or Telegram answered that it failed.
 * - `unknown`: the request was sent without a usable answer, so it may have taken effect.
 */
export type BotFailure =
  | { kind: "wait"; ms: Ms }
  | { kind: "refused"; reason: string; lasting: boolean; movedTo?: number }
  | { kind: "not_sent"; reason: string }
  | { kind: "unknown"; reason: string };

export type SendOutcome = { kind: "sent"; messageId: number } | BotFailure;

/** `gone`: the message does not exist any more or cannot be edited; its text must be sent as a new message. */
export type EditOutcome = { kind: "edited" } | { kind: "gone"; reason: string } | BotFailure;

/** A button under a message. `data` is returned when it is pressed and has at most 64 bytes. */
export interface InlineButton {
  text: string;
  data: string;
}

/** A message's reply target, topic, buttons and sound. */
export interface MessageExtras {
  /** Rows of buttons; an edit without them removes the existing ones. */
  buttons?: InlineButton[][];
  /** The message this one replies to, if it still exists. */
  replyTo?: number;
  /** The topic of a forum. */
  topic?: number;
  /** The message arrives without a sound. */
  silent?: true;
  /** Telegram lets nobody forward or save the message. */
  isProtected?: true;
}

/** Telegram's language codes for which a menu is set; "" is for all other languages. */
export type MenuLanguage = "" | "en" | "fr";

/** The chats that a command menu is for: private ones, or all that have no menu of their own. */
export type CommandScope = "default" | "all_private_chats";

/** The Bot API calls of the product. They never throw and never repeat a call, and no reason contains the token. */
export type TelegramBot = Omit<ReturnType<typeof createTelegramBot>, keyof TelegramBotChecks>;

/** Calls for checking a configuration; the running product does not make them. */
export type TelegramBotChecks = Pick<ReturnType<typeof createTelegramBot>, "getChat">;

interface TelegramBotOptions {
  token: string;
  /** Without a trailing slash; Telegram's own is `https://api.telegram.org`. */
  apiRoot: string;
  fetch: typeof fetch;
  metrics: Metrics;
  /** Timeout for one call: 30 s by default, as for all calls to other systems. */
  timeout?: Ms;
}

const meSchema = z.object({ id: z.int(), username: z.string() }).transform((me) => ({ kind: "me" as const, ...me }));

const sentSchema = z
  .object({ message_id: z.int() })
  .transform(({ message_id: messageId }) => ({ kind: "sent" as const, messageId }));

const editedSchema = z.unknown().transform(() => ({ kind: "edited" as const }));

const doneSchema = z.unknown().transform(() => ({ kind: "done" as const }));

const updatesSchema = z
  .array(z.looseObject({ update_id: z.int() }))
  .transform((updates) => ({ kind: "updates" as const, updates }));

const chatSchema = z
  .object({ id: z.int(), type: z.string(), title: z.string().default("") })
  .transform((chat) => ({ kind: "chat" as const, ...chat }));

const webhookSchema = z
  .object({
    url: z.string(),
    allowed_updates: z.array(z.string()).default([]),
    last_error_message: z.string().optional(),
  })
  .transform(({ url, allowed_updates: allowed, last_error_message: lastError }) => {
    return { kind: "webhook" as const, url, allowed, ...omitUndefined({ lastError }) };
  });

const commandSchema = z.object({ command: z.string(), description: z.string() });

const commandsSchema = z.array(commandSchema).transform((commands) => ({ kind: "commands" as const, commands }));

/** Maximum length of a toast, in UTF-16 units (Bot API, answerCallbackQuery). */
const TOAST_LIMIT = 200;

const NOT_MODIFIED = /message is not modified/i;

const MESSAGE_GONE = /message to edit not found|message can't be edited|message_id_invalid/i;

/** Interval for retries after a 429 without a valid time to wait: 5 s. */
const DEFAULT_WAIT: Ms = 5 * SECOND;

/**
 * Errors 400 about the chat or the bot's rights in it, not about the message: a human can fix them, then it is sent.
 */
const CHAT_ERRORS =
  /chat not found|upgraded to a supergroup|chat_id is empty|not enough rights|have no rights|administrator rights|\b(CHAT|CHANNEL)_[A-Z_]+|USER_BANNED_IN_CHANNEL|PEER_ID_INVALID|TOPIC_(CLOSED|DELETED)|bot was kicked/i;

/** Errors about a single topic: other messages of the chat must not wait for it. */
const TOPIC_ERRORS = /TOPIC_(CLOSED|DELETED)/i;

/** The envelopes of the Bot API's answers, whatever their HTTP status. */
const errorSchema = z.object({
  ok: z.literal(false),
  error_code: z.number().int(),
  description: z.string(),
  parameters: z
    .object({
      // A time that is not a number says nothing, but the answer is still a 429.
      retry_after: z.number().optional().catch(undefined),
      migrate_to_chat_id: z.number().optional(),
    })
    .optional(),
});

type ErrorAnswer = z.infer<typeof errorSchema>;

const answerSchema = z.union([z.object({ ok: z.literal(true), result: z.unknown() }), errorSchema]);

const causeSchema = z.looseObject({
  name: z.string().optional(),
  code: z.union([z.string(), z.number()]).optional(),
  syscall: z.string().optional(),
  cause: z.unknown().optional(),
  errors: z.array(z.unknown()).optional(),
});

/** Errors raised before any byte of the request is written: name lookup, connection, certificate, invalid URL. */
const CONNECTION_ERRORS =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_INVALID_URL)$/;

const CERTIFICATE_ERRORS = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

/** The parameters of a method, as grammY's types of the Bot API have them. */
type Params<Method extends keyof ApiMethods> = Parameters<ApiMethods[Method]>[0];

/** Creates the bot. Every repetition of a call is the outbox's decision. */
export function createTelegramBot({ token, apiRoot, fetch, metrics, timeout = 30_000 }: TelegramBotOptions) {
  const address = `${apiRoot.replace(/\/+$/, "")}/bot${token}/`;
  const redactToken = (reason: string) => reason.replaceAll(token, "[token]");

  /**
   * Makes one call. A 5xx with a Bot API envelope means the call was not done. A 5xx without one comes from a proxy
   * (502, 504), which does not know whether Telegram handled the call. Redirects are not followed, because the address
   * contains the token.
   */
  async function request(
    method: string,
    params: object,
    stopping: AbortSignal | undefined,
  ): Promise<{ ok: true; result: unknown } | BotFailure> {
    const signal = AbortSignal.any(keepDefined([AbortSignal.timeout(timeout), stopping]));
    let status = 0;
    let text: string;
    try {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify(params);
      const response = await fetch(address + method, { method: "POST", headers, body, redirect: "manual", signal });
      status = response.status;
      text = await response.text();
    } catch (thrown) {
      if (signal.aborted) return { kind: "unknown", reason: `no answer within ${timeout} ms` };
      const isUnsent = status === 0 && wasNeverSent(thrown);
      return { kind: isUnsent ? "not_sent" : "unknown", reason: redactToken(describeFailure(thrown)) };
    }
    const answer = answerSchema.safeParse(tryParseJson(redactToken(text))).data;
    if (answer) return answer.ok ? answer : toBotFailure(answer, params);
    const isRefused = status >= 300 && status < 500;
    return { kind: isRefused ? "not_sent" : "unknown", reason: `HTTP ${status} that is not a Bot API answer` };
  }

  /** Makes a call and reads its result. One of another form says nothing: the call may have taken effect. */
  async function call<Outcome extends { kind: string }, Failed extends { kind: string } = never>(
    method: keyof ApiMethods,
    params: object,
    schema: z.ZodType<Outcome>,
    mapFailure: (failed: BotFailure) => BotFailure | Failed = (failed) => failed,
    stopping?: AbortSignal,
  ): Promise<Outcome | BotFailure | Failed> {
    const answer = await request(method, params, stopping);
    const outcome = "ok" in answer ? schema.safeParse(answer.result).data : mapFailure(answer);
    const known = outcome ?? mapFailure({ kind: "unknown", reason: "the answer has another form than the Bot API's" });
    metrics.count("groundcrew_telegram_calls_total", { method, outcome: known.kind });
    return known;
  }

  return {
    getMe: () => call("getMe", {}, meSchema),
    sendMessage: (chat: ChatId, { text, entities }: RichText, extras: MessageExtras = {}): Promise<SendOutcome> => {
      const params: Params<"sendMessage"> = { chat_id: chat, text, ...toMessageParams(entities, extras) };
      return call("sendMessage", params, sentSchema);
    },
    /** A message that already has this text counts as edited. */
    editMessage: (
      chat: ChatId,
      messageId: number,
      { text, entities }: RichText,
      extras: Pick<MessageExtras, "buttons"> = {},
    ) => {
      const message = { chat_id: chat, message_id: messageId, text };
      const params: Params<"editMessageText"> = { ...message, ...toMessageParams(entities, extras) };
      return call("editMessageText", params, editedSchema, (failed): EditOutcome => {
        if (failed.kind !== "refused") return failed;
        if (NOT_MODIFIED.test(failed.reason)) return { kind: "edited" };
        return MESSAGE_GONE.test(failed.reason) ? { kind: "gone", reason: failed.reason } : failed;
      });
    },
    /** Confirms the press of a button, so that Telegram stops its spinner; `text` is shown to the user for a moment. */
    answerCallback: (callback: string, text = "") => {
      const toast = truncateRichText(toPlainText(text), TOAST_LIMIT).text;
      const params: Params<"answerCallbackQuery"> = { callback_query_id: callback, text: toast };
      return call("answerCallbackQuery", params, doneSchema);
    },
    /**
     * Gets updates from `offset` on, of which only the id is validated; waits up to `seconds` for the first one.
     * `conflict`: this bot's updates are read by another program or sent to a webhook (409).
     */
    getUpdates: (offset: number, seconds: number, stopping: AbortSignal) => {
      const params: Params<"getUpdates"> = { offset, timeout: seconds, allowed_updates: ALLOWED_UPDATES };
      const mapFailure = (failed: BotFailure) => {
        const isConflict = failed.kind === "refused" && failed.reason.startsWith("409 ");
        return isConflict ? { kind: "conflict" as const, reason: failed.reason } : failed;
      };
      return call("getUpdates", params, updatesSchema, mapFailure, stopping);
    },
    /** Succeeds if the bot can see the chat, even if it may not write there. People chose its title; "" is a private chat. */
    getChat: (chat: ChatId) => call("getChat", { chat_id: chat } satisfies Params<"getChat">, chatSchema),
    getWebhook: () => call("getWebhookInfo", {}, webhookSchema),
    /** `url` "" removes the webhook. Pending updates are kept. */
    setWebhook: (url: string, secret: string) => {
      if (url === "") return call("deleteWebhook", {}, doneSchema);
      const params: Params<"setWebhook"> = { url, secret_token: secret, allowed_updates: ALLOWED_UPDATES };
      return call("setWebhook", params, doneSchema);
    },
    getCommands: (language: MenuLanguage, scope: CommandScope = "default") =>
      call("getMyCommands", toMenuParams(language, scope), commandsSchema),
    /** `language` "" sets the commands for all languages without a list of their own. */
    setCommands: (
      language: MenuLanguage,
      commands: readonly z.infer<typeof commandSchema>[],
      scope: CommandScope = "default",
    ) => {
      const params: Params<"setMyCommands"> = { commands, ...toMenuParams(language, scope) };
      return call("setMyCommands", params, doneSchema);
    },
  };
}

function wasNeverSent(thrown: unknown): boolean {
  return collectCauses(thrown).some(({ code, syscall }) => {
    if (syscall === "connect" || syscall === "getaddrinfo") return true;
    return typeof code === "string" && (CONNECTION_ERRORS.test(code) || CERTIFICATE_ERRORS.test(code));
  });
}

/** Collects a thrown value and its causes, outermost first. */
function collectCauses(thrown: unknown, depth = 4): z.infer<typeof causeSchema>[] {
  const parsedCause = causeSchema.safeParse(thrown);
  if (!parsedCause.success || depth === 0) return [];
  const inner = [parsedCause.data.cause, ...(parsedCause.data.errors ?? [])];
  return [parsedCause.data, ...inner.flatMap((cause) => collectCauses(cause, depth - 1))];
}

/** Returns names and codes only: an error's message may quote the address, which contains the token. */
function describeFailure(thrown: unknown): string {
  const codes = collectCauses(thrown).flatMap(({ code, name }) => code ?? name ?? []);
  return `no answer: ${codes.at(-1) ?? "connection failed"}`;
}

/** Converts an error of the Bot API in answer to a call with these parameters. */
function toBotFailure(
  { error_code: status, description, parameters: { retry_after, migrate_to_chat_id: movedTo } = {} }: ErrorAnswer,
  params: object,
): BotFailure {
  if (status === 429) return { kind: "wait", ms: toWait(retry_after) };
  const reason = `${status} ${description}`;
  if (status >= 500) return { kind: "not_sent", reason };
  if (movedTo !== undefined)
    return { kind: "refused", reason: `${reason} (the chat is now ${movedTo})`, lasting: false, movedTo };
  const isOfTopic = "message_thread_id" in params && TOPIC_ERRORS.test(description);
  const isChatProblem = CHAT_ERRORS.test(description) && !isOfTopic;
  return { kind: "refused", reason, lasting: status === 400 && !isChatProblem };
}

/** Converts `retry_after` (seconds) to whole milliseconds: at least 1 s, at most Telegram's limit of a hold. */
function toWait(seconds: number | undefined): Ms {
  if (seconds === undefined || seconds < 0) return DEFAULT_WAIT;
  return Math.min(MAX_PAUSE_MS.telegram, Math.max(SECOND, Math.ceil(seconds * 1000)));
}

/** Converts a message's format, reply target, topic, buttons and sound to parameters of the Bot API. */
function toMessageParams(
  entities: RichText["entities"],
  { buttons, replyTo, topic, silent, isProtected }: MessageExtras,
) {
  const rows = buttons?.map((row) => row.map(({ text, data }) => ({ text, callback_data: data })));
  return {
    entities,
    link_preview_options: { is_disabled: true },
    ...omitUndefined({
      reply_markup: rows && { inline_keyboard: rows },
      reply_parameters: replyTo === undefined ? undefined : { message_id: replyTo, allow_sending_without_reply: true },
      message_thread_id: topic,
      disable_notification: silent,
      protect_content: isProtected,
    }),
  };
}

/** Converts the chats and the language of a menu; "" stands for all other languages and is omitted. */
function toMenuParams(language: MenuLanguage, scope: CommandScope) {
  return {
    ...(language === "" ? {} : { language_code: language }),
    ...(scope === "default" ? {} : { scope: { type: scope } }),
  };
}
