import type { Put, StoreKey } from "../../../shared/store/port.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import type { DeliveryContext } from "./context.ts";

/** Messages of one task hang together for so long: later ones answer its first one. */
const THREAD_RETENTION: Ms = 7 * DAY;

interface KeptThread {
  messageId: number;
}

const threadKey = (chat: ChatId, item: string): StoreKey => `thread:${chat}:${item}`;

/** What a new message about a task needs to hang together with the others in this chat. */
export interface MessageThread {
  /** For `Extras`. */
  extras: { replyTo?: number };
  /** What is kept once the message has its number. */
  createPuts: (messageId: number) => Put[];
}

/** Without a task it hangs together with nothing. */
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
