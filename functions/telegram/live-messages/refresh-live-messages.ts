import type { LiveRefreshBody } from "../../../shared/jobs/outbox-jobs.ts";
import type { Settlement, StoredRow } from "../../../shared/store/port.ts";
import { commitWithRetry, type DeliveryContext, retryAfter } from "../delivery/context.ts";
import { type SendAttempt, sendAttemptKey } from "../delivery/delivery-records.ts";
import { isPermanentEditFailure, retryFailedEdit } from "../delivery/edit-message.ts";
import { reserveSend } from "../delivery/rate-limits.ts";
import { toFailureFields } from "../delivery/send-message.ts";
import { createEditedMessagePuts } from "./edited-message-puts.ts";
import {
  createLiveMessagePut,
  hashView,
  type LiveMessage,
  type MessageView,
  parseMessageId,
  readLiveMessages,
  toButtonExtras,
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
  const { deps, bot, job, chat } = context;
  const messageId = parseMessageId(row.key);
  const wait = await reserveSend(deps.store, chat, context.limits);
  if (wait > 0) return retryAfter(context, wait);
  if (!context.isLeaseValid()) return retryAfter(context, 0);
  const outcome = await bot.editMessage(chat, messageId, view.rich, toButtonExtras(view));
  const fields = { job: job.id, chat: String(chat), messageId, correlation };
  if (outcome.kind === "edited") {
    deps.log.info("telegram message edited", fields);
    await recordLiveMessage(context, row, { ...row.value, shown: viewHash }, view.isClosed, view);
    return retryAfter(context, 0);
  }
  deps.log.warn("telegram message not edited", { ...fields, outcome: outcome.kind, ...toFailureFields(outcome) });
  // Somebody deleted it: there is nothing left to show, and a question can still be answered elsewhere.
  if (isPermanentEditFailure(outcome)) {
    await recordLiveMessage(context, row, row.value, true);
    return retryAfter(context, 0);
  }
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  return retryFailedEdit(context, attempt, outcome);
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
