import { DECISION_LOG_MS } from "../../../shared/decision-log/decision-log.ts";
import type { LeasedJob } from "../../../shared/store/job-operations.ts";
import type { Put, Store, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import { type TelegramDelivery, telegramDeliveryKey } from "../../../shared/telegram/message-log.ts";
import type { ChatId } from "../../../shared/telegram/telegram-bot.ts";
import { DAY, HOUR, type Ms } from "../../../shared/time.ts";
import type { BurstContent } from "./burst-content.ts";

/** The stored state of a chat's burst: the message that further notifications are merged into. */
export interface OpenBurst {
  messageId: number;
  /** Store time at which the burst began. */
  since: Ms;
  told: BurstContent;
  /** Number of notifications that the message shows. */
  shown: number;
  /** An earlier send of this message may have arrived too. */
  repeat: boolean;
  /** Number of edits; it distinguishes an edit by another process from a merged notification. */
  edits?: number;
  /** When the job that shows the remaining notifications is due; absent without such a job. */
  refreshAt?: Ms;
  /** For the log: correlation ids of the last notifications that are not shown yet. */
  correlations: string[];
  /** Key of the message as people see it. */
  record: StoreKey;
}

/**
 * The attempt to send one job's message, stored before the call until its outcome is stored.
 * A later try that finds one knows that the message may have arrived.
 */
export interface SendAttempt {
  /** Token of the lease under which a call was started and whose outcome is not stored yet. */
  by?: string;
  /** An earlier call got no answer. */
  doubtful: boolean;
  /** How often Telegram was unreachable or refused temporarily. */
  failures: number;
  /** The message can never be edited: its text is sent as a new message. */
  anew?: true;
}

export const NO_SEND_ATTEMPT: SendAttempt = { doubtful: false, failures: 0 };

/** Retention for a burst whose message shows everything: 1 hour, far longer than any burst window. */
export const BURST_RETENTION: Ms = HOUR;
/**
 * Retention for deliveries: as long as the decision log, which shows with them what became of a job. That is longer
 * than the engine remembers the id of a finished job.
 */
export const DELIVERY_RETENTION: Ms = DECISION_LOG_MS;
/** Retention for attempts: 30 days, longer than it takes a human to fix a setting or requeue a failed job. */
export const SEND_ATTEMPT_RETENTION: Ms = 30 * DAY;

/** Whether a burst's message was sent with a sound. A chat has one open burst of each kind. */
export type BurstSound = "sound" | "silent";

/** Bursts of earlier versions, all sent with a sound, have the key without an addition. */
export const burstKey = (chat: ChatId, sound: BurstSound): StoreKey =>
  sound === "sound" ? `chat:${chat}` : `chat:${chat}:silent`;

/** A burst of a chat as it is stored. */
export interface StoredBurst extends StoredValue<OpenBurst> {
  sound: BurstSound;
}

/** Reads the bursts of a chat with these sounds, in their order; those that do not exist are left out. */
export async function readBursts(
  store: Pick<Store, "read">,
  chat: ChatId,
  sounds: readonly BurstSound[],
): Promise<StoredBurst[]> {
  const bursts = await store.read<OpenBurst>(sounds.map((sound) => burstKey(chat, sound)));
  return sounds.flatMap((sound, i) => {
    const burst = bursts[i];
    return burst ? [{ ...burst, sound }] : [];
  });
}
/** Written once a job's notification is in a message or a burst, so that a second commit of the same job is stale. */
export const jobDeliveryKey = ({ id }: LeasedJob): StoreKey => telegramDeliveryKey(id);

export function createDeliveryPut(job: LeasedJob, delivery: TelegramDelivery): Put {
  return { key: jobDeliveryKey(job), value: delivery, expires: DELIVERY_RETENTION };
}

export const sendAttemptKey = ({ id }: LeasedJob): StoreKey => `attempt:${encodeURI(id)}`;
