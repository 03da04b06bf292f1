/**
 * The life of a notification: the first one of a burst is sent at once, those that follow within the window are merged
 * into its message by an edit.
 */

import { type BurstRefreshBody, createBurstRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Commit, JobResult, Put, Revision, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import type { ActionBody } from "../../../shared/task/rule-set.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";
import { isSilentMessage } from "../../../shared/telegram/chat-settings.ts";
import {
  appendMessageHistory,
  type ChatMessage,
  chatMessageKey,
  createChatMessagePut,
  createMessageTasksPuts,
} from "../../../shared/telegram/message-log.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import { HOUR, MINUTE, type Ms } from "../../../shared/time.ts";
import { addNotification, type BurstContent, EMPTY_BURST, renderBurst } from "./burst.ts";
import {
  commitWithRetry,
  createDeliveryPut,
  type DeliveryContext,
  getMuteKeys,
  JOB_DONE,
  jobDeliveryKey,
  readDeliveryState,
  retryAfter,
  type SendAttempt,
  sendAttemptKey,
} from "./context.ts";
import {
  editMessage,
  type MessageThread,
  readThread,
  type SentMessage,
  sendInNextTry,
  sendMessage,
} from "./messages.ts";

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
  replaces?: { record: StoreKey; history: ChatMessage["history"] };
}

