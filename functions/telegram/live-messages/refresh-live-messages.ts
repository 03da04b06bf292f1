import type { LiveRefreshBody } from "../../../shared/jobs/outbox-jobs.ts";
import type { Settlement } from "../../../shared/store/job-operations.ts";
import type { StoredRow } from "../../../shared/store/port.ts";
import { commitWithRetry, type DeliveryContext, retryAfter } from "../delivery/context.ts";
import { sendAttemptKey } from "../delivery/delivery-records.ts";
import { editMessage } from "../delivery/edit-message.ts";
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
 * Updates the live messages about a task. It makes one edit at a time and runs again until all of them are up to date.
 * Running it twice is harmless: a message that already shows its view is not edited.
 */
export async function refreshLiveMessages(
  context: DeliveryContext,
  { item, correlation }: LiveRefreshBody,
): Promise<Settlement> {
  const { deps, chat } = context;
  for (const row of await readLiveMessages(deps.store, chat, item)) {
    const view = await renderLiveMessage(context, row.value);
    const viewHash = await hashView(view);
    if (viewHash !== row.value.shown) return editLiveMessage(context, row, { view, viewHash, correlation });
    if (view.isClosed) await recordLiveMessage(context, row, row.value, true);
  }
  return updateProgressMessage(context, item, correlation);
}

async function editLiveMessage(
  context: DeliveryContext,
  row: StoredRow<LiveMessage>,
  { view, viewHash, correlation }: { view: MessageView; viewHash: string; correlation: string },
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

/** Stores the message, unless its record has changed meanwhile: then the next refresh updates it. */
async function recordLiveMessage(
  context: DeliveryContext,
  { key, rev }: StoredRow<LiveMessage>,
  liveMessage: LiveMessage,
  isClosed: boolean,
  view?: MessageView,
): Promise<void> {
  const { chat, job } = context;
  const messageId = parseMessageId(key);
  const messagePuts = view ? await createEditedMessagePuts(context, messageId, view) : [];
  await commitWithRetry(context, {
    expect: [[key, rev]],
    put: [
      createLiveMessagePut(chat, messageId, liveMessage, isClosed),
      ...messagePuts,
      { key: sendAttemptKey(job), value: undefined },
    ],
  });
}
