import { Api, GrammyError, HttpError } from "grammy/web";
import { z } from "zod";
import type { Metrics } from "../metrics.ts";
import type { Ms } from "../store/port.ts";
import { NoAnswer, observedFetch } from "./answer.ts";
import { inLanguage, placed } from "./params.ts";
import { refused } from "./refused.ts";
import { cut, plain, type RichText } from "./text.ts";
import { ALLOWED_UPDATES } from "./updates.ts";

/** A chat's number, or `@name` of a public group or channel. */
export type Chat = number | string;

/**
 * Why a call did not succeed.
 * - `wait`: too many calls (429); nothing was done; ask again after `ms`.
 * - `refused`: Telegram said no. `lasting`: it would say so again, the message itself is wrong (400). Otherwise a human
 *   must mend something first: the token (401), the chat or the bot's place in it (400, 403), the address (404).
 *   `movedTo`: the group became a supergroup, which has this number.
 * - `not_sent`: nothing was done: the request never reached Telegram, or it answered that it failed.
 * - `unknown`: the request went out and no usable answer came back: it may have been done.
 */
export type Failure =
  | { kind: "wait"; ms: Ms }
  | { kind: "refused"; reason: string; lasting: boolean; movedTo?: number }
  | { kind: "not_sent"; reason: string }
  | { kind: "unknown"; reason: string };

export type SendOutcome = { kind: "sent"; messageId: number } | Failure;

/** `gone`: there is no such message (any more) that could be edited; what it should say must be sent anew. */
export type EditOutcome = { kind: "edited" } | { kind: "gone"; reason: string } | Failure;

export type MeOutcome = { kind: "me"; id: number; username: string } | Failure;

/** A button under a message: what it says and what comes back when it is pressed (at most 64 bytes). */
export interface Button {
  text: string;
  data: string;
}

