import type { Put, StoreKey } from "../../../shared/store/port.ts";
import type { ChatId } from "../../../shared/telegram/telegram-bot.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import type { DeliveryContext } from "./context.ts";

/** Retention for a task's thread: 7 days. Until then, new messages about a task reply to its first one. */
const THREAD_RETENTION: Ms = 7 * DAY;

interface KeptThread {
  messageId: number;
}

const threadKey = (chat: ChatId, item: string): StoreKey => `thread:${chat}:${item}`;

/** What makes a new message about a task part of the task's thread in this chat. */
export interface MessageThread {
  /** Part of the new message's `MessageExtras`. */
  extras: { replyTo?: number; topic?: number };
  /** Starts the thread with the new message, where there is none yet. */
  createPuts: (messageId: number) => Put[];
}

/** A message about no particular task is in no thread. */
export async function readThread({ deps, chat }: DeliveryContext, item: string | undefined): Promise<MessageThread> {
  if (item === undefined) return { extras: {}, createPuts: () => [] };
  const key = threadKey(chat, item);
  const [first] = await deps.store.read<KeptThread>([key]);
  if (first) return { extras: { replyTo: first.value.messageId }, createPuts: () => [] };
  return {
    extras: {},
    createPuts: (messageId) => [{ key, value: { messageId } satisfies KeptThread, expires: THREAD_RETENTION }],
  };
}
