import type { Json, Key, Ms, Put, SetName } from "../store/port.ts";
import type { Button } from "../telegram/bot.ts";
import type { RichText } from "../telegram/text.ts";
import { ascending, descending, TRAIL_MS } from "./trail.ts";

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
  buttons?: Button[][];
  /** The person who said it to us; absent: Groundcrew says it. */
  by?: string;
}

/** Where the message with Telegram's number is kept as people see it: found by `sentKey`. */
export interface Sent {
  record: Key;
}

/** Which message tells of a job's notice: found by `deliveryKey`. */
export interface Delivery {
  /** Telegram's number of the message. */
  in: number;
  /** Where the message is kept. */
  record: Key;
  /** Which of the message's notices it is: shown as soon as the message shows so many. */
  notice: number;
  /** Nobody was told: somebody had muted what it is about. */
  muted?: true;
}

export const messages: SetName = "messages";

/** So many sendings and edits of one message are remembered, the first one among them. */
const SHOWN = 50;

/** A message's place stays the same when it is deleted in the chat and sent anew. */
export function messageKey(chat: string | number, messageId: number, since: Ms): Key {
  return `message:${descending(since)}:${chat}:${messageId}`;
}

/** When the message began that is, or was, kept there. */
export function beganAt(record: Key): Ms {
  return ascending(record.split(":")[1] ?? "");
}

/** What is kept of a message that can be edited or answered, by Telegram's number. */
export function sentKey(chat: string | number, messageId: number): Key {
  return `sent:${chat}:${messageId}`;
}

/** Something people see in a chat that has no number of Telegram's: what they said themselves, and what only the page shows. */
export function saidKey(chat: string | number, job: string, at: Ms): Key {
  return `message:${descending(at)}:${chat}:${encodeURI(job)}`;
}

/** Kept once a job's notice is in a message, or on its way into one. */
export function deliveryKey(job: string): Key {
  return `told:${encodeURI(job)}`;
}

export function messagePut(key: Key, message: ChatMessage): Put {
  const entities: Json = message.entities.map((entity) => ({ ...entity }));
  return { key, value: { ...message, entities }, sets: [messages], expires: TRAIL_MS };
}

/** The message's history with one more sending or edit. */
export function alsoShown(before: ChatMessage["shown"], notices: number, at: Ms): ChatMessage["shown"] {
  const [first, ...rest] = [...before, [notices, at] satisfies [number, Ms]];
  return first ? [first, ...rest.slice(1 - SHOWN)] : [];
}

/** When a notice was first seen in its message; undefined while it is only on its way. */
export function seenAt({ shown }: ChatMessage, notice: number): Ms | undefined {
  return shown.find(([notices]) => notices >= notice)?.[1];
}

/** That another system took an event: our time of its answer. */
export interface Receipt {
  at: Ms;
}

/** Where a forwarded event's receipt is kept. */
export function receiptKey(job: string): Key {
  return `forwarded:${encodeURI(job)}`;
}
