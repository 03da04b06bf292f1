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
  sendAttemptKey,
} from "./context.ts";
import { editMessage, readThread, type SentMessage, sendInNextTry, sendMessage } from "./messages.ts";

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
  /** Key of the message as people see it. */
  record: StoreKey;
}

/** Whether a burst's message was sent with a sound. A chat has one open burst of each kind. */
type BurstSound = "sound" | "silent";

/** A burst of a chat as it is stored. */
interface StoredBurst extends StoredValue<OpenBurst> {
  sound: BurstSound;
}

/** A message of a burst to send. */
interface BurstSend {
  content: BurstContent;
  sound: BurstSound;
  /** Store time at which the burst began. */
  since: Ms;
  /** The chat's burst of this sound, which the new one replaces. */
  stored: StoredValue<OpenBurst> | undefined;
  /** Its message cannot be edited: the new one takes its place in the record and continues this history. */
  history?: ChatMessage["history"];
}

/** A change of a stored burst, and the job that shows what its message lacks. */
interface BurstChange extends Pick<Commit, "expect" | "put"> {
  burst: OpenBurst;
  /** `id` tells it from other refreshes of the message. */
  refresh?: { id: string; after: Ms } | undefined;
}

/**
 * Timeout for a refresh job: 60 s past its due time it counts as lost (a dead letter, say) and a new one is created.
 */
const REFRESH_TIMEOUT = MINUTE;

/** Retention for a burst whose message shows everything: 1 hour, far longer than any burst window. */
const BURST_RETENTION: Ms = HOUR;

/** Delivers one notification: merges it into the open burst, or sends a message that opens a new burst. */
export async function deliverNotification(context: DeliveryContext, notification: ActionBody): Promise<JobResult> {
  const { deps, attempt } = context;
  const { store } = deps;
  const mutes = await store.read(getMuteKeys(notification));
  if (!attempt && mutes.some((mute) => mute !== undefined)) return recordMuted(context);
  // An edit makes no sound, so what needs the human joins only a message that was sent with one.
  const sound = isSilentMessage(notification.event.kind, notification.facts.item) ? "silent" : "sound";
  const bursts = await readBursts(context, sound === "silent" ? ["silent", "sound"] : ["sound"]);
  const now = await store.now();
  // A send that was started is finished as a send: its message may already be in the chat.
  const openBurst = attempt ? undefined : bursts.find(({ value }) => isBurstOpen(value, now, context.burstWindow));
  if (openBurst) return mergeIntoBurst(context, notification, openBurst, now);
  const content = addNotification(EMPTY_BURST, notification);
  const stored = bursts.find((burst) => burst.sound === sound);
  return sendBurst(context, { content, sound, stored, since: now });
}

/** Somebody muted the task or project: nothing is sent, and the dashboard shows why. */
async function recordMuted({ deps, job, chat, correlation }: DeliveryContext): Promise<JobResult> {
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
  const { deps, job, chat, correlation } = context;
  const { messageId, refreshAt, record } = burst;
  const content = addNotification(burst.content, notification);
  const isRefreshPending = refreshAt !== undefined && now <= refreshAt + REFRESH_TIMEOUT;
  const outcome = await commitBurst(context, sound, rev, {
    burst: { ...burst, content },
    refresh: isRefreshPending ? undefined : { id: String(content.count), after: context.editDelay },
    expect: [[jobDeliveryKey(job), 0]],
    put: [createDeliveryPut(job, { in: messageId, record, notice: content.count })],
  });
  // The message was edited, or another process handled this job in the meantime: the next try finds out.
  if (outcome !== "committed") return retryAfter(context, 0);
  deps.log.info("telegram notification grouped", { job: job.id, chat: String(chat), messageId, correlation });
  return JOB_DONE;
}

