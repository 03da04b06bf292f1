import type { Ms, Settlement, StoredValue } from "../../../shared/store/port.ts";
import type { ActionBody } from "../../../shared/task/events.ts";
import { addNotification, EMPTY_BURST } from "./burst-content.ts";
import { type DeliveryContext, retryAfter, SETTLED } from "./context.ts";
import {
  burstKey,
  createBurstRefreshJob,
  createDeliveryPut,
  jobDeliveryKey,
  type OpenBurst,
  type SendAttempt,
  sendAttemptKey,
} from "./delivery-records.ts";
import { getMuteKeys } from "./mutes.ts";
import { sendBurst } from "./send-burst.ts";

/** A refresh that is overdue by this much is taken for lost (set aside, say) and asked for again. */
const REFRESH_OVERDUE = 60_000;
const CORRELATION_LIMIT = 20;

/** One notice: folded into the open burst's message, else a message that opens a burst. */
export async function deliverNotification(context: DeliveryContext, notification: ActionBody): Promise<Settlement> {
  const { store } = context.deps;
  const [delivered, ...mutes] = await store.read([jobDeliveryKey(context.job), ...getMuteKeys(notification)]);
  if (delivered) return SETTLED;
  const [attempt] = await store.read<SendAttempt>([sendAttemptKey(context.job)]);
  if (!attempt && mutes.some((mute) => mute !== undefined)) return recordMuted(context, notification);
  const [kept] = await store.read<OpenBurst>([burstKey(context.chat)]);
  const now = await store.now();
  // A sending that was begun is seen to its end: the message may be there.
  if (!attempt && kept && isBurstOpen(kept.value, now, context.burstWindow))
    return mergeIntoBurst(context, notification, kept, now);
  return sendBurst(context, {
    content: addNotification(EMPTY_BURST, notification),
    correlations: [notification.correlation],
    attempt,
    burst: kept,
    since: now,
  });
}

/** Somebody muted what it is about: nothing is said, and the page tells why. */
async function recordMuted({ deps, job, chat }: DeliveryContext, { correlation }: ActionBody): Promise<Settlement> {
  await deps.store.commit({
    expect: [[jobDeliveryKey(job), 0]],
    put: [createDeliveryPut(job, { in: 0, record: jobDeliveryKey(job), notice: 0, muted: true })],
  });
  deps.log.info("telegram notice muted", { job: job.id, chat: String(chat), correlation });
  return SETTLED;
}

/** Also while there is something to show: what was folded must not be lost by opening another burst. */
function isBurstOpen({ since, shown: shownCount, told: content }: OpenBurst, now: number, window: number): boolean {
  return shownCount < content.count || now < since + window;
}

async function mergeIntoBurst(
  context: DeliveryContext,
  notification: ActionBody,
  { value: burst, rev }: StoredValue<OpenBurst>,
  now: Ms,
): Promise<Settlement> {
  const { deps, job, chat } = context;
  const content = addNotification(burst.told, notification);
  const isRefreshPending = burst.refreshAt !== undefined && now <= burst.refreshAt + REFRESH_OVERDUE;
  const refreshAt = isRefreshPending ? burst.refreshAt : now + context.editDelay;
  const correlations = [...burst.correlations, notification.correlation].slice(-CORRELATION_LIMIT);
  const outcome = await deps.store.commit({
    expect: [
      [burstKey(chat), rev],
      [jobDeliveryKey(job), 0],
    ],
    put: [
      { key: burstKey(chat), value: { ...burst, told: content, refreshAt, correlations } },
      createDeliveryPut(job, { in: burst.messageId, record: burst.record, notice: content.count }),
    ],
    jobs: isRefreshPending
      ? []
      : [
          createBurstRefreshJob(
            chat,
            burst.messageId,
            String(content.count),
            now + context.editDelay,
            notification.correlation,
          ),
        ],
  });
  // The message was edited, or somebody else had this job in the meantime; the next look tells.
  if (outcome !== "kept") return retryAfter(context, 0);
  const { correlation } = notification;
  deps.log.info("telegram notice folded", { job: job.id, chat: String(chat), messageId: burst.messageId, correlation });
  if (!isRefreshPending) deps.kick({ queue: job.queue, after: context.editDelay });
  return SETTLED;
}
