import { createBurstRefreshJob } from "../../../shared/jobs/outbox-jobs.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Settlement } from "../../../shared/store/job-operations.ts";
import type { Put, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import {
  appendMessageHistory,
  type ChatMessage,
  chatMessageKey,
  createChatMessagePut,
} from "../../../shared/telegram/message-log.ts";
import { createMessageTasksPuts } from "../../../shared/telegram/message-tasks.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import type { BurstContent } from "./burst-content.ts";
import { commitWithRetry, type DeliveryContext, SETTLED } from "./context.ts";
import {
  BURST_RETENTION,
  type BurstSound,
  burstKey,
  createDeliveryPut,
  jobDeliveryKey,
  type OpenBurst,
  type SendAttempt,
  sendAttemptKey,
} from "./delivery-records.ts";
import { type MessageThread, readThread } from "./message-thread.ts";
import { renderBurst } from "./render-burst.ts";
import { type SentMessage, sendMessage } from "./send-message.ts";

interface BurstSendRequest {
  content: BurstContent;
  correlations: string[];
  /** The stored attempt of an earlier try of this job. */
  attempt: StoredValue<SendAttempt> | undefined;
  sound: BurstSound;
  /** The chat's stored burst of this sound, which the new one replaces. */
  burst: StoredValue<OpenBurst> | undefined;
  /** Store time at which the burst began. */
  since: number;
  /** The message that could not be edited: the new one replaces it in its record and continues its history. */
  replaces?: { record: StoreKey; shownHistory: ChatMessage["shown"] };
}

/** Sends the message of a burst. Only a send whose answer was lost is repeated, and the repeat is marked. */
export async function sendBurst(context: DeliveryContext, request: BurstSendRequest): Promise<Settlement> {
  const { content, attempt, correlations, sound } = request;
  const thread = await readThread(context, content.count === 1 ? content.notices[0]?.facts.item?.id : undefined);
  return sendMessage(context, {
    attempt,
    priority: "notification",
    fields: { notices: content.count, correlations },
    compose: (repeat) => ({
      rich: renderBurst(content, context.presentation, repeat),
      extras: { ...thread.extras, ...omitUndefined({ silent: sound === "silent" ? true : undefined }) },
    }),
    onSent: (sentMessage) => recordSentBurst(context, { ...request, thread }, sentMessage),
  });
}

async function recordSentBurst(
  context: DeliveryContext,
  request: BurstSendRequest & { thread: MessageThread },
  { rich, messageId, repeat }: SentMessage,
): Promise<Settlement> {
  const { job, chat, deps } = context;
  const { content, since, replaces, correlations, thread, sound } = request;
  const record = replaces?.record ?? chatMessageKey(chat, messageId, since);
  const shownHistory = appendMessageHistory(replaces?.shownHistory ?? [], content.count, deps.clock());
  let burst: OpenBurst = { messageId, since, told: content, shown: content.count, repeat, correlations: [], record };
  let rev = request.burst?.rev ?? 0;
  for (;;) {
    const at = burst.told.count > burst.shown ? (await deps.store.now()) + context.editDelay : undefined;
    const outcome = await commitWithRetry(context, {
      expect: [
        [burstKey(chat, sound), rev],
        [jobDeliveryKey(job), 0],
      ],
      put: [
        at === undefined
          ? { key: burstKey(chat, sound), value: burst, expires: BURST_RETENTION }
          : { key: burstKey(chat, sound), value: { ...burst, refreshAt: at } },
        createDeliveryPut(job, { in: messageId, record, notice: 1 }),
        ...createBurstMessagePuts(context, burst, rich, shownHistory),
        ...thread.createPuts(messageId),
        { key: sendAttemptKey(job), value: undefined },
      ],
      jobs:
        at === undefined
          ? []
          : [createBurstRefreshJob(chat, messageId, `after.${job.token}`, at, correlations.at(-1) ?? "")],
    });
    if (outcome === "kept") {
      if (at !== undefined) deps.kick({ queue: job.queue, after: context.editDelay });
      return SETTLED;
    }
    const [delivered, stored] = await deps.store.read<OpenBurst>([jobDeliveryKey(job), burstKey(chat, sound)]);
    if (delivered) return SETTLED;
    rev = stored?.rev ?? 0;
    // Notifications merged into the replaced message in the meantime are shown by an edit of the new one.
    if (replaces && stored && stored.value.messageId === request.burst?.value.messageId) {
      const unshown = stored.value.correlations.filter((id) => !correlations.includes(id));
      burst = { ...burst, told: stored.value.told, correlations: unshown };
    }
  }
}

/** Records the burst's message as people see it now, for the dashboard, and the tasks that it is about, for replies. */
export function createBurstMessagePuts(
  { chat }: DeliveryContext,
  burst: OpenBurst,
  rich: RichText,
  shownHistory: ChatMessage["shown"],
): Put[] {
  const { record, messageId, since, repeat } = burst;
  const message = { ...rich, chat: String(chat), messageId, at: since, repeat, shown: shownHistory };
  const tasks = keepDefined(burst.told.notices.map(({ facts }) => facts.item?.id));
  return [createChatMessagePut(record, message), ...createMessageTasksPuts(chat, messageId, tasks)];
}