async function commitBurst(
  context: DeliveryContext,
  sound: BurstSound,
  rev: Revision,
  { burst, refresh, expect = [], put = [] }: BurstChange,
): ReturnType<typeof commitWithRetry> {
  const { deps, job, chat, correlation } = context;
  const key = burstKey(chat, sound);
  const refreshAt = refresh ? (await deps.store.now()) + refresh.after : burst.refreshAt;
  const isComplete = refreshAt === undefined && burst.sentCount >= burst.content.count;
  const value: OpenBurst = { ...burst, ...omitUndefined({ refreshAt }) };
  const outcome = await commitWithRetry(context, {
    expect: [[key, rev], ...expect],
    put: [{ key, value, ...(isComplete ? { expires: BURST_RETENTION } : {}) }, ...put],
    jobs: refresh ? [createBurstRefreshJob(chat, burst.messageId, refresh.id, refreshAt ?? 0, correlation)] : [],
  });
  if (outcome === "committed" && refresh) deps.notify({ queue: job.queue, after: refresh.after });
  return outcome;
}

/**
 * Changes a burst after a call. When it has changed meanwhile, `change` gets it as it is now, and returns undefined
 * when there is nothing left to do. Nothing is read before the first commit: what Telegram has done must be recorded
 * soon.
 */
async function changeBurst(
  context: DeliveryContext,
  sound: BurstSound,
  stored: StoredValue<OpenBurst> | undefined,
  change: (latest: OpenBurst | undefined) => BurstChange | undefined | Promise<BurstChange | undefined>,
): Promise<void> {
  const { deps, chat } = context;
  for (let latest = stored; ; [latest] = await deps.store.read<OpenBurst>([burstKey(chat, sound)])) {
    const changed = await change(latest?.value);
    if (!changed || (await commitBurst(context, sound, latest?.rev ?? 0, changed)) === "committed") return;
  }
}

/** Sends the message of a burst. Only a send whose answer was lost is repeated, and the repeat is marked. */
async function sendBurst(context: DeliveryContext, send: BurstSend): Promise<JobResult> {
  const { content, sound } = send;
  const thread = await readThread(context, content.count === 1 ? content.notices[0]?.facts.item?.id : undefined);
  return sendMessage(context, {
    priority: "notification",
    fields: { notices: content.count },
    compose: (repeat) => ({
      rich: renderBurst(content, context.presentation, repeat),
      extras: { ...thread.extras, ...omitUndefined({ silent: sound === "silent" ? true : undefined }) },
    }),
    onSent: (sent) => recordSentBurst(context, send, sent, thread.createPuts(sent.messageId)),
  });
}

async function recordSentBurst(
  context: DeliveryContext,
  { content, since, stored, history: earlier, sound }: BurstSend,
  { rich, messageId, repeat }: SentMessage,
  threadPuts: Put[],
): Promise<JobResult> {
  const { job, chat, deps } = context;
  const replaced = earlier && stored?.value;
  const record = replaced?.record ?? chatMessageKey(chat, messageId, since);
  const history = appendMessageHistory(earlier ?? [], content.count, deps.clock());
  let isRetry = false;
  await changeBurst(context, sound, stored, async (latest) => {
    if (isRetry && (await readDeliveryState(context)).isDelivered) return undefined;
    isRetry = true;
    // Notifications merged into the replaced message in the meantime are shown by an edit of the new one.
    const all = replaced && latest?.messageId === replaced.messageId ? latest.content : content;
    const burst = { messageId, since, content: all, sentCount: content.count, repeat, record };
    return {
      burst,
      refresh: all.count > content.count ? createFollowUp(context) : undefined,
      expect: [[jobDeliveryKey(job), 0]],
      put: [
        createDeliveryPut(job, { in: messageId, record, notice: 1 }),
        ...createBurstMessagePuts(context, burst, rich, history),
        ...threadPuts,
        { key: sendAttemptKey(job), value: undefined },
      ],
    };
  });
  return JOB_DONE;
}

