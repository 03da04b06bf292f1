import type { Ms } from "../time.ts";
import type { RichText } from "./rich-text.ts";

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

export type BotIdentityOutcome = { kind: "me"; id: number; username: string } | BotFailure;

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
}

/** An update of which only the id has been validated. */
export interface RawUpdate {
  update_id: number;
}

export type UpdatesOutcome =
  | { kind: "updates"; updates: RawUpdate[] }
  /** This bot's updates are read by another program or sent to a webhook (409). */
  | { kind: "conflict"; reason: string }
  | BotFailure;

export type WebhookOutcome = { kind: "webhook"; url: string; allowed: string[]; lastError?: string } | BotFailure;

/** `title` was chosen by people; it is "" for a private chat. */
type ChatOutcome = { kind: "chat"; id: number; type: string; title: string } | BotFailure;

export interface BotCommand {
  command: string;
  description: string;
}

/** The chats that a command menu is for: private ones, or all that have no menu of their own. */
export type CommandScope = "default" | "all_private_chats";

export type CommandsOutcome = { kind: "commands"; commands: BotCommand[] } | BotFailure;

export type BotCallOutcome = { kind: "done" } | BotFailure;

/** The Bot API calls of the product. They never throw and never repeat a call, and no reason contains the token. */
export interface TelegramBot {
  getMe(): Promise<BotIdentityOutcome>;
  sendMessage(chat: ChatId, text: RichText, extras?: MessageExtras): Promise<SendOutcome>;
  /** A message that already has this text counts as edited. */
  editMessage(
    chat: ChatId,
    messageId: number,
    text: RichText,
    extras?: Pick<MessageExtras, "buttons">,
  ): Promise<EditOutcome>;
  /** Confirms the press of a button, so that Telegram stops its spinner; `text` is shown to the user for a moment. */
  answerCallback(callback: string, text?: string): Promise<BotCallOutcome>;
  /** Gets updates from `offset` on; waits up to `seconds` for the first one. */
  getUpdates(offset: number, seconds: number): Promise<UpdatesOutcome>;
  getWebhook(): Promise<WebhookOutcome>;
  /** `url` "" removes the webhook. Pending updates are kept. */
  setWebhook(url: string, secret: string): Promise<BotCallOutcome>;
  getCommands(language: string, scope?: CommandScope): Promise<CommandsOutcome>;
  /** `language` "" sets the commands for all languages without a list of their own. */
  setCommands(language: string, commands: readonly BotCommand[], scope?: CommandScope): Promise<BotCallOutcome>;
}

/** Calls for checking a configuration; the running product does not make them. */
export interface TelegramBotChecks {
  /** Succeeds if the bot can see the chat, even if it may not write there. */
  getChat(chat: ChatId): Promise<ChatOutcome>;
}
