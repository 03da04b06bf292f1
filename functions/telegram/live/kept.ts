import { sha256Hex } from "../../../shared/digest.ts";
import type { Key, Ms, Put, Row, SetName, Store } from "../../../shared/store/port.ts";
import type { WorkEvent } from "../../../shared/task/events.ts";
import type { Button, Chat } from "../../../shared/telegram/bot.ts";
import { MESSAGE_LIMIT, type RichText } from "../../../shared/telegram/text.ts";

export type Asked = Extract<WorkEvent, { kind: "asked" }>;
export type Review = Extract<WorkEvent, { kind: "review" }>;

/** What a message is about, as it was when it was sent. */
export interface Subject {
  /** Plane's id of the work item. */
  id: string;
  key: string;
  title: string;
  url: string;
}

/** A message that waits for the human. It says what is true: brought up to date until nothing more can happen. */
export type Live = {
  subject: Subject;
  /** Hash of what it says now. */
  shown: string;
  /** An earlier sending may have arrived too. */
  repeat: boolean;
} & (
  | { event: Asked }
  | {
      event: Review;
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
export interface View {
  rich: RichText;
  buttons?: Button[][];
  over: boolean;
}

export const buttonsOf = ({ buttons }: View) => (buttons ? { buttons } : {});

/** Where there is nobody left to press or answer, it is remembered so long for a kind word. */
const OVER_KEPT: Ms = 30 * 86_400_000;
/** Longer than any question waits. */
const OPEN_KEPT: Ms = 180 * 86_400_000;

export const liveKey = (chat: Chat, messageId: number): Key => `live:${chat}:${messageId}`;
const liveOf = (chat: Chat, item: string): SetName => `live:${chat}:${item}`;

export function livePut(chat: Chat, messageId: number, live: Live, over: boolean): Put {
  const key = liveKey(chat, messageId);
  if (over) return { key, value: live, expires: OVER_KEPT };
  return { key, value: live, sets: [liveOf(chat, live.subject.id)], expires: OPEN_KEPT };
}

/** The messages about a task in a chat that may have to change. */
export async function livesOf(store: Pick<Store, "scan">, chat: Chat, item: string): Promise<Row<Live>[]> {
  return (await store.scan<Live>(liveOf(chat, item))).rows;
}

/** Telegram's number of the message a key names. */
export function messageOf(key: Key): number {
  return Number(key.split(":").at(-1));
}

/** Tells whether a message says this already. */
export async function hashOf({ rich, buttons = [] }: Pick<View, "rich" | "buttons">): Promise<string> {
  return (await sha256Hex(JSON.stringify([rich, buttons]))).slice(0, 16);
}

/** Room for the mark of a repeat in any language. */
export const ROOM = MESSAGE_LIMIT - 100;
