import type { JobHandler } from "../../shared/app/deps.ts";
import { parseJobBody } from "../../shared/jobs/job-body.ts";
import { outboxBodySchema } from "../../shared/jobs/outgoing-jobs.ts";
import type { JobResult, LeasedJob } from "../../shared/store/port.ts";
import type { ActionBody } from "../../shared/task/rule-set.ts";
import { resolveChatLocale } from "../../shared/telegram/chat-settings.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { createMigrationAwareBot } from "./delivery/chat-migration.ts";
import type { DeliveryContext, OutboxDeps } from "./delivery/context.ts";
import { replaceMessage, sendPreparedMessage } from "./delivery/messages.ts";
import { showNotice } from "./delivery/notices.ts";
import { deliverNotification, refreshBurst } from "./delivery/notifications.ts";
import { isGroupChat, TELEGRAM_LIMITS, type TelegramLimits } from "./delivery/rate-limits.ts";
import { refreshLiveMessages, sendLiveMessage } from "./live-messages/live-messages.ts";
import { PROGRESS_SOURCE, SUMMARY_SOURCE, SUMMARY_SUBJECT } from "./live-messages/progress.ts";
import { type StatusSource, updateStatusMessage } from "./live-messages/status-messages.ts";
import { WAITING_SOURCE, WAITING_SUBJECT } from "./live-messages/waiting.ts";
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

/** The status messages that are about no task. */
const STATUS_SOURCES: Readonly<Record<string, StatusSource>> = {
  [SUMMARY_SUBJECT]: SUMMARY_SOURCE,
  [WAITING_SUBJECT]: WAITING_SOURCE,
};

/** Lease for one job: 60 s, longer than a call (30 s) with the commits around it. */
const LEASE_TTL: Ms = MINUTE;
/** Time an edit in a group waits: 5 s, so that a stream of notifications takes at most its 12 of the 20 calls a minute. */
const GROUP_EDIT_DELAY: Ms = 5_000;
/** Interval for retries while Telegram is not configured: 1 minute. */
const NOT_CONFIGURED_RETRY: Ms = MINUTE;

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
      const isLeaseValid = () => deps.clock() - startedAt < LEASE_TTL;
      const context: DeliveryContext = {
        deps,
        bot: createMigrationAwareBot(deps.telegram, deps),
        job,
        chat: body.chat,
        presentation: createPresentation({ ...deps.settings, locale: resolveChatLocale(deps.settings, body.chat) }),
        limits,
        burstWindow,
        editDelay: isGroupChat(body.chat) ? Math.max(editDelay, GROUP_EDIT_DELAY) : editDelay,
        isLeaseValid,
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
          return updateStatusMessage(context, body, STATUS_SOURCES[body.subject] ?? PROGRESS_SOURCE);
      }
    },
  } satisfies JobHandler;
}

/**
 * Questions, reviews, plans and what a ticket waits for are separate messages, because they await an answer; other
 * notifications may share a message.
 */
function sendNotification(context: DeliveryContext, { event, facts, correlation }: ActionBody): Promise<JobResult> {
  switch (event.kind) {
    case "asked":
    case "review":
    case "plan_proposed":
      return sendLiveMessage(context, { event, facts, correlation });
    case "ticket":
      if (event.wait === undefined) return deliverNotification(context, { event, facts, correlation });
      return sendLiveMessage(context, { event: { ...event, wait: event.wait }, facts, correlation });
    default:
      return deliverNotification(context, { event, facts, correlation });
  }
}
