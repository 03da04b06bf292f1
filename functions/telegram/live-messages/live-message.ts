import { sha256Hex } from "../../../shared/hashing/sha256-hex.ts";
import type { Put, SetName, Store, StoredRow, StoreKey } from "../../../shared/store/port.ts";
import type { WorkEvent } from "../../../shared/task/events.ts";
import type { ChatId, InlineButton } from "../../../shared/telegram/bot.ts";
import { MESSAGE_LIMIT, type RichText } from "../../../shared/telegram/rich-text.ts";
import { DAY, type Ms } from "../../../shared/time.ts";

export type QuestionEvent = Extract<WorkEvent, { kind: "asked" }>;
export type ReviewEvent = Extract<WorkEvent, { kind: "review" }>;

/** What a message is about, as it was when it was sent. */
export interface MessageSubject {
  /** Plane's id of the work item. */
  id: string;
  key: string;
  title: string;
  url: string;
}

/** A message that waits for the human. It says what is true: brought up to date until nothing more can happen. */
export type LiveMessage = {
  subject: MessageSubject;
  /** Hash of what it says now. */
  shown: string;
  /** An earlier sending may have arrived too. */
  repeat: boolean;
} & (
  | { event: QuestionEvent }
  | {
      event: ReviewEvent;
      /** Which review of this task. */
      review: string;
      /** What there was to look at, by field: an approval is of that and nothing else. */
      seen: Record<string, string>;
      /** Fields that changed between the first showing and the last. */
      changed?: string[];
      /** Sent back already, as soon as there is a reason or none is to come. */
      asking?: true;
    }
);

/** What a message is to say. `over`: for good. */
export interface MessageView {
  rich: RichText;
  buttons?: InlineButton[][];
  isClosed: boolean;
}

export const toButtonExtras = ({ buttons }: MessageView) => (buttons ? { buttons } : {});

/** Where there is nobody left to press or answer, it is remembered so long for a kind word. */
const CLOSED_RETENTION: Ms = 30 * DAY;
/** Longer than any question waits. */
const OPEN_RETENTION: Ms = 180 * DAY;

export const liveMessageKey = (chat: ChatId, messageId: number): StoreKey => `live:${chat}:${messageId}`;
const liveMessageSet = (chat: ChatId, item: string): SetName => `live:${chat}:${item}`;

export function createLiveMessagePut(
  chat: ChatId,
  messageId: number,
  liveMessage: LiveMessage,
  isClosed: boolean,
): Put {
  const key = liveMessageKey(chat, messageId);
  if (isClosed) return { key, value: liveMessage, expires: CLOSED_RETENTION };
  return { key, value: liveMessage, sets: [liveMessageSet(chat, liveMessage.subject.id)], expires: OPEN_RETENTION };
}

/** The messages about a task in a chat that may have to change. */
export async function readLiveMessages(
  store: Pick<Store, "scan">,
  chat: ChatId,
  item: string,
): Promise<StoredRow<LiveMessage>[]> {
  return (await store.scan<LiveMessage>(liveMessageSet(chat, item))).rows;
}

/** Telegram's number of the message a key names. */
export function parseMessageId(key: StoreKey): number {
  return Number(key.split(":").at(-1));
}

/** Tells whether a message says this already. */
export async function hashView({ rich, buttons = [] }: Pick<MessageView, "rich" | "buttons">): Promise<string> {
  return (await sha256Hex(JSON.stringify([rich, buttons]))).slice(0, 16);
}

/** Room for the mark of a repeat in any language. */
export const VIEW_TEXT_LIMIT = MESSAGE_LIMIT - 100;
