import { createBurstRefreshJob } from "../../../shared/jobs/outbox-jobs.ts";
import type { Settlement } from "../../../shared/store/job-operations.ts";
import type { ActionBody } from "../../../shared/task/rule-set.ts";
import { isSilentMessage } from "../../../shared/telegram/message-sounds.ts";
import { MINUTE, type Ms } from "../../../shared/time.ts";
import { addNotification, EMPTY_BURST } from "./burst-content.ts";
import { type DeliveryContext, retryAfter, SETTLED } from "./context.ts";
import {
  burstKey,
  createDeliveryPut,
  jobDeliveryKey,
  type OpenBurst,
  readBursts,
  type SendAttempt,
  type StoredBurst,
  sendAttemptKey,
} from "./delivery-records.ts";
import { getMuteKeys } from "./mutes.ts";
import { sendBurst } from "./send-burst.ts";

/**
 * Timeout for a refresh job: 60 s past its due time it counts as lost (a dead letter, say) and a new one is created.
 */
const REFRESH_TIMEOUT = MINUTE;
/** A burst keeps the correlation ids of its last notifications only, so that its record stays small. */
const CORRELATION_LIMIT = 20;

/** Delivers one notification: merges it into the open burst, or sends a message that opens a new burst. */
export async function deliverNotification(context: DeliveryContext, notification: ActionBody): Promise<Settlement> {
  const { store } = context.deps;
  const [delivered, ...mutes] = await store.read([jobDeliveryKey(context.job), ...getMuteKeys(notification)]);
  if (delivered) return SETTLED;
  const [attempt] = await store.read<SendAttempt>([sendAttemptKey(context.job)]);
  if (!attempt && mutes.some((mute) => mute !== undefined)) return recordMuted(context, notification);
  // An edit makes no sound, so what needs the human joins only a message that was sent with one.
  const sound = isSilentMessage(notification.event.kind, notification.facts.item) ? "silent" : "sound";
  const bursts = await readBursts(store, context.chat, sound === "silent" ? ["silent", "sound"] : ["sound"]);
  const now = await store.now();
  // A send that was started is finished as a send: its message may already be in the chat.
  const openBurst = attempt ? undefined : bursts.find(({ value }) => isBurstOpen(value, now, context.burstWindow));
  if (openBurst) return mergeIntoBurst(context, notification, openBurst, now);
  return sendBurst(context, {
    content: addNotification(EMPTY_BURST, notification),
    correlations: [notification.correlation],
    attempt,
    sound,
    burst: bursts.find((burst) => burst.sound === sound),
    since: now,
  });
}

/** Somebody muted the task or project: nothing is sent, and the dashboard shows why. */
async function recordMuted({ deps, job, chat }: DeliveryContext, { correlation }: ActionBody): Promise<Settlement> {
  await deps.store.commit({
    expect: [[jobDeliveryKey(job), 0]],
    put: [createDeliveryPut(job, { in: 0, record: jobDeliveryKey(job), notice: 0, muted: true })],
  });
  deps.log.info("telegram notification muted", { job: job.id, chat: String(chat), correlation });
  return SETTLED;
}

/** A burst stays open while notifications are still to be shown: opening another burst would lose them. */
function isBurstOpen({ since, shown: shownCount, told: content }: OpenBurst, now: number, window: number): boolean {
  return shownCount < content.count || now < since + window;
}

async function mergeIntoBurst(
  context: DeliveryContext,
  notification: ActionBody,
  { value: burst, rev, sound }: StoredBurst,
  now: Ms,
): Promise<Settlement> {
  const { deps, job, chat } = context;
  const content = addNotification(burst.told, notification);
  const isRefreshPending = burst.refreshAt !== undefined && now <= burst.refreshAt + REFRESH_TIMEOUT;
  const refreshAt = isRefreshPending ? burst.refreshAt : now + context.editDelay;
  const correlations = [...burst.correlations, notification.correlation].slice(-CORRELATION_LIMIT);
  const outcome = await deps.store.commit({
    expect: [
      [burstKey(chat, sound), rev],
      [jobDeliveryKey(job), 0],
    ],
    put: [
      { key: burstKey(chat, sound), value: { ...burst, told: content, refreshAt, correlations } },
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
  // The message was edited, or another process handled this job in the meantime: the next try finds out.
  if (outcome !== "kept") return retryAfter(context, 0);
  const { correlation } = notification;
  deps.log.info("telegram notification grouped", {
    job: job.id,
    chat: String(chat),
    messageId: burst.messageId,
    correlation,
  });
  if (!isRefreshPending) deps.kick({ queue: job.queue, after: context.editDelay });
  return SETTLED;
}