/** The stored state of a chat's burst: the message that further notifications are merged into. */
interface OpenBurst {
  messageId: number;
  /** Store time at which the burst began. */
  since: Ms;
  content: BurstContent;
  /** Number of notifications that the message shows. */
  sentCount: number;
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

/** Whether a burst's message was sent with a sound. A chat has one open burst of each kind. */
type BurstSound = "sound" | "silent";

/** A burst of a chat as it is stored. */
interface StoredBurst extends StoredValue<OpenBurst> {
  sound: BurstSound;
}

/**
 * Timeout for a refresh job: 60 s past its due time it counts as lost (a dead letter, say) and a new one is created.
 */
const REFRESH_TIMEOUT = MINUTE;

/** A burst keeps the correlation ids of its last notifications only, so that its record stays small. */
const CORRELATION_LIMIT = 20;

/** Retention for a burst whose message shows everything: 1 hour, far longer than any burst window. */
const BURST_RETENTION: Ms = HOUR;

/** Delivers one notification: merges it into the open burst, or sends a message that opens a new burst. */
export async function deliverNotification(context: DeliveryContext, notification: ActionBody): Promise<JobResult> {
  const { store } = context.deps;
  const { isDelivered, attempt } = await readDeliveryState(context);
  if (isDelivered) return JOB_DONE;
  const mutes = await store.read(getMuteKeys(notification));
  if (!attempt && mutes.some((mute) => mute !== undefined)) return recordMuted(context, notification);
  // An edit makes no sound, so what needs the human joins only a message that was sent with one.
  const sound = isSilentMessage(notification.event.kind, notification.facts.item) ? "silent" : "sound";
  const bursts = await readBursts(context, sound === "silent" ? ["silent", "sound"] : ["sound"]);
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
async function recordMuted({ deps, job, chat }: DeliveryContext, { correlation }: ActionBody): Promise<JobResult> {
  await deps.store.commit({
    expect: [[jobDeliveryKey(job), 0]],
    put: [createDeliveryPut(job, { in: 0, record: jobDeliveryKey(job), notice: 0, muted: true })],
  });
  deps.log.info("telegram notification muted", { job: job.id, chat: String(chat), correlation });
  return JOB_DONE;
}

/** Reads the bursts of a chat with these sounds, in their order; those that do not exist are left out. */
async function readBursts({ deps, chat }: DeliveryContext, sounds: readonly BurstSound[]): Promise<StoredBurst[]> {
  const bursts = await deps.store.read<OpenBurst>(sounds.map((sound) => burstKey(chat, sound)));
  return sounds.flatMap((sound, i) => {
    const burst = bursts[i];
    return burst ? [{ ...burst, sound }] : [];
  });
}

/** A burst stays open while notifications are still to be shown: opening another burst would lose them. */
function isBurstOpen({ since, sentCount: shownCount, content }: OpenBurst, now: number, window: number): boolean {
  return shownCount < content.count || now < since + window;
}

async function mergeIntoBurst(
  context: DeliveryContext,
  notification: ActionBody,
  { value: burst, rev, sound }: StoredBurst,
  now: Ms,
): Promise<JobResult> {
  const { deps, job, chat } = context;
  const { messageId, refreshAt } = burst;
  const { correlation } = notification;
  const content = addNotification(burst.content, notification);
  const correlations = [...burst.correlations, correlation].slice(-CORRELATION_LIMIT);
  const isRefreshPending = refreshAt !== undefined && now <= refreshAt + REFRESH_TIMEOUT;
  const outcome = await commitBurst(context, {
    sound,
    rev,
    burst: { ...burst, content, correlations },
    refresh: isRefreshPending ? undefined : { id: String(content.count), after: context.editDelay, correlation },
    expect: [[jobDeliveryKey(job), 0]],
    put: [createDeliveryPut(job, { in: messageId, record: burst.record, notice: content.count })],
  });
  // The message was edited, or another process handled this job in the meantime: the next try finds out.
  if (outcome !== "committed") return retryAfter(context, 0);
  deps.log.info("telegram notification grouped", { job: job.id, chat: String(chat), messageId, correlation });
  return JOB_DONE;
}

/** Stores a burst, and if a refresh is given, the job that shows what its message lacks. */
async function commitBurst(
  context: DeliveryContext,
  {
    sound,
    rev,
    burst,
    refresh,
    expect = [],
    put = [],
  }: Pick<Commit, "expect" | "put"> & {
    sound: BurstSound;
    rev: Revision;
    burst: OpenBurst;
    /** `id` tells it from other refreshes of the message. */
    refresh: { id: string; after: Ms; correlation: string } | undefined;
  },
): ReturnType<typeof commitWithRetry> {
  const { deps, job, chat } = context;
  const key = burstKey(chat, sound);
  const refreshAt = refresh ? (await deps.store.now()) + refresh.after : burst.refreshAt;
  const isComplete = refreshAt === undefined && burst.sentCount >= burst.content.count;
  const outcome = await commitWithRetry(context, {
    expect: [[key, rev], ...expect],
    put: [
      {
        key,
        value: { ...burst, ...omitUndefined({ refreshAt }) },
        ...(isComplete ? { expires: BURST_RETENTION } : {}),
      },
      ...put,
    ],
    jobs:
      refresh && refreshAt !== undefined
        ? [createBurstRefreshJob(chat, burst.messageId, refresh.id, refreshAt, refresh.correlation)]
        : [],
  });
  if (outcome === "committed" && refresh) deps.notify({ queue: job.queue, after: refresh.after });
  return outcome;
}

/** Sends the message of a burst. Only a send whose answer was lost is repeated, and the repeat is marked. */
async function sendBurst(context: DeliveryContext, request: BurstSendRequest): Promise<JobResult> {
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
): Promise<JobResult> {
  const { job, chat, deps } = context;
  const { content, since, replaces, correlations, thread, sound } = request;
  const record = replaces?.record ?? chatMessageKey(chat, messageId, since);
  const history = appendMessageHistory(replaces?.history ?? [], content.count, deps.clock());
  let burst: OpenBurst = { messageId, since, content, sentCount: content.count, repeat, correlations: [], record };
  let rev = request.burst?.rev ?? 0;
  for (;;) {
    const hasMore = burst.content.count > burst.sentCount;
    const outcome = await commitBurst(context, {
      sound,
      rev,
      burst,
      refresh: hasMore ? createFollowUp(context, context.editDelay, correlations.at(-1) ?? "") : undefined,
      expect: [[jobDeliveryKey(job), 0]],
      put: [
        createDeliveryPut(job, { in: messageId, record, notice: 1 }),
        ...createBurstMessagePuts(context, burst, rich, history),
        ...thread.createPuts(messageId),
        { key: sendAttemptKey(job), value: undefined },
      ],
    });
    if (outcome === "committed") return JOB_DONE;
    const [delivered, stored] = await deps.store.read<OpenBurst>([jobDeliveryKey(job), burstKey(chat, sound)]);
    if (delivered) return JOB_DONE;
    rev = stored?.rev ?? 0;
    // Notifications merged into the replaced message in the meantime are shown by an edit of the new one.
    if (replaces && stored && stored.value.messageId === request.burst?.value.messageId) {
      const unshown = stored.value.correlations.filter((id) => !correlations.includes(id));
      burst = { ...burst, content: stored.value.content, correlations: unshown };
    }
  }
}

/** The refresh that follows this job. */
function createFollowUp({ job }: DeliveryContext, after: Ms, correlation: string) {
  return { id: `after.${job.token}`, after, correlation };
}

/** Records the burst's message as people see it now, for the dashboard, and the tasks that it is about, for replies. */
function createBurstMessagePuts(
  { chat }: DeliveryContext,
  burst: OpenBurst,
  rich: RichText,
  history: ChatMessage["history"],
): Put[] {
  const { record, messageId, since, repeat } = burst;
  const message = { ...rich, chat: String(chat), messageId, at: since, repeat, history };
  const tasks = keepDefined(burst.content.notices.map(({ facts }) => facts.item?.id));
  return [createChatMessagePut(record, message), ...createMessageTasksPuts(chat, messageId, tasks)];
}

/** Updates the burst's message with an edit. If the message cannot be edited, its content is sent as a new one. */
export async function refreshBurst(
  context: DeliveryContext,
  { refresh: { messageId }, correlation }: BurstRefreshBody,
): Promise<JobResult> {
  const { deps, presentation } = context;
  const { isDelivered, attempt } = await readDeliveryState(context);
  const bursts = await readBursts(context, ["silent", "sound"]);
  const stored = bursts.find(({ value }) => value.messageId === messageId);
  if (isDelivered || !stored || stored.value.sentCount >= stored.value.content.count) return JOB_DONE;
  const { content, since, correlations, record, repeat } = stored.value;
  const { sound } = stored;
  const [shown] = await deps.store.read<ChatMessage>([record]);
  const history = shown?.value.history ?? [];
  if (attempt?.value.resend) {
    const request = { content, correlations, attempt, sound, burst: stored, since, replaces: { record, history } };
    const jobResult = await sendBurst(context, request);
    if ("dead" in jobResult) await dropFailedRefresh(context, stored, correlation);
    return jobResult;
  }
  const rich = renderBurst(content, presentation, repeat);
  return editMessage(context, {
    messageId,
    rich,
    priority: "notification",
    fields: { notices: content.count, correlations },
    onEdited: () =>
      recordRefreshedBurst(
        context,
        stored,
        (now) => createBurstMessagePuts(context, now, rich, appendMessageHistory(history, content.count, deps.clock())),
        correlation,
      ),
    onPermanentFailure: () => sendInNextTry(context, attempt),
  });
}

/** The refresh job failed for good: if further notifications are waiting, a new refresh shows all of them. */
async function dropFailedRefresh(context: DeliveryContext, stored: StoredBurst, correlation: string): Promise<void> {
  const { deps, chat, editDelay } = context;
  const { sound } = stored;
  for (let latest: StoredValue<OpenBurst> | undefined = stored; latest?.value.messageId === stored.value.messageId; ) {
    const { refreshAt: _, ...burst } = latest.value;
    const hasMore = burst.content.count > stored.value.content.count;
    const refresh = hasMore ? createFollowUp(context, editDelay, correlation) : undefined;
    if ((await commitBurst(context, { sound, rev: latest.rev, burst, refresh })) === "committed") return;
    [latest] = await deps.store.read<OpenBurst>([burstKey(chat, sound)]);
  }
}

/**
 * Records what the message shows now. Notifications merged during the call are shown by another edit. If another
 * process has edited the message since it was read here, it is unknown which edit came last, so it is edited again.
 */
async function recordRefreshedBurst(
  context: DeliveryContext,
  stored: StoredBurst,
  createMessagePuts: (burst: OpenBurst) => Put[],
  correlation: string,
): Promise<JobResult> {
  const { deps, job, chat } = context;
  const { sound } = stored;
  const shownCount = stored.value.content.count;
  for (let latest: StoredValue<OpenBurst> = stored; ; ) {
    const { refreshAt: _, ...before } = latest.value;
    const isLate = before.edits !== stored.value.edits;
    const after = isLate ? 0 : before.content.count > shownCount ? context.editDelay : undefined;
    const burst: OpenBurst = {
      ...before,
      edits: (before.edits ?? 0) + 1,
      ...(isLate
        ? { sentCount: Math.min(shownCount, before.sentCount) }
        : {
            sentCount: shownCount,
            correlations: before.correlations.filter((id) => !stored.value.correlations.includes(id)),
          }),
    };
    const outcome = await commitBurst(context, {
      sound,
      rev: latest.rev,
      burst,
      refresh: after === undefined ? undefined : createFollowUp(context, after, correlation),
      put: isLate ? [] : [...createMessagePuts(burst), { key: sendAttemptKey(job), value: undefined }],
    });
    if (outcome === "committed") return JOB_DONE;
    const [current] = await deps.store.read<OpenBurst>([burstKey(chat, sound)]);
    if (!current || current.value.messageId !== burst.messageId || current.value.content.count <= shownCount)
      return JOB_DONE;
    latest = current;
  }
}

export const burstKey = (chat: ChatId, sound: BurstSound): StoreKey => `burst:${chat}:${sound}`;
