/**
 * The Bot API: the bot that handlers receive, and its implementation. Every call ends in an outcome instead of an
 * error, which says whether it may be repeated, must wait, or cannot succeed.
 */

import { Api, GrammyError, HttpError } from "grammy/web";
import { z } from "zod";
import type { Metrics } from "../metrics.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { MAX_PAUSE_MS } from "../store/rate-limits.ts";
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

interface RequestInit {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
}

const meSchema = z.object({ id: z.number().int(), username: z.string() });

const messageSchema = z.object({ message_id: z.number().int() });

const updatesSchema = z.array(z.looseObject({ update_id: z.number().int() }));

const webhookSchema = z.object({
  url: z.string(),
  allowed_updates: z.array(z.string()).default([]),
  last_error_message: z.string().optional(),
});

const chatSchema = z.object({ id: z.number().int(), type: z.string(), title: z.string().default("") });

const commandsSchema = z.array(z.object({ command: z.string(), description: z.string() }));

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

/** The Bot API did not answer. `not_sent`: the call cannot have taken effect; `unknown`: it may have. */
class NoBotApiAnswer extends Error {
  readonly kind: "not_sent" | "unknown";

  constructor(kind: "not_sent" | "unknown", message: string) {
    super(message);
    this.name = "NoBotApiAnswer";
    this.kind = kind;
  }
}

/** The envelope of every Bot API answer, whatever its HTTP status. */
const answerSchema = z.union([
  z.object({ ok: z.literal(true), result: z.unknown() }),
  z.object({
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
  }),
]);

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

/**
 * Calls the Bot API with grammY's plain client. Without plug-ins, every repetition is the outbox's decision.
 */
