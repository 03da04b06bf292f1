import type { Settlement, StoredRow } from "../../../shared/store/port.ts";
import { commitWithRetry, type DeliveryContext, retryAfter } from "../delivery/context.ts";
import { sendAttemptKey } from "../delivery/delivery-records.ts";
import { editMessage } from "../delivery/edit-message.ts";
import type { LiveRefreshBody } from "../delivery/job-bodies.ts";
import { createEditedMessagePuts } from "./edited-message-puts.ts";
import {
  createLiveMessagePut,
  hashView,
  type LiveMessage,
  type MessageView,
  parseMessageId,
  readLiveMessages,
} from "./live-message.ts";
import { updateProgressMessage } from "./progress-message.ts";
import { renderLiveMessage } from "./render-live-message.ts";

/**
 * Brings what the messages about a task say up to date: one call at a time, then it looks again, until all say what is
 * true. Done twice it is done once: what a message says already is not said again.
 */
export async function refreshLiveMessages(
  context: DeliveryContext,
  { item, correlation }: LiveRefreshBody,
): Promise<Settlement> {
  const { deps, chat } = context;
  for (const row of await readLiveMessages(deps.store, chat, item)) {
    const view = await renderLiveMessage(context, row.value);
    const viewHash = await hashView(view);
    if (viewHash !== row.value.shown) return editLiveMessage(context, row, { view, shown: viewHash, correlation });
    if (view.isClosed) await recordLiveMessage(context, row, row.value, true);
  }
  return updateProgressMessage(context, item, correlation);
}

async function editLiveMessage(
  context: DeliveryContext,
  row: StoredRow<LiveMessage>,
  { view, shown: viewHash, correlation }: { view: MessageView; shown: string; correlation: string },
): Promise<Settlement> {
  return editMessage(context, {
    attempt: "unread",
    messageId: parseMessageId(row.key),
    rich: view.rich,
    buttons: view.buttons,
    priority: "reply",
    fields: { correlation },
    onEdited: async () => {
      await recordLiveMessage(context, row, { ...row.value, shown: viewHash }, view.isClosed, view);
      return retryAfter(context, 0);
    },
    // Somebody deleted the message: there is nothing to show any more, and a question can be answered elsewhere.
    onPermanentFailure: async () => {
      await recordLiveMessage(context, row, row.value, true);
      return retryAfter(context, 0);
    },
  });
}

/** Unless the message's record has moved on: then the next look sees to it. */
async function recordLiveMessage(
  context: DeliveryContext,
  { key, rev }: StoredRow<LiveMessage>,
  liveMessage: LiveMessage,
  isClosed: boolean,
  view?: MessageView,
): Promise<void> {
  const { chat, job } = context;
  const messageId = parseMessageId(key);
  await commitWithRetry(context, {
    expect: [[key, rev]],
    put: [
      createLiveMessagePut(chat, messageId, liveMessage, isClosed),
      ...(view ? await createEditedMessagePuts(context, messageId, view) : []),
      { key: sendAttemptKey(job), value: undefined },
    ],
  });
}
