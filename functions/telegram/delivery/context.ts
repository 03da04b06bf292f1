/**
 * What one job of the outbox has at hand, and the records of its delivery: the attempt before the call, the delivery
 * after it, and mutes.
 */

import type { Deps } from "../../../shared/app/deps.ts";
import type { Settings } from "../../../shared/config/settings.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { Commit, JobResult, LeasedJob, Put, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import type { EventKind } from "../../../shared/task/events.ts";
import { type ActionBody, DECISION_LOG_MS } from "../../../shared/task/rule-set.ts";
import type { ChatId, TelegramBot } from "../../../shared/telegram/bot.ts";
import { type TelegramDelivery, telegramDeliveryKey } from "../../../shared/telegram/message-log.ts";
import { DAY, MINUTE, type Ms, SECOND } from "../../../shared/time.ts";
import type { Presentation, PresentationSettings } from "../presentation/presentation.ts";
import type { TelegramLimits } from "./rate-limits.ts";

/** The dependencies of the outbox. */
export type OutboxDeps = Pick<Deps, "store" | "telegram" | "log" | "clock" | "wait" | "notify"> & {
  settings: OutboxSettings;
};

/** The settings that decide how messages look and in which chat people can answer them. */
interface OutboxSettings extends PresentationSettings, Partial<Pick<Settings, "people" | "agents">> {
  plane?: { url: string; workspace: string };
  /** The chat whose commands, buttons and replies are handled. */
  telegram?: { chat: ChatId };
  /** Whether a message follows the progress of each running task. */
  progress?: boolean;
  timezone?: string;
  /** `minutes`: what a button adds to the time of a session. */
  tickets?: Settings["tickets"];
}

/** The context of one job that is being handled. */
export interface DeliveryContext {
  deps: OutboxDeps;
  bot: TelegramBot;
  job: LeasedJob;
  chat: ChatId;
  /** Of what the job follows from, for the log. */
  correlation: string;
  /** What an earlier try of the job has stored of its call. */
  attempt: StoredValue<SendAttempt> | undefined;
  presentation: Presentation;
  limits: TelegramLimits;
  /** Notifications that follow the first one within this time are merged into its message. */
  burstWindow: Ms;
  /** Time an edit waits for further notifications. */
  editDelay: Ms;
  /** Whether the lease can still be ours by our own clock. Checked right before each call to Telegram. */
  isLeaseValid: () => boolean;
}

/**
 * The attempt to send one job's message, stored before the call until its outcome is stored.
 * A later try that finds one knows that the message may have arrived.
 */
export interface SendAttempt {
  /** Token of the lease under which a call was started and whose outcome is not stored yet. */
  by?: string;
  /** An earlier call got no answer. */
  isUncertain: boolean;
  /** The message can never be edited: its text is sent as a new message. */
  resend?: true;
}

/** A muted task or project. The store deletes the record when the mute ends. */
interface MuteRecord {
  by: string;
  at: Ms;
  /** Store time; absent for a mute that lasts until somebody removes it. */
  until?: Ms;
}

export const JOB_DONE: JobResult = { done: true };

/** Intervals for retries: while Telegram is unreachable or refuses until a human fixes something, up to 10 minutes. */
const RETRY_DELAYS: readonly Ms[] = [SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE];

/** Intervals for repeating a commit that the store rejected: 5 s in all, enough for a short outage of the store. */
const COMMIT_PAUSES: readonly Ms[] = [200, 1_000, 4_000];

export const NO_SEND_ATTEMPT: SendAttempt = { isUncertain: false };

/**
 * Retention for deliveries: as long as the decision log, which shows with them what became of a job. That is longer
 * than the engine remembers the id of a finished job.
 */
export const DELIVERY_RETENTION: Ms = DECISION_LOG_MS;

/** Retention for attempts: 30 days, longer than it takes a human to fix a setting or requeue a failed job. */
export const SEND_ATTEMPT_RETENTION: Ms = 30 * DAY;

/** Sent even for muted tasks: an agent waits for an answer, or something is wrong. */
const NEVER_MUTED: readonly EventKind[] = ["asked", "review", "critical", "failed", "plan_proposed", "plan_failed"];

/** @param failed Telegram was unreachable or refused temporarily */
export async function retryAfter({ deps }: DeliveryContext, wait: Ms, failed = false): Promise<JobResult> {
  return { retryAt: (await deps.store.now()) + wait, ...(failed ? { failed } : {}) };
}

/** @param failures number of failures before this one */
export function getRetryDelay(failures: number): Ms {
  return RETRY_DELAYS[Math.min(failures, RETRY_DELAYS.length - 1)] ?? 0;
}

/**
 * Commits what Telegram has already done. It is worth several tries, since without the commit the message is sent
 * again. A rejected commit may have been stored after all: then its next try is `stale`.
 */
export async function commitWithRetry(
  { deps }: DeliveryContext,
  commit: Commit,
): Promise<"committed" | "stale" | "fenced"> {
  for (const pause of COMMIT_PAUSES) {
    try {
      return await deps.store.commit(commit);
    } catch {
      await deps.wait(pause);
    }
  }
  return deps.store.commit(commit);
}

/** Written once a job's notification is in a message or a burst, so that a second commit of the same job is stale. */
export const jobDeliveryKey = ({ id }: LeasedJob): StoreKey => telegramDeliveryKey(id);

export function createDeliveryPut(job: LeasedJob, delivery: TelegramDelivery): Put {
  return { key: jobDeliveryKey(job), value: delivery, expires: DELIVERY_RETENTION };
}

export const sendAttemptKey = ({ id }: LeasedJob): StoreKey => `send-attempt:${encodeURI(id)}`;

/** Reads what earlier tries of a job have done: whether its message is delivered, and the attempt to send it. */
export async function readDeliveryState({ deps, job }: Pick<DeliveryContext, "deps" | "job">) {
  const [delivery, attempt] = await deps.store.read<SendAttempt>([jobDeliveryKey(job), sendAttemptKey(job)]);
  return { isDelivered: delivery !== undefined, attempt };
}

/** @param subjectId a work item's or project's Plane id */
export const muteKey = (subjectId: string): StoreKey => `mute:${subjectId}`;

export function createMutePut(subjectId: string, mute: MuteRecord | undefined): Put {
  const { until, at } = mute ?? {};
  const expires = until !== undefined && at !== undefined ? { expires: until - at } : {};
  return { key: muteKey(subjectId), value: mute, ...expires };
}

/** Keys of the mutes that apply to this notification; it is muted if one of them exists. */
export function getMuteKeys({ event, facts }: ActionBody): StoreKey[] {
  if (NEVER_MUTED.includes(event.kind)) return [];
  return keepDefined([facts.project?.id, facts.item?.id]).map(muteKey);
}