/** Where a message belongs and what can be pressed under it. */
export interface Extras {
  /** Rows of buttons; an edit without them takes them away. */
  buttons?: Button[][];
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
  | Failure;

export type WebhookOutcome = { kind: "webhook"; url: string; allowed: string[]; lastError?: string } | Failure;

/** `title`: as people chose it; "" for a chat with one person. */
type ChatOutcome = { kind: "chat"; id: number; type: string; title: string } | Failure;

export interface Command {
  command: string;
  description: string;
}

export type CommandsOutcome = { kind: "commands"; commands: Command[] } | Failure;

export type DoneOutcome = { kind: "done" } | Failure;

/** The Bot API calls the product makes. They never throw, never repeat a call, and no reason holds the token. */
export interface Bot {
  me(): Promise<MeOutcome>;
  send(chat: Chat, text: RichText, extras?: Extras): Promise<SendOutcome>;
  /** A message that already says so counts as edited. */
  edit(chat: Chat, messageId: number, text: RichText, extras?: Pick<Extras, "buttons">): Promise<EditOutcome>;
  /** Ends the waiting of whoever pressed a button; `text` is shown to them for a moment. */
  answer(callback: string, text?: string): Promise<DoneOutcome>;
  /** Updates from `offset` on; waits up to `seconds` for the first. */
  updates(offset: number, seconds: number): Promise<UpdatesOutcome>;
  webhook(): Promise<WebhookOutcome>;
  /** `url` "" takes the webhook away. Updates that wait are kept. */
  setWebhook(url: string, secret: string): Promise<DoneOutcome>;
  commands(language: string): Promise<CommandsOutcome>;
  /** `language` "" is for everybody without a list of their own. */
  setCommands(language: string, commands: readonly Command[]): Promise<DoneOutcome>;
}

/** What is asked about a set-up, and not while it runs. */
export interface BotLook {
  /** Whether the bot sees the chat; it may still not be let write there. */
  chat(chat: Chat): Promise<ChatOutcome>;
}

interface BotOptions {
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

const SAME = /message is not modified/i;
const GONE = /message to edit not found|message can't be edited|message_id_invalid/i;

/** The Bot API through grammY's plain client: no plug-ins, so nothing is repeated behind the outbox's back. */
export function createBot(options: BotOptions): Bot & BotLook {
  const { token, metrics, timeout = 30_000 } = options;
  const api = new Api(token, {
    apiRoot: options.apiRoot.replace(/\/+$/, ""),
    fetch: observedFetch(options.fetch),
    timeoutSeconds: timeout / 1000,
  });
  const clean = (reason: string) => reason.replaceAll(token, "[token]");

  function failure(thrown: unknown, topic: boolean): Failure {
    if (thrown instanceof GrammyError) return refused(thrown, clean, topic);
    const cause = thrown instanceof HttpError ? thrown.error : thrown;
    if (cause instanceof NoAnswer) return { kind: cause.kind, reason: clean(cause.message) };
    return { kind: "unknown", reason: `no answer within ${timeout} ms` };
  }

  async function call<T extends { kind: string }>(
    method: string,
    run: () => Promise<T>,
    otherwise: (failed: Failure) => T | Failure = (failed) => failed,
    topic = false,
  ): Promise<T | Failure> {
    const outcome = await run().catch((thrown: unknown) => otherwise(failure(thrown, topic)));
    metrics.count("groundcrew_telegram_calls_total", { method, outcome: outcome.kind });
    return outcome;
  }

  return {
    me: () =>
      call("getMe", async () => {
        const me = meSchema.safeParse(await api.getMe());
        if (!me.success) return { kind: "unknown", reason: "the answer names no bot" };
        return { kind: "me", ...me.data };
      }),
    send: (chat, { text, entities }, extras = {}) =>
      call<SendOutcome>(
        "sendMessage",
        async () => {
          const options = { entities, link_preview_options: { is_disabled: true }, ...placed(extras) };
          const message = messageSchema.safeParse(await api.sendMessage(chat, text, options));
          if (!message.success) return { kind: "unknown", reason: "the answer names no message" };
          return { kind: "sent", messageId: message.data.message_id };
        },
        (failed) => failed,
        extras.topic !== undefined,
      ),
    edit: (chat, messageId, { text, entities }, extras = {}) =>
      call<EditOutcome>(
        "editMessageText",
        async () => {
          const options = { entities, link_preview_options: { is_disabled: true }, ...placed(extras) };
          await api.editMessageText(chat, messageId, text, options);
          return { kind: "edited" };
        },
        (failed) => {
          if (failed.kind !== "refused") return failed;
          if (SAME.test(failed.reason)) return { kind: "edited" };
          return GONE.test(failed.reason) ? { kind: "gone", reason: failed.reason } : failed;
        },
      ),
    answer: (callback, text) =>
      call("answerCallbackQuery", async () => {
        await api.answerCallbackQuery(callback, text === undefined ? {} : { text: cut(plain(text), TOAST_LIMIT).text });
        return { kind: "done" };
      }),
    updates: (offset, seconds) =>
      call<UpdatesOutcome>(
        "getUpdates",
        async () => {
          const asked = { offset, timeout: seconds, allowed_updates: [...ALLOWED_UPDATES] };
          const found = updatesSchema.safeParse(await api.getUpdates(asked));
          if (!found.success) return { kind: "unknown", reason: "the answer holds no updates" };
          return { kind: "updates", updates: found.data };
        },
        (failed) =>
          failed.kind === "refused" && failed.reason.startsWith("409 ")
            ? { kind: "conflict", reason: failed.reason }
            : failed,
      ),
    chat: (chat) =>
      call("getChat", async () => {
        const found = chatSchema.safeParse(await api.getChat(chat));
        if (!found.success) return { kind: "unknown", reason: "the answer is no chat's" };
        const { id, type, title = "" } = found.data;
        return { kind: "chat", id, type, title };
      }),
    webhook: () =>
      call("getWebhookInfo", async () => {
        const info = webhookSchema.safeParse(await api.getWebhookInfo());
        if (!info.success) return { kind: "unknown", reason: "the answer is no webhook's" };
        const { url, allowed_updates: allowed = [], last_error_message: lastError } = info.data;
        return { kind: "webhook", url, allowed, ...(lastError !== undefined && { lastError: clean(lastError) }) };
      }),
    setWebhook: (url, secret) =>
      call(url === "" ? "deleteWebhook" : "setWebhook", async () => {
        if (url === "") await api.deleteWebhook();
        else await api.setWebhook(url, { secret_token: secret, allowed_updates: [...ALLOWED_UPDATES] });
        return { kind: "done" };
      }),
    commands: (language) =>
      call("getMyCommands", async () => {
        const commands = commandsSchema.safeParse(await api.getMyCommands(inLanguage(language)));
        if (!commands.success) return { kind: "unknown", reason: "the answer lists no commands" };
        return { kind: "commands", commands: commands.data };
      }),
    setCommands: (language, commands) =>
      call("setMyCommands", async () => {
        await api.setMyCommands(commands, inLanguage(language));
        return { kind: "done" };
      }),
  };
}
