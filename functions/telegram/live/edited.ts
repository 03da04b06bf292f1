import type { Put } from "../../../shared/store/port.ts";
import { alsoShown, type ChatMessage, messagePut, type Sent, sentKey } from "../../../shared/why/chat.ts";
import type { Work } from "../work.ts";
import { buttonsOf, type View } from "./kept.ts";

/** What the page shows of a message that was edited; nothing of one that is forgotten. */
export async function editedPuts({ deps, chat }: Work, messageId: number, view: View): Promise<Put[]> {
  const [sent] = await deps.store.read<Sent>([sentKey(chat, messageId)]);
  const [kept] = sent ? await deps.store.read<ChatMessage>([sent.value.record]) : [];
  if (!sent || !kept) return [];
  const { buttons: _, ...before } = kept.value;
  const shown = alsoShown(before.shown, 1, deps.clock());
  return [messagePut(sent.value.record, { ...before, ...view.rich, ...buttonsOf(view), shown })];
}
