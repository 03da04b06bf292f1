import type { Put } from "../../../shared/store/port.ts";
import {
  appendMessageHistory,
  type ChatMessage,
  createChatMessagePut,
  type SentMessageRef,
  sentMessageKey,
} from "../../../shared/telegram/message-log.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { type MessageView, toButtonExtras } from "./live-message.ts";

/** Updates an edited message in the log of messages, for the dashboard; empty if its record has expired. */
export async function createEditedMessagePuts(
  { deps, chat }: DeliveryContext,
  messageId: number,
  view: MessageView,
): Promise<Put[]> {
  const [sentRecord] = await deps.store.read<SentMessageRef>([sentMessageKey(chat, messageId)]);
  const [stored] = sentRecord ? await deps.store.read<ChatMessage>([sentRecord.value.record]) : [];
  if (!sentRecord || !stored) return [];
  const { buttons: _, ...before } = stored.value;
  const shownHistory = appendMessageHistory(before.shown, 1, deps.clock());
  return [
    createChatMessagePut(sentRecord.value.record, {
      ...before,
      ...view.rich,
      ...toButtonExtras(view),
      shown: shownHistory,
    }),
  ];
}
