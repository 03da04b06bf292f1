import type { Key, Ms, Put } from "../../shared/store/port.ts";
import type { Chat } from "../../shared/telegram/bot.ts";
import type { Work } from "./work.ts";

/** Messages of one task hang together for so long: later ones answer its first one. */
const THREAD_KEPT: Ms = 7 * 86_400_000;

interface Thread {
  messageId: number;
}

const threadKey = (chat: Chat, item: string): Key => `thread:${chat}:${item}`;

/** What a new message about a task needs to hang together with the others in this chat. */
export interface Threaded {
  /** For `Extras`. */
  extras: { replyTo?: number };
  /** What is kept once the message has its number. */
  put: (messageId: number) => Put[];
}

/** Without a task it hangs together with nothing. */
export async function threadOf({ deps, chat }: Work, item: string | undefined): Promise<Threaded> {
  if (item === undefined) return { extras: {}, put: () => [] };
  const key = threadKey(chat, item);
  const [first] = await deps.store.read<Thread>([key]);
  if (first) return { extras: { replyTo: first.value.messageId }, put: () => [] };
  return { extras: {}, put: (messageId) => [{ key, value: { messageId } satisfies Thread, expires: THREAD_KEPT }] };
}
