/**
 * The life of a notification: the first one of a burst is sent at once, those that follow within the window are merged
 * into its message by an edit.
 */

import { type BurstRefreshBody, createBurstRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import type { JobResult, Put, Revision, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import { updateValue } from "../../../shared/store/records.ts";
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
import { HOUR, type Ms } from "../../../shared/time.ts";
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
  /** Number of refreshes that have begun: what is merged after that has another one. */
  refreshes?: number;
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
  if (openBurst) return mergeIntoBurst(context, notification, openBurst);
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
): Promise<JobResult> {
  const { deps, job, chat, correlation } = context;
  const { messageId, record } = burst;
  const content = addNotification(burst.content, notification);
  const outcome = await commitBurst(context, sound, rev, { ...burst, content }, [
    createDeliveryPut(job, { in: messageId, record, notice: content.count }),
  ]);
  // The message was edited, or another process handled this job in the meantime: the next try finds out.
  if (outcome !== "committed") return retryAfter(context, 0);
  deps.log.info("telegram notification grouped", { job: job.id, chat: String(chat), messageId, correlation });
  return JOB_DONE;
}

/** Stores a burst after this job has been delivered as a part of it. */
async function commitBurst(
  context: DeliveryContext,
  sound: BurstSound,
  rev: Revision,
  burst: OpenBurst,
  delivered: Put[],
): ReturnType<typeof commitWithRetry> {
  const { put, jobs, afterCommit } = await prepareBurst(context, sound, burst);
  const outcome = await commitWithRetry(context, {
    expect: [
      [burstKey(context.chat, sound), rev],
      [jobDeliveryKey(context.job), 0],
    ],
    put: [...put, ...delivered],
    jobs,
  });
  if (outcome === "committed") afterCommit();
  return outcome;
}

/** The record of a burst, and the job that shows what its message lacks: however much that is, there is one job. */
async function prepareBurst(
  { deps, job, chat, correlation, editDelay }: DeliveryContext,
  sound: BurstSound,
  value: OpenBurst,
) {
  const { messageId, sentCount, content, refreshes = 0 } = value;
  const key = burstKey(chat, sound);
  if (sentCount >= content.count)
    return { put: [{ key, value, expires: BURST_RETENTION }], jobs: [], afterCommit: () => {} };
  const at = (await deps.store.now()) + editDelay;
  const jobs = [createBurstRefreshJob(chat, { messageId, number: refreshes }, at, correlation)];
  return { put: [{ key, value }], jobs, afterCommit: () => deps.notify({ queue: job.queue, after: editDelay }) };
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
  // Nothing is read before the first commit: what Telegram has done must be recorded soon.
  for (let latest = stored; ; [latest] = await deps.store.read<OpenBurst>([burstKey(chat, sound)])) {
    // Notifications merged into the replaced message in the meantime are shown by an edit of the new one.
    const all = replaced && latest?.value.messageId === replaced.messageId ? latest.value.content : content;
    const burst = { messageId, since, content: all, sentCount: content.count, repeat, record };
    const outcome = await commitBurst(context, sound, latest?.rev ?? 0, burst, [
      createDeliveryPut(job, { in: messageId, record, notice: 1 }),
      ...createBurstMessagePuts(context, burst, rich, history),
      ...threadPuts,
      { key: sendAttemptKey(job), value: undefined },
    ]);
    if (outcome === "committed" || (await readDeliveryState(context)).isDelivered) return JOB_DONE;
  }
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
  { refresh: { messageId, number } }: Pick<BurstRefreshBody, "refresh">,
): Promise<JobResult> {
  const { deps, chat, presentation, attempt } = context;
  const bursts = await readBursts(context, ["silent", "sound"]);
  const stored = bursts.find(({ value }) => value.messageId === messageId);
  if (!stored) return JOB_DONE;
  const { sound, rev, value } = stored;
  const key = burstKey(chat, sound);
  const isComplete = value.sentCount >= value.content.count;
  // Also one that has nothing to do has begun: a job with its number is never created again.
  if (number === (value.refreshes ?? 0)) {
    const put = {
      key,
      value: { ...value, refreshes: number + 1 },
      ...(isComplete ? { expires: BURST_RETENTION } : {}),
    };
    await deps.store.commit({ expect: [[key, rev]], put: [put] });
    return refreshBurst(context, { refresh: { messageId, number } });
  }
  if (isComplete) return JOB_DONE;
  const { content, since, record, repeat } = value;
  const [shown] = await deps.store.read<ChatMessage>([record]);
  const history = shown?.value.history ?? [];
  if (attempt?.value.resend) return sendBurst(context, { content, sound, since, stored, history });
  const rich = renderBurst(content, presentation, repeat);
  return editMessage(context, {
    ...{ messageId, rich, priority: "notification" },
    async onEdited() {
      const edited = appendMessageHistory(history, content.count, deps.clock());
      await updateValue<OpenBurst>(deps, key, async (latest) => {
        if (latest?.messageId !== messageId) return undefined;
        // Another process may have shown more meanwhile: which edit came last is unknown, so there is another one.
        const burst = { ...latest, sentCount: content.count };
        const { put, ...rest } = await prepareBurst(context, sound, burst);
        return { ...rest, put: [...put, ...createBurstMessagePuts(context, burst, rich, edited)] };
      });
      return JOB_DONE;
    },
    onPermanentFailure: () => sendInNextTry(context),
  });
}

const burstKey = (chat: ChatId, sound: BurstSound): StoreKey => `burst:${chat}:${sound}`;
