import { type BurstRefreshBody, createBurstRefreshJob } from "../../../shared/jobs/outbox-jobs.ts";
import type { Settlement } from "../../../shared/store/job-operations.ts";
import type { Put, StoredValue } from "../../../shared/store/port.ts";
import { appendMessageHistory, type ChatMessage } from "../../../shared/telegram/message-log.ts";
import { commitWithRetry, type DeliveryContext, SETTLED } from "./context.ts";
import {
  BURST_RETENTION,
  burstKey,
  jobDeliveryKey,
  type OpenBurst,
  readBursts,
  type SendAttempt,
  type StoredBurst,
  sendAttemptKey,
} from "./delivery-records.ts";
import { editMessage } from "./edit-message.ts";
import { renderBurst } from "./render-burst.ts";
import { createBurstMessagePuts, sendBurst } from "./send-burst.ts";

/** Updates the burst's message with an edit. If the message cannot be edited, its content is sent as a new one. */
export async function refreshBurst(
  context: DeliveryContext,
  { refresh: { messageId }, correlation }: BurstRefreshBody,
): Promise<Settlement> {
  const { deps, job, chat, presentation } = context;
  const [delivered] = await deps.store.read([jobDeliveryKey(job)]);
  const bursts = await readBursts(deps.store, chat, ["silent", "sound"]);
  const stored = bursts.find(({ value }) => value.messageId === messageId);
  if (delivered || !stored || stored.value.shown >= stored.value.told.count) return SETTLED;
  const burst = stored.value;
  const [attempt] = await deps.store.read<SendAttempt>([sendAttemptKey(job)]);
  if (attempt?.value.anew) return resendBurst(context, stored, attempt, correlation);

  const shownHistory = await readShownHistory(context, burst);
  const rich = renderBurst(burst.told, presentation, burst.repeat);
  const { count } = burst.told;
  return editMessage(context, {
    attempt,
    messageId,
    rich,
    priority: "notification",
    fields: { notices: count, correlations: burst.correlations },
    onEdited: () =>
      recordRefreshedBurst(
        context,
        stored,
        (now) => createBurstMessagePuts(context, now, rich, appendMessageHistory(shownHistory, count, deps.clock())),
        correlation,
      ),
  });
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
): Promise<Settlement> {
  const { deps, job, chat } = context;
  const key = burstKey(chat, stored.sound);
  const shownCount = stored.value.told.count;
  for (let latest: StoredValue<OpenBurst> = stored; ; ) {
    const { refreshAt: _, ...before } = latest.value;
    const edits = (before.edits ?? 0) + 1;
    const isLate = before.edits !== stored.value.edits;
    const wait = isLate ? 0 : before.told.count > shownCount ? context.editDelay : undefined;
    const refreshAt = wait === undefined ? undefined : (await deps.store.now()) + wait;
    const next: OpenBurst = isLate
      ? { ...before, edits, shown: Math.min(shownCount, before.shown) }
      : {
          ...before,
          edits,
          shown: shownCount,
          correlations: excludeValues(before.correlations, stored.value.correlations),
        };
    const messagePuts = isLate ? [] : [...createMessagePuts(next), { key: sendAttemptKey(job), value: undefined }];
    const outcome = await commitWithRetry(context, {
      expect: [[key, latest.rev]],
      put: [
        refreshAt === undefined
          ? { key, value: next, expires: BURST_RETENTION }
          : { key, value: { ...next, refreshAt } },
        ...messagePuts,
      ],
      jobs:
        refreshAt === undefined
          ? []
          : [createBurstRefreshJob(chat, next.messageId, `after.${job.token}`, refreshAt, correlation)],
    });
    if (outcome === "kept") {
      if (wait !== undefined) deps.kick({ queue: job.queue, after: wait });
      return SETTLED;
    }
    const [current] = await deps.store.read<OpenBurst>([key]);
    if (!current || current.value.messageId !== next.messageId || current.value.told.count <= shownCount)
      return SETTLED;
    latest = current;
  }
}

const excludeValues = (all: readonly string[], excluded: readonly string[]) =>
  all.filter((value) => !excluded.includes(value));

async function resendBurst(
  context: DeliveryContext,
  stored: StoredBurst,
  attempt: StoredValue<SendAttempt> | undefined,
  correlation: string,
): Promise<Settlement> {
  const { told: content, since, correlations, record } = stored.value;
  const shownHistory = await readShownHistory(context, stored.value);
  const settlement = await sendBurst(context, {
    content,
    correlations,
    attempt,
    sound: stored.sound,
    burst: stored,
    since,
    replaces: { record, shownHistory },
  });
  if ("dead" in settlement) await dropFailedRefresh(context, stored, correlation);
  return settlement;
}

async function readShownHistory({ deps }: DeliveryContext, { record }: OpenBurst): Promise<ChatMessage["shown"]> {
  const [stored] = await deps.store.read<ChatMessage>([record]);
  return stored?.value.shown ?? [];
}

/** The refresh job failed for good: if further notifications are waiting, a new refresh shows all of them. */
async function dropFailedRefresh(context: DeliveryContext, stored: StoredBurst, correlation: string): Promise<void> {
  const { deps, job, chat } = context;
  const key = burstKey(chat, stored.sound);
  for (let latest: StoredValue<OpenBurst> | undefined = stored; latest?.value.messageId === stored.value.messageId; ) {
    const { refreshAt: _, ...burst } = latest.value;
    const hasMore = burst.told.count > stored.value.told.count;
    const refreshAt = (await deps.store.now()) + context.editDelay;
    const outcome = await deps.store.commit({
      expect: [[key, latest.rev]],
      put: [{ key, value: hasMore ? { ...burst, refreshAt } : burst }],
      jobs: hasMore ? [createBurstRefreshJob(chat, burst.messageId, `after.${job.token}`, refreshAt, correlation)] : [],
    });
    if (outcome === "kept") return;
    [latest] = await deps.store.read<OpenBurst>([key]);
  }
}
