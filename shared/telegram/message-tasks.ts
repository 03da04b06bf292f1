import { DECISION_LOG_MS } from "../decision-log/decision-log.ts";
import type { Put, Store, StoreKey } from "../store/port.ts";

/** The tasks that a message of the bot is about, so that a reply to it finds its task. */
interface KeptMessageTasks {
  /** Plane's ids. */
  tasks: string[];
}

const messageTasksKey = (chat: string | number, messageId: number): StoreKey => `about:${chat}:${messageId}`;

/** Records the tasks that a message is about; nothing for a message about none. */
export function createMessageTasksPuts(chat: string | number, messageId: number, ids: readonly string[]): Put[] {
  if (ids.length === 0) return [];
  const value: KeptMessageTasks = { tasks: [...new Set(ids)] };
  return [{ key: messageTasksKey(chat, messageId), value, expires: DECISION_LOG_MS }];
}

/** Reads the ids of the tasks that a message is about; empty for a message about none, and for an old one. */
export async function readMessageTasks(
  store: Pick<Store, "read">,
  chat: string | number,
  messageId: number,
): Promise<string[]> {
  const [kept] = await store.read<KeptMessageTasks>([messageTasksKey(chat, messageId)]);
  return kept?.value.tasks ?? [];
}
