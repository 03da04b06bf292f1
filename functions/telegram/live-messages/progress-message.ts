import type { Settlement } from "../../../shared/store/job-operations.ts";
import type { Put, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import { toSoundExtras } from "../../../shared/telegram/message-sounds.ts";
import type { ChatId } from "../../../shared/telegram/telegram-bot.ts";
import type { Ms } from "../../../shared/time.ts";
import { commitWithRetry, type DeliveryContext, retryAfter, SETTLED } from "../delivery/context.ts";
import { DELIVERY_RETENTION, type SendAttempt, sendAttemptKey } from "../delivery/delivery-records.ts";
import { editMessage } from "../delivery/edit-message.ts";
import { type MessageThread, readThread } from "../delivery/message-thread.ts";
import { muteKey } from "../delivery/mutes.ts";
import { type SentMessage, sendMessage } from "../delivery/send-message.ts";
import { createSentMessagePuts } from "../delivery/sent-message-puts.ts";
import { createEditedMessagePuts } from "./edited-message-puts.ts";
import { hashView, type MessageView } from "./live-message.ts";
import { markIfRepeated } from "./render-live-message.ts";
import { renderProgress } from "./render-progress.ts";
import { acceptsInputInChat } from "./text-lines.ts";

/** Interval for edits of a progress message: 5 s (NOTIF-07). */
const EDIT_INTERVAL: Ms = 5_000;

/** The progress message of a task. There is one, however often the task is claimed. */
interface KeptProgress {
  messageId: number;
  /** Hash of the view that the message shows. */
  shown: string;
  repeat: boolean;
  /** Store time of the last send or edit. */
  at: Ms;
  /** Somebody deleted the message, so it is not sent again. */
  quiet?: true;
}

/** Retention for progress messages: as long as deliveries. Each edit renews it. */
const PROGRESS_RETENTION: Ms = DELIVERY_RETENTION;

const progressKey = (chat: ChatId, item: string): StoreKey => `progress:${chat}:${item}`;

/**
 * Shows the progress of a task: sends one message when the work has started and edits it from then on. While no agent
 * works on the task the message does not change any more.
 */
export async function updateProgressMessage(
  context: DeliveryContext,
  item: string,
  correlation: string,
): Promise<Settlement> {
  const { deps, chat, job } = context;
  if (!deps.settings.progress || !acceptsInputInChat(context)) return SETTLED;
  const [stored] = await deps.store.read<KeptProgress>([progressKey(chat, item)]);
  if (stored?.value.quiet) return SETTLED;
  const view = await renderProgress(context, item);
  if (!view || (await isMuted(context, item, view.project))) return SETTLED;
  if (stored) return editProgressMessage(context, { item, stored, view, correlation });
  if (view.isClosed || !view.isStarted) return SETTLED;
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  const thread = await readThread(context, item);
  return sendMessage(context, {
    attempt,
    priority: "background",
    fields: { correlation },
    compose: (repeat) => ({
      rich: markIfRepeated(context, view, repeat),
      extras: { ...thread.extras, ...toSoundExtras("progress") },
    }),
    onSent: (sentMessage) => recordSentProgress(context, { item, thread }, sentMessage),
  });
}

async function recordSentProgress(
  context: DeliveryContext,
  { item, thread }: { item: string; thread: MessageThread },
  sentMessage: SentMessage,
): Promise<Settlement> {
  const { deps, chat } = context;
  const { rich, messageId, repeat } = sentMessage;
  const at = await deps.store.now();
  const value: KeptProgress = { messageId, shown: await hashView({ rich }), repeat, at };
  await commitWithRetry(context, {
    expect: [[progressKey(chat, item), 0]],
    put: [
      { key: progressKey(chat, item), value, expires: PROGRESS_RETENTION },
      ...createSentMessagePuts(context, sentMessage, at, { tasks: [item] }),
      ...thread.createPuts(messageId),
    ],
  });
  return SETTLED;
}

async function isMuted({ deps }: DeliveryContext, ...subjectIds: string[]): Promise<boolean> {
  return (await deps.store.read(subjectIds.map(muteKey))).some((mute) => mute !== undefined);
}

interface ProgressEdit {
  item: string;
  stored: StoredValue<KeptProgress>;
  view: MessageView;
  correlation: string;
}

async function editProgressMessage(
  context: DeliveryContext,
  { item, stored, view, correlation }: ProgressEdit,
): Promise<Settlement> {
  const { deps, job, chat } = context;
  const { messageId, repeat } = stored.value;
  const markedView = { ...view, rich: markIfRepeated(context, view, repeat) };
  const viewHash = await hashView(markedView);
  if (viewHash === stored.value.shown) return SETTLED;
  const untilNextEdit = stored.value.at + EDIT_INTERVAL - (await deps.store.now());
  if (untilNextEdit > 0) return retryAfter(context, untilNextEdit);
  const record = async (value: KeptProgress, messagePuts: Put[]): Promise<Settlement> => {
    await commitWithRetry(context, {
      expect: [[progressKey(chat, item), stored.rev]],
      put: [
        { key: progressKey(chat, item), value, expires: PROGRESS_RETENTION },
        ...messagePuts,
        { key: sendAttemptKey(job), value: undefined },
      ],
    });
    return SETTLED;
  };
  return editMessage(context, {
    attempt: "unread",
    messageId,
    rich: markedView.rich,
    priority: "background",
    fields: { correlation },
    successLog: { level: "debug", message: "telegram progress edited" },
    onEdited: async () => {
      const value = { ...stored.value, shown: viewHash, at: await deps.store.now() };
      return record(value, await createEditedMessagePuts(context, messageId, markedView));
    },
    onPermanentFailure: () => record({ ...stored.value, quiet: true }, []),
  });
}
