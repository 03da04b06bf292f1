import { DECISION_LOG_MS } from "../decision-log/decision-log.ts";
import { parseDescendingKey, toDescendingKey } from "../store/descending-key.ts";
import type { Json, Put, SetName, StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";
import type { InlineButton } from "./bot.ts";
import type { RichText } from "./rich-text.ts";

/** A message as people see it in a chat. */
export interface ChatMessage extends RichText {
  chat: string;
  messageId: number;
  /** Store time at which its first notice was to be told. */
  at: Ms;
  /** It may be there twice, and says so. */
  repeat: boolean;
  /** How many notices it showed since when (our clock), oldest first: the sending, then the edits. */
  shown: [notices: number, at: Ms][];
  /** Rows of what can be pressed under it. */
  buttons?: InlineButton[][];
  /** The person who said it to us; absent: Groundcrew says it. */
  by?: string;
}

/** Where the message with Telegram's number is kept as people see it: found by `sentKey`. */
export interface SentMessageRef {
  record: StoreKey;
}

/** Which message tells of a job's notice: found by `deliveryKey`. */
export interface TelegramDelivery {
  /** Telegram's number of the message. */
  in: number;
  /** Where the message is kept. */
  record: StoreKey;
  /** Which of the message's notices it is: shown as soon as the message shows so many. */
  notice: number;
  /** Nobody was told: somebody had muted what it is about. */
  muted?: true;
}

export const chatMessageSet: SetName = "messages";

/** So many sendings and edits of one message are remembered, the first one among them. */
const MAX_HISTORY = 50;

const MESSAGE_KEY_PREFIX = "message:";

/** A message's place stays the same when it is deleted in the chat and sent anew. */
export function chatMessageKey(chat: string | number, messageId: number, since: Ms): StoreKey {
  return `${MESSAGE_KEY_PREFIX}${toDescendingKey(since)}:${chat}:${messageId}`;
}

/** Whether a message that people see in a chat may be kept there. */
export function isChatMessageKey(key: StoreKey): boolean {
  return key.startsWith(MESSAGE_KEY_PREFIX);
}

/** When the message began that is, or was, kept there. */
export function parseMessageStart(record: StoreKey): Ms {
  return parseDescendingKey(record.split(":")[1] ?? "");
}

/** What is kept of a message that can be edited or answered, by Telegram's number. */
export function sentMessageKey(chat: string | number, messageId: number): StoreKey {
  return `sent:${chat}:${messageId}`;
}

/** Something people see in a chat that has no number of Telegram's: what they said themselves, and what only the page shows. */
export function unnumberedMessageKey(chat: string | number, job: string, at: Ms): StoreKey {
  return `${MESSAGE_KEY_PREFIX}${toDescendingKey(at)}:${chat}:${encodeURI(job)}`;
}

/** Kept once a job's notice is in a message, or on its way into one. */
export function telegramDeliveryKey(job: string): StoreKey {
  return `told:${encodeURI(job)}`;
}

export function createChatMessagePut(key: StoreKey, message: ChatMessage): Put {
  const entities: Json = message.entities.map((entity) => ({ ...entity }));
  return { key, value: { ...message, entities }, sets: [chatMessageSet], expires: DECISION_LOG_MS };
}

/** The message's history with one more sending or edit. */
export function appendMessageHistory(history: ChatMessage["shown"], notices: number, at: Ms): ChatMessage["shown"] {
  const [first, ...rest] = [...history, [notices, at] satisfies [number, Ms]];
  return first ? [first, ...rest.slice(1 - MAX_HISTORY)] : [];
}

/** When a notice was first seen in its message; undefined while it is only on its way. */
export function findShownAt({ shown }: ChatMessage, notice: number): Ms | undefined {
  return shown.find(([notices]) => notices >= notice)?.[1];
}
