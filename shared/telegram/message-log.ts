/**
 * Records of messages that were exchanged: the chat as the page shows it, the fate of each delivery, and the tasks
 * that a message is about.
 */

import type { Json } from "../omit-undefined.ts";
import type { Put, SetName, Store, StoreKey } from "../store/port.ts";
import { parseDescendingKey, toDescendingKey } from "../store/records.ts";
import { DECISION_LOG_MS } from "../task/rule-set.ts";
import type { Ms } from "../time.ts";
import type { InlineButton } from "./bot.ts";
import type { RichText } from "./rich-text.ts";

/** A message as people see it in a chat. */
export interface ChatMessage extends RichText {
  chat: string;
  messageId: number;
  /** Store time at which the message, or its burst, began. */
  at: Ms;
  /** The message may be in the chat twice, and its text says so. */
  repeat: boolean;
  /** Number of notifications shown and since when (our clock), oldest first: the send, then the edits. */
  history: [notices: number, at: Ms][];
  /** Rows of buttons under the message. */
  buttons?: InlineButton[][];
  /** The person who wrote the message; absent for messages of Groundcrew. */
  by?: string;
}

/** Points from Telegram's number of a message (`sentMessageKey`) to its record in the log. */
export interface SentMessageRef {
  record: StoreKey;
}

/** The message that a job's notification is in, stored under `telegramDeliveryKey`. */
export interface TelegramDelivery {
  /** Telegram's number of the message. */
  in: number;
  /** Key of the message in the log. */
  record: StoreKey;
  /** Position among the message's notifications: it is shown once the message shows this many. */
  notice: number;
  /** Nothing was sent, because the task or project is muted. */
  muted?: true;
}

/** The tasks that a message of the bot is about, so that a reply to it finds its task. */
interface MessageTasksRecord {
  /** Plane's ids. */
  tasks: string[];
}

export const chatMessageSet: SetName = "messages";

/** Maximum number of sends and edits in a message's history. The first one is always kept. */
const MAX_HISTORY = 50;

const MESSAGE_KEY_PREFIX = "message:";

/** A message keeps its key when it is deleted in the chat and sent as a new message. */
export function chatMessageKey(chat: string | number, messageId: number, since: Ms): StoreKey {
  return `${MESSAGE_KEY_PREFIX}${toDescendingKey(since)}:${chat}:${messageId}`;
}

/** Whether a message that people see in a chat may be kept there. */
export function isChatMessageKey(key: StoreKey): boolean {
  return key.startsWith(MESSAGE_KEY_PREFIX);
}

/** Returns the time at which the message under this key began, even if its record has expired. */
export function parseMessageStart(record: StoreKey): Ms {
  return parseDescendingKey(record.split(":")[1] ?? "");
}

/** Key of the reference to a message, by Telegram's number; used when it is edited or answered. */
export function sentMessageKey(chat: string | number, messageId: number): StoreKey {
  return `sent:${chat}:${messageId}`;
}

/** Key of a message without a number of Telegram: texts of users, and texts that only the dashboard shows. */
export function unnumberedMessageKey(chat: string | number, job: string, at: Ms): StoreKey {
  return `${MESSAGE_KEY_PREFIX}${toDescendingKey(at)}:${chat}:${encodeURI(job)}`;
}

/** Key of a job's delivery, written once its notification is in a message or merged into a burst. */
export function telegramDeliveryKey(job: string): StoreKey {
  return `delivery:${encodeURI(job)}`;
}

export function createChatMessagePut(key: StoreKey, message: ChatMessage): Put {
  const entities: Json = message.entities.map((entity) => ({ ...entity }));
  return { key, value: { ...message, entities }, sets: [chatMessageSet], expires: DECISION_LOG_MS };
}

/** Adds a send or an edit to a message's history. */
export function appendMessageHistory(history: ChatMessage["history"], notices: number, at: Ms): ChatMessage["history"] {
  const [first, ...rest] = [...history, [notices, at] satisfies [number, Ms]];
  return first ? [first, ...rest.slice(1 - MAX_HISTORY)] : [];
}

/** Returns when a notification was first shown in its message; undefined while it is not shown yet. */
export function findShownAt({ history: shown }: ChatMessage, notice: number): Ms | undefined {
  return shown.find(([notices]) => notices >= notice)?.[1];
}

/** Records the tasks that a message is about; nothing for a message about none. */
export function createMessageTasksPuts(chat: string | number, messageId: number, ids: readonly string[]): Put[] {
  if (ids.length === 0) return [];
  const value: MessageTasksRecord = { tasks: [...new Set(ids)] };
  return [{ key: messageTasksKey(chat, messageId), value, expires: DECISION_LOG_MS }];
}

const messageTasksKey = (chat: string | number, messageId: number): StoreKey => `message-tasks:${chat}:${messageId}`;

/** Reads the ids of the tasks that a message is about; empty for a message about none, and for an old one. */
export async function readMessageTasks(
  store: Pick<Store, "read">,
  chat: string | number,
  messageId: number,
): Promise<string[]> {
  const [stored] = await store.read<MessageTasksRecord>([messageTasksKey(chat, messageId)]);
  return stored?.value.tasks ?? [];
}
