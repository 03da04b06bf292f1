import { sha256Hex } from "../../../shared/hashing/sha256-hex.ts";
import type { Put, SetName, Store, StoredRow, StoreKey } from "../../../shared/store/port.ts";
import type { PlanEvent, WorkEvent } from "../../../shared/task/events.ts";
import { joinRichText, MESSAGE_LIMIT, type RichText, truncateRichText } from "../../../shared/telegram/rich-text.ts";
import type { ChatId, InlineButton } from "../../../shared/telegram/telegram-bot.ts";
import type { TicketWait } from "../../../shared/tickets/ticket-wait.ts";
import { DAY, type Ms } from "../../../shared/time.ts";

export type QuestionEvent = Extract<WorkEvent, { kind: "asked" }>;
export type ReviewEvent = Extract<WorkEvent, { kind: "review" }>;
export type PlanProposedEvent = Extract<PlanEvent, { kind: "plan_proposed" }>;
/** A step of a ticket that a person must know. */
export type TicketWaitEvent = Extract<WorkEvent, { kind: "ticket" }> & { wait: TicketWait };
/** The events that are sent as live messages. */
export type LiveEvent = QuestionEvent | ReviewEvent | PlanProposedEvent | TicketWaitEvent;

/** The task of a message, in the state in which the message was sent. */
export interface TaskSubject {
  /** Plane's id of the work item. */
  id: string;
  key: string;
  title: string;
  url: string;
}

/** What a message is about. Without a task it has an id only: that of its question or plan. */
export type MessageSubject = TaskSubject | { id: string };

/** A question, review, plan or ticket that waits for a human. It is kept up to date until it is closed. */
export type LiveMessage = {
  /** Hash of the view that the message shows now. */
  shown: string;
  /** An earlier send may have arrived too. */
  repeat: boolean;
} & (
  | { event: QuestionEvent; subject: MessageSubject }
  | {
      event: PlanProposedEvent;
      subject: MessageSubject;
      /** Somebody pressed Change: the message now asks what to change. */
      asking?: true;
    }
  | {
      event: TicketWaitEvent;
      subject: TaskSubject;
      /** Hash of the text that the message showed first; of an approval. */
      seen?: string;
      /** Somebody pressed Complete: the message now asks for the summary. */
      asking?: true;
      /** The options that are marked; of a question that takes several. */
      marked?: number[];
    }
  | {
      event: ReviewEvent;
      subject: TaskSubject;
      /** Id of the review. */
      review: string;
      /** Hashes of the task's fields as the message showed them: an approval is valid for exactly this state. */
      seen: Record<string, string>;
      /** Fields that have changed since the message was first shown. */
      changed?: string[];
      /** Somebody pressed Send back: the message now asks for a reason. */
      asking?: true;
    }
);

export type LiveReviewMessage = Extract<LiveMessage, { event: ReviewEvent }>;
export type LivePlanMessage = Extract<LiveMessage, { event: PlanProposedEvent }>;

export type LiveTicketMessage = Extract<LiveMessage, { event: TicketWaitEvent }>;

export function isReviewMessage(message: LiveMessage): message is LiveReviewMessage {
  return message.event.kind === "review";
}

export function isPlanMessage(message: LiveMessage): message is LivePlanMessage {
  return message.event.kind === "plan_proposed";
}

export function isTicketMessage(message: LiveMessage): message is LiveTicketMessage {
  return message.event.kind === "ticket";
}

/** What a message should show. */
export interface MessageView {
  rich: RichText;
  buttons?: InlineButton[][];
  /** Nothing can change the message any more, or no agent is working on the task. */
  isClosed: boolean;
}

export const toButtonExtras = ({ buttons }: MessageView) => (buttons ? { buttons } : {});

/** Retention for closed messages: 30 days, so that a late press or reply gets an explanation. */
const CLOSED_RETENTION: Ms = 30 * DAY;
/** Retention for open messages: 180 days, longer than any question waits. */
const OPEN_RETENTION: Ms = 180 * DAY;

export const liveMessageKey = (chat: ChatId, messageId: number): StoreKey => `live:${chat}:${messageId}`;
const liveMessageSet = (chat: ChatId, subjectId: string): SetName => `live:${chat}:${subjectId}`;

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

/** Reads the open messages about a subject in a chat. */
export async function readLiveMessages(
  store: Pick<Store, "scan">,
  chat: ChatId,
  subjectId: string,
): Promise<StoredRow<LiveMessage>[]> {
  return (await store.scan<LiveMessage>(liveMessageSet(chat, subjectId))).rows;
}

/** Returns Telegram's number of the message from its key. */
export function parseMessageId(key: StoreKey): number {
  return Number(key.split(":").at(-1));
}

/** Two views with the same hash look the same, so that a message is only edited when its view changes. */
export async function hashView({ rich, buttons = [] }: Pick<MessageView, "rich" | "buttons">): Promise<string> {
  return (await sha256Hex(JSON.stringify([rich, buttons]))).slice(0, 16);
}

/** Leaves space for the repeat mark in any language. */
export const VIEW_TEXT_LIMIT = MESSAGE_LIMIT - 100;

/** Joins the lines of a view and truncates them to the limit of a message. */
export function joinViewLines(lines: readonly RichText[]): RichText {
  return truncateRichText(joinRichText(lines, "\n"), VIEW_TEXT_LIMIT);
}