/** The refresh that follows this job. */
function createFollowUp({ job, editDelay }: DeliveryContext, after = editDelay) {
  return { id: `after.${job.token}`, after };
}

/** Records the burst's message as people see it now, for the dashboard, and the tasks that it is about, for replies. */
function createBurstMessagePuts(
  { chat }: DeliveryContext,
  { record, messageId, since, repeat, content }: OpenBurst,
  rich: RichText,
  history: ChatMessage["history"],
): Put[] {
  const message = { ...rich, chat: String(chat), messageId, at: since, repeat, history };
  const tasks = keepDefined(content.notices.map(({ facts }) => facts.item?.id));
  return [createChatMessagePut(record, message), ...createMessageTasksPuts(chat, messageId, tasks)];
}

/** Updates the burst's message with an edit. If the message cannot be edited, its content is sent as a new one. */
export async function refreshBurst(
  context: DeliveryContext,
  { refresh: { messageId } }: BurstRefreshBody,
): Promise<JobResult> {
  const { deps, presentation, attempt } = context;
  const bursts = await readBursts(context, ["silent", "sound"]);
  const stored = bursts.find(({ value }) => value.messageId === messageId);
  if (!stored || stored.value.sentCount >= stored.value.content.count) return JOB_DONE;
  const { sound } = stored;
  const { content, since, record, repeat } = stored.value;
  const [shown] = await deps.store.read<ChatMessage>([record]);
  const history = shown?.value.history ?? [];
  if (attempt?.value.resend) {
    const jobResult = await sendBurst(context, { content, sound, since, stored, history });
    if ("dead" in jobResult) await dropFailedRefresh(context, stored);
    return jobResult;
  }
  const rich = renderBurst(content, presentation, repeat);
  return editMessage(context, {
    ...{ messageId, rich, priority: "notification" },
    onEdited: () => recordRefreshedBurst(context, stored, rich, history),
    onPermanentFailure: () => sendInNextTry(context),
  });
}

/** The refresh job failed for good: if further notifications are waiting, a new refresh shows all of them. */
function dropFailedRefresh(context: DeliveryContext, stored: StoredBurst): Promise<void> {
  const { content, messageId } = stored.value;
  return changeBurst(context, stored.sound, stored, (latest) => {
    if (latest?.messageId !== messageId) return undefined;
    const { refreshAt: _, ...burst } = latest;
    const hasMore = latest.content.count > content.count;
    return { burst, refresh: hasMore ? createFollowUp(context) : undefined };
  });
}

/**
 * Records what the message shows now. Notifications merged during the call are shown by another edit. If another
 * process has edited the message since it was read here, it is unknown which edit came last, so it is edited again.
 */
async function recordRefreshedBurst(
  context: DeliveryContext,
  stored: StoredBurst,
  rich: RichText,
  earlier: ChatMessage["history"],
): Promise<JobResult> {
  const { job, deps } = context;
  const { value: shown, sound } = stored;
  const { count } = shown.content;
  const history = appendMessageHistory(earlier, count, deps.clock());
  await changeBurst(context, sound, stored, (latest) => {
    const isLate = latest?.edits !== shown.edits;
    const hasMore = latest !== undefined && latest.content.count > count;
    if (latest?.messageId !== shown.messageId || (isLate && !hasMore)) return undefined;
    const { refreshAt: _, ...before } = latest;
    const sentCount = isLate ? Math.min(count, before.sentCount) : count;
    const burst = { ...before, edits: (before.edits ?? 0) + 1, sentCount };
    return {
      burst,
      refresh: hasMore ? createFollowUp(context, isLate ? 0 : undefined) : undefined,
      put: isLate
        ? []
        : [...createBurstMessagePuts(context, burst, rich, history), { key: sendAttemptKey(job), value: undefined }],
    };
  });
  return JOB_DONE;
}

export const burstKey = (chat: ChatId, sound: BurstSound): StoreKey => `burst:${chat}:${sound}`;