export function createTelegramBot({ token, apiRoot, fetch, metrics, timeout = 30_000 }: TelegramBotOptions) {
  const api = new Api(token, {
    apiRoot: apiRoot.replace(/\/+$/, ""),
    fetch: createCheckedFetch(fetch),
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

  const runDone = (method: string, call: () => Promise<unknown>) =>
    runCall(method, async () => {
      await call();
      return { kind: "done" as const };
    });

  return {
    getMe: () =>
      runCall("getMe", async () => ({
        kind: "me" as const,
        ...readAnswer(meSchema, await api.getMe(), "does not name the bot"),
      })),
    sendMessage: (chat: ChatId, { text, entities }: RichText, extras: MessageExtras = {}) =>
      runCall<SendOutcome>(
        "sendMessage",
        async () => {
          const sent = await api.sendMessage(chat, text, toMessageParams(entities, extras));
          return { kind: "sent", messageId: readAnswer(messageSchema, sent, "has no message id").message_id };
        },
        undefined,
        extras.topic !== undefined,
      ),
    /** A message that already has this text counts as edited. */
    editMessage: (
      chat: ChatId,
      messageId: number,
      { text, entities }: RichText,
      extras: Pick<MessageExtras, "buttons"> = {},
    ) =>
      runCall<EditOutcome>(
        "editMessageText",
        async () => {
          await api.editMessageText(chat, messageId, text, toMessageParams(entities, extras));
          return { kind: "edited" };
        },
        (failed) => {
          if (failed.kind !== "refused") return failed;
          if (NOT_MODIFIED.test(failed.reason)) return { kind: "edited" };
          return MESSAGE_GONE.test(failed.reason) ? { kind: "gone", reason: failed.reason } : failed;
        },
      ),
    /** Confirms the press of a button, so that Telegram stops its spinner; `text` is shown to the user for a moment. */
    answerCallback: (callback: string, text?: string) =>
      runDone("answerCallbackQuery", () => {
        const toast = text === undefined ? {} : { text: truncateRichText(toPlainText(text), TOAST_LIMIT).text };
        return api.answerCallbackQuery(callback, toast);
      }),
    /**
     * Gets updates from `offset` on, of which only the id is validated; waits up to `seconds` for the first one.
     * `conflict`: this bot's updates are read by another program or sent to a webhook (409).
     */
    getUpdates: (offset: number, seconds: number) =>
      runCall<{ kind: "updates"; updates: { update_id: number }[] } | { kind: "conflict"; reason: string }>(
        "getUpdates",
        async () => {
          const request = { offset, timeout: seconds, allowed_updates: [...ALLOWED_UPDATES] };
          const updates = readAnswer(updatesSchema, await api.getUpdates(request), "is not a list of updates");
          return { kind: "updates", updates };
        },
        (failed) =>
          failed.kind === "refused" && failed.reason.startsWith("409 ")
            ? { kind: "conflict", reason: failed.reason }
            : failed,
      ),
    /** Succeeds if the bot can see the chat, even if it may not write there. People chose its title; "" is a private chat. */
    getChat: (chat: ChatId) =>
      runCall("getChat", async () => ({
        kind: "chat" as const,
        ...readAnswer(chatSchema, await api.getChat(chat), "does not describe a chat"),
      })),
    getWebhook: () =>
      runCall("getWebhookInfo", async () => {
        const info = readAnswer(webhookSchema, await api.getWebhookInfo(), "does not describe a webhook");
        const { url, allowed_updates: allowed, last_error_message: lastError } = info;
        return {
          kind: "webhook" as const,
          url,
          allowed,
          ...omitUndefined({ lastError: lastError && redactToken(lastError) }),
        };
      }),
    /** `url` "" removes the webhook. Pending updates are kept. */
    setWebhook: (url: string, secret: string) =>
      runDone(url === "" ? "deleteWebhook" : "setWebhook", () => {
        if (url === "") return api.deleteWebhook();
        return api.setWebhook(url, { secret_token: secret, allowed_updates: [...ALLOWED_UPDATES] });
      }),
    getCommands: (language: MenuLanguage, scope: CommandScope = "default") =>
      runCall("getMyCommands", async () => {
        const found = await api.getMyCommands(toMenuParams(language, scope));
        return { kind: "commands" as const, commands: readAnswer(commandsSchema, found, "is not a list of commands") };
      }),
    /** `language` "" sets the commands for all languages without a list of their own. */
    setCommands: (
      language: MenuLanguage,
      commands: readonly z.infer<typeof commandsSchema.element>[],
      scope: CommandScope = "default",
    ) => runDone("setMyCommands", () => api.setMyCommands(commands, toMenuParams(language, scope))),
  };
}

/** Reads an answer of Telegram. One of another form says nothing: the call may have taken effect. */
function readAnswer<T>(schema: z.ZodType<T>, answer: unknown, problem: string): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new NoBotApiAnswer("unknown", `the answer ${problem}`);
}

/**
 * Creates a fetch for grammY's client that returns a validated Bot API envelope or throws `NoBotApiAnswer`.
 *
 * A 5xx with a Bot API envelope means the call was not done. A 5xx without one comes from a proxy (502, 504), which
 * does not know whether Telegram handled the call. Redirects are not followed, because the address contains the token.
 */
function createCheckedFetch(fetch: typeof globalThis.fetch) {
  return async (url: string, { method, headers, body, signal }: RequestInit): Promise<Response> => {
    const request = { method, headers, body, signal, redirect: "manual" as const };
    const present = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
    let status = 0;
    let text: string;
    try {
      const response = await fetch(url, present);
      status = response.status;
      text = await response.text();
    } catch (thrown) {
      throw new NoBotApiAnswer(status === 0 && wasNeverSent(thrown) ? "not_sent" : "unknown", describeFailure(thrown));
    }
    const answer = answerSchema.safeParse(tryParseJson(text));
    if (answer.success) return Response.json(answer.data);
    const certainty = status >= 300 && status < 500 ? "not_sent" : "unknown";
    throw new NoBotApiAnswer(certainty, `HTTP ${status} that is not a Bot API answer`);
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

/**
 * Converts an error of the Bot API.
 * @param redactToken removes the token from a reason
 * @param hasTopic whether the message was for a topic of a forum
 */
function toBotFailure(
  { error_code: status, description, parameters }: GrammyError,
  redactToken: (reason: string) => string,
  hasTopic: boolean,
): BotFailure {
  const { retry_after, migrate_to_chat_id: movedTo } = parameters;
  if (status === 429) return { kind: "wait", ms: toWait(retry_after) };
  const movedSuffix = movedTo === undefined ? "" : ` (the chat is now ${movedTo})`;
  const reason = redactToken(`${status} ${description}${movedSuffix}`);
  if (status >= 500) return { kind: "not_sent", reason };
  const isChatProblem = CHAT_ERRORS.test(description) && !(hasTopic && TOPIC_ERRORS.test(description));
  if (movedTo !== undefined) return { kind: "refused", reason, lasting: false, movedTo };
  return { kind: "refused", reason, lasting: status === 400 && !isChatProblem };
}

/** Converts `retry_after` (seconds) to whole milliseconds: at least 1 s, at most Telegram's limit of a hold. */
function toWait(seconds: number | undefined): Ms {
  if (seconds === undefined || Number.isNaN(seconds) || seconds < 0) return DEFAULT_WAIT;
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
