import type { Settlement, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";
import {
  chatMessageKey,
  createChatMessagePut,
  type SentMessageRef,
  sentMessageKey,
} from "../../../shared/telegram/message-log.ts";
import type { Ms } from "../../../shared/time.ts";
import { commitWithRetry, type DeliveryContext, retryAfter, SETTLED } from "../delivery/context.ts";
import { DELIVERY_RETENTION, type SendAttempt, sendAttemptKey } from "../delivery/delivery-records.ts";
import { isPermanentEditFailure, retryFailedEdit } from "../delivery/edit-message.ts";
import { type MessageThread, readThread } from "../delivery/message-thread.ts";
import { muteKey } from "../delivery/mutes.ts";
import { reserveBackgroundSend } from "../delivery/rate-limits.ts";
import { type SentMessage, sendMessage, toFailureFields } from "../delivery/send-message.ts";
import { createEditedMessagePuts } from "./edited-message-puts.ts";
import { hashView, type MessageView } from "./live-message.ts";
import { markIfRepeated } from "./render-live-message.ts";
import { renderProgress } from "./render-progress.ts";
import { acceptsInputInChat } from "./text-lines.ts";

/** At most one edit of a message in so long (NOTIF-07). */
const EDIT_INTERVAL: Ms = 5_000;

/** The message that follows a task: one, however often the task is taken up. */
interface KeptProgress {
  messageId: number;
  /** Hash of what it says. */
  shown: string;
  repeat: boolean;
  /** Store time of the last call. */
  at: Ms;
  /** Somebody deleted it: they do not want to see it. */
  quiet?: true;
}

/** As long as anything is remembered; each edit begins it anew. */
const PROGRESS_RETENTION: Ms = DELIVERY_RETENTION;

const progressKey = (chat: ChatId, item: string): StoreKey => `progress:${chat}:${item}`;

/** Shows how a task is getting on: a message once it is begun, edited in place, still when nobody is at it any more. */
export async function updateProgressMessage(
  context: DeliveryContext,
  item: string,
  correlation: string,
): Promise<Settlement> {
  const { deps, chat, job } = context;
  if (!deps.settings.progress || !acceptsInputInChat(context)) return SETTLED;
  const [kept] = await deps.store.read<KeptProgress>([progressKey(chat, item)]);
  if (kept?.value.quiet) return SETTLED;
  const view = await renderProgress(context, item);
  if (!view || (await isMuted(context, item, view.project))) return SETTLED;
  if (kept) return editProgressMessage(context, { item, kept, view, correlation });
  if (view.isClosed || !view.isStarted) return SETTLED;
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  const thread = await readThread(context, item);
  return sendMessage(context, {
    attempt,
    isBackground: true,
    fields: { correlation },
    compose: (repeat) => ({ rich: markIfRepeated(context, view, repeat), extras: thread.extras }),
    onSent: (sentMessage) => recordSentProgress(context, { item, thread }, sentMessage),
  });
}

async function recordSentProgress(
  context: DeliveryContext,
  { item, thread }: { item: string; thread: MessageThread },
  { rich, messageId, repeat }: SentMessage,
): Promise<Settlement> {
  const { deps, job, chat } = context;
  const at = await deps.store.now();
  const record = chatMessageKey(chat, messageId, at);
  const value: KeptProgress = { messageId, shown: await hashView({ rich }), repeat, at };
  await commitWithRetry(context, {
    expect: [[progressKey(chat, item), 0]],
    put: [
      { key: progressKey(chat, item), value, expires: PROGRESS_RETENTION },
      { key: sentMessageKey(chat, messageId), value: { record } satisfies SentMessageRef, expires: DELIVERY_RETENTION },
      createChatMessagePut(record, { ...rich, chat: String(chat), messageId, at, repeat, shown: [[1, deps.clock()]] }),
      ...thread.createPuts(messageId),
      { key: sendAttemptKey(job), value: undefined },
    ],
  });
  return SETTLED;
}

async function isMuted({ deps }: DeliveryContext, ...subjectIds: string[]): Promise<boolean> {
  return (await deps.store.read(subjectIds.map(muteKey))).some((mute) => mute !== undefined);
}

interface ProgressEdit {
  item: string;
  kept: StoredValue<KeptProgress>;
  view: MessageView;
  correlation: string;
}

async function editProgressMessage(
  context: DeliveryContext,
  { item, kept, view, correlation }: ProgressEdit,
): Promise<Settlement> {
  const { deps, bot, job, chat } = context;
  const { messageId, repeat } = kept.value;
  const markedView = { ...view, rich: markIfRepeated(context, view, repeat) };
  const viewHash = await hashView(markedView);
  if (viewHash === kept.value.shown) return SETTLED;
  const untilNextEdit = kept.value.at + EDIT_INTERVAL - (await deps.store.now());
  if (untilNextEdit > 0) return retryAfter(context, untilNextEdit);
  const wait = await reserveBackgroundSend(deps.store, chat, context.limits);
  if (wait > 0) return retryAfter(context, wait);
  if (!context.isLeaseValid()) return retryAfter(context, 0);
  const outcome = await bot.editMessage(chat, messageId, markedView.rich);
  const fields = { job: job.id, chat: String(chat), messageId, correlation };
  const record = async (value: KeptProgress, withMessagePuts = true) => {
    const messagePuts = withMessagePuts ? await createEditedMessagePuts(context, messageId, markedView) : [];
    return commitWithRetry(context, {
      expect: [[progressKey(chat, item), kept.rev]],
      put: [
        { key: progressKey(chat, item), value, expires: PROGRESS_RETENTION },
        ...messagePuts,
        { key: sendAttemptKey(job), value: undefined },
      ],
    });
  };
  if (outcome.kind === "edited") {
    deps.log.debug("telegram progress edited", fields);
    await record({ ...kept.value, shown: viewHash, at: await deps.store.now() });
    return SETTLED;
  }
  deps.log.warn("telegram message not edited", { ...fields, outcome: outcome.kind, ...toFailureFields(outcome) });
  if (isPermanentEditFailure(outcome)) {
    await record({ ...kept.value, quiet: true }, false);
    return SETTLED;
  }
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  return retryFailedEdit(context, attempt, outcome);
}
