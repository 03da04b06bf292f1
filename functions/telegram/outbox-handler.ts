/** The jobs of the outbox, each handled by the module of its kind of message; and the messages of operational notices. */

import type { JobHandler } from "../../shared/app/deps.ts";
import { parseJobBody } from "../../shared/jobs/internal-jobs.ts";
import { type NoticeBody, outboxBodySchema } from "../../shared/jobs/outgoing-jobs.ts";
import { ENDED_RETENTION, type NoticeRecord } from "../../shared/notices/notice-record.ts";
import { renderNoticeMessage, toNoticeExtras } from "../../shared/notices/notices.ts";
import type { JobResult, LeasedJob, StoreKey } from "../../shared/store/port.ts";
import type { ActionBody } from "../../shared/task/rule-set.ts";
import { resolveChatLocale } from "../../shared/telegram/chat-settings.ts";
import { DAY, MINUTE, type Ms } from "../../shared/time.ts";
import { createMigrationAwareBot } from "./delivery/chat-migration.ts";
import { type DeliveryContext, JOB_DONE, type OutboxDeps, readDeliveryState } from "./delivery/context.ts";
import {
  replaceMessage,
  type ShownMessage,
  sendPreparedMessage,
  sendSeparateMessage,
  updateMessage,
} from "./delivery/messages.ts";
import { deliverNotification, refreshBurst } from "./delivery/notifications.ts";
import { isGroupChat, TELEGRAM_LIMITS, type TelegramLimits } from "./delivery/rate-limits.ts";
import { refreshLiveMessages, sendLiveMessage } from "./live-messages/live-messages.ts";
import { updateStatusMessage } from "./live-messages/status-messages.ts";
import { createPresentation } from "./presentation/presentation.ts";

interface OutboxOptions {
  limits?: TelegramLimits;
  /** Notifications that follow the first one within this time are merged into its message; 0 sends each one alone. */
  burstWindow?: Ms;
  /**
   * Time an edit waits for further notifications. It is longer than the second between a chat's calls: with a
   * shorter delay each change would need a separate call, and 60 chats with 50 changes a second would exceed Telegram's
   * 30 calls.
   */
  editDelay?: Ms;
}

/** Lease for one job: 60 s, longer than a call (30 s) with the commits around it. */
const LEASE_TTL: Ms = MINUTE;
/** Time an edit in a group waits: 5 s, so that a stream of notifications takes at most its 12 of the 20 calls a minute. */
const GROUP_EDIT_DELAY: Ms = 5_000;
/** Interval for retries while Telegram is not configured: 1 minute. */
const NOT_CONFIGURED_RETRY: Ms = MINUTE;

/** The message of a notice in a chat. */
interface NoticeMessageRecord extends ShownMessage {
  /** The notice that it shows: what begins later than this and does not return soon has a message of its own. */
  firstSince: Ms;
}

/** Retention of a message's record after its last edit: longer than that of a current notice. */
const MESSAGE_RETENTION: Ms = 90 * DAY + ENDED_RETENTION;

/**
 * Sends messages to Telegram: in order per chat (one lane each), within Telegram's limits, and each once. Only a send
 * whose answer was lost is repeated, and the repeat is marked.
 */
export function createOutboxHandler(options: OutboxOptions = {}) {
  const { limits = TELEGRAM_LIMITS, burstWindow = 20_000, editDelay = 1_250 } = options;
  return {
    queue: "outbox",
    leaseMs: LEASE_TTL,
    concurrency: 8,
    async handle(deps: OutboxDeps, job: LeasedJob): Promise<JobResult> {
      const startedAt = deps.clock();
      const body = parseJobBody(job, outboxBodySchema);
      if (!deps.telegram) {
        deps.log.warn("telegram is not set up, its messages wait", { job: job.id });
        return { retryAt: (await deps.store.now()) + NOT_CONFIGURED_RETRY };
      }
      const { isDelivered, attempt } = await readDeliveryState({ deps, job });
      if (isDelivered) return JOB_DONE;
      const context: DeliveryContext = {
        deps,
        bot: createMigrationAwareBot(deps.telegram, deps),
        ...{ job, attempt, chat: body.chat, correlation: body.correlation },
        presentation: createPresentation({ ...deps.settings, locale: resolveChatLocale(deps.settings, body.chat) }),
        limits,
        burstWindow,
        editDelay: isGroupChat(body.chat) ? Math.max(editDelay, GROUP_EDIT_DELAY) : editDelay,
        isLeaseValid: () => deps.clock() - startedAt < LEASE_TTL,
      };
      switch (body.type) {
        case "notification":
          return sendNotification(context, body);
        case "burst_refresh":
          return refreshBurst(context, body);
        case "reply":
        case "announcement":
          return sendPreparedMessage(context, body);
        case "replacement":
          return replaceMessage(context, body);
        case "notice":
          return showNotice(context, body);
        case "live_refresh":
          return refreshLiveMessages(context, body);
        case "status":
          return updateStatusMessage(context, body);
      }
    },
  } satisfies JobHandler;
}

/**
 * Questions, reviews, plans and what a ticket waits for are separate messages, because they await an answer; other
 * notifications may share a message.
 */
function sendNotification(context: DeliveryContext, { event, ...body }: ActionBody): Promise<JobResult> {
  if (event.kind === "asked" || event.kind === "review" || event.kind === "plan_proposed")
    return sendLiveMessage(context, { ...body, event });
  if (event.kind === "ticket" && event.wait !== undefined)
    return sendLiveMessage(context, { ...body, event: { ...event, wait: event.wait } });
  return deliverNotification(context, { ...body, event });
}

/** Brings the message of a notice up to date; a notice that is over before it was sent is sent as over. */
async function showNotice(context: DeliveryContext, { notice }: NoticeBody): Promise<JobResult> {
  const { deps, chat } = context;
  const key: StoreKey = `notice-message:${chat}:${notice}`;
  const [stored] = await deps.store.read<NoticeRecord>([notice]);
  const [message] = await deps.store.read<NoticeMessageRecord>([key]);
  if (!stored) return JOB_DONE;
  const { value: record } = stored;
  const { timezone = "UTC" } = deps.settings;
  const locale = resolveChatLocale(deps.settings, chat);
  const rich = renderNoticeMessage(record, { timezone, locale }, await deps.store.now());
  const { firstSince } = record;
  const request = { rich, priority: "notification" } as const;
  const createRecord = async (shown: ShownMessage) => ({
    expect: [[key, message?.rev ?? 0] as [StoreKey, number]],
    put: [{ key, value: { ...shown, firstSince } satisfies NoticeMessageRecord, expires: MESSAGE_RETENTION }],
  });
  if (message?.value.firstSince === firstSince) {
    const { value: shown } = message;
    // A message that somebody deleted is not sent again: the notice is on the page.
    const record = ({ viewHash }: { viewHash: string }) => createRecord({ ...shown, viewHash });
    return (await updateMessage(context, { ...request, shown, createRecord: record })) ?? JOB_DONE;
  }
  // The problem is not announced yet, or was over before anything was said.
  if (record.times === 0) return JOB_DONE;
  return sendSeparateMessage(context, { ...request, extras: toNoticeExtras(record), createRecord });
}
