import { DECISION_LOG_MS } from "../../../shared/decision-log/decision-log.ts";
import type { Job, LeasedJob, Ms, Put, StoreKey } from "../../../shared/store/port.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";
import { type TelegramDelivery, telegramDeliveryKey } from "../../../shared/telegram/message-log.ts";
import type { BurstContent } from "./burst-content.ts";

/** What is kept of a chat: the message that what follows within the burst is folded into. */
export interface OpenBurst {
  messageId: number;
  /** Store time of the first sending. */
  since: Ms;
  told: BurstContent;
  /** How many of the notices the message shows. */
  shown: number;
  /** An earlier sending of this message may have arrived too. */
  repeat: boolean;
  /** How often the message has been edited: tells what was folded meanwhile from an edit that came in between. */
  edits?: number;
  /** When the job that shows the others is due; absent when none was asked for. */
  refreshAt?: Ms;
  /** Of the notices that are not shown yet, for the log; the last few. */
  correlations: string[];
  /** Where the message is kept as people see it. */
  record: StoreKey;
}

/**
 * The sending of one job's message, kept before the call and until its outcome is kept.
 * Found by a later try, it says that the message may have arrived.
 */
export interface SendAttempt {
  /** The lease under which a call is being made, or was when the process ended. */
  by?: string;
  /** An earlier call never had an answer. */
  doubtful: boolean;
  /** How often Telegram could not be reached or refused for now. */
  failures: number;
  /** The message to edit is gone or cannot be edited: what it should say is sent. */
  anew?: true;
}

export const NO_SEND_ATTEMPT: SendAttempt = { doubtful: false, failures: 0 };

/** For a burst whose message shows everything: long past any burst. */
export const BURST_RETENTION: Ms = 3_600_000;
/** As long as the trail, which tells by it what became of a job; longer than the engine remembers a done job's id. */
export const DELIVERY_RETENTION: Ms = DECISION_LOG_MS;
/** Longer than any wait for a human to mend a setting or replay a dead letter. */
export const SEND_ATTEMPT_RETENTION: Ms = 30 * 86_400_000;

export const burstKey = (chat: ChatId): StoreKey => `chat:${chat}`;
/** Kept once a job's notice is in a message (or a burst); a second commit of the same job is stale. */
export const jobDeliveryKey = ({ id }: LeasedJob): StoreKey => telegramDeliveryKey(id);

export function createDeliveryPut(job: LeasedJob, delivery: TelegramDelivery): Put {
  return { key: jobDeliveryKey(job), value: delivery, expires: DELIVERY_RETENTION };
}

export const sendAttemptKey = ({ id }: LeasedJob): StoreKey => `attempt:${encodeURI(id)}`;

/**
 * The job that shows what was folded into a message: in a lane of its own, so that what comes while it waits is folded
 * in as well.
 * @param discriminator tells this refresh from the message's others
 */
export function createBurstRefreshJob(
  chat: ChatId,
  messageId: number,
  discriminator: string,
  at: Ms,
  correlation: string,
): Job {
  return {
    id: `refresh:${chat}:${messageId}:${discriminator}`,
    queue: "outbox",
    lane: `telegram:${chat}:refresh`,
    at,
    body: { refresh: { messageId }, correlation },
  };
}

/** What people are told in answer to what they said: in a lane of its own, so that no notice keeps them waiting. */
export const answersLane = (chat: ChatId): string => `telegram:${chat}:answers`;

/** The chat of a lane `telegram:<chat>`, with `:refresh`, `:answers` or `:live:<item>` or not; undefined for any other lane. */
export function parseLaneChat(lane: string): ChatId | undefined {
  const [, number, name] = /^telegram:(?:(-?\d+)|(@\w+))(?::refresh|:answers|:live:.+)?$/.exec(lane) ?? [];
  return number === undefined ? name : Number(number);
}
