import type { JobHandler } from "../../shared/app/deps.ts";
import { outboxBodySchema, upgradeOutboxBody } from "../../shared/jobs/outbox-jobs.ts";
import type { LeasedJob, Settlement } from "../../shared/store/port.ts";
import type { ActionBody } from "../../shared/task/events.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { createMigrationAwareBot } from "./delivery/chat-migration.ts";
import type { DeliveryContext, OutboxDeps } from "./delivery/context.ts";
import { deliverNotification } from "./delivery/deliver-notification.ts";
import { TELEGRAM_LIMITS, type TelegramLimits } from "./delivery/rate-limits.ts";
import { refreshBurst } from "./delivery/refresh-burst.ts";
import { replaceMessage } from "./delivery/replace-message.ts";
import { sendPreparedMessage } from "./delivery/send-prepared-message.ts";
import { refreshLiveMessages } from "./live-messages/refresh-live-messages.ts";
import { sendLiveMessage } from "./live-messages/send-live-message.ts";
import { createPresentation } from "./presentation/notification-details.ts";

interface OutboxOptions {
  limits?: TelegramLimits;
  /** What follows the first message of a burst within so long is folded into it; 0: every notice is a message. */
  burstWindow?: Ms;
  /**
   * How long an edit waits for more to show. Longer than the second between a chat's calls, so that 60 chats with 50
   * changes a second together stay below Telegram's 30 calls; shorter, each change were a call, and all wait for room.
   */
  editDelay?: Ms;
}

/** Longer than a call may take (30 s) with the commits around it. */
const LEASE_TTL: Ms = MINUTE;
/** Between looks at whether Telegram has been set up again. */
const NOT_CONFIGURED_RETRY: Ms = MINUTE;

/**
 * Brings notices to Telegram: one lane per chat, in order, within Telegram's limits, each exactly once as far as
 * Telegram allows: only a sending whose answer never came is repeated, and the repeat says so.
 */
export function createOutboxHandler(options: OutboxOptions = {}) {
  const { limits = TELEGRAM_LIMITS, burstWindow = 20_000, editDelay = 1_250 } = options;
  return {
    queue: "outbox",
    leaseMs: LEASE_TTL,
    concurrency: 8,
    async handle(deps: OutboxDeps, job: LeasedJob): Promise<Settlement> {
      const startedAt = deps.clock();
      const parsed = outboxBodySchema.safeParse(upgradeOutboxBody(job));
      if (!parsed.success) return { dead: "the job's body is not one that this version knows" };
      const body = parsed.data;
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
        presentation: createPresentation(deps.settings),
        limits,
        burstWindow,
        editDelay,
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
        case "live_refresh":
          return refreshLiveMessages(context, body);
      }
    },
  } satisfies JobHandler;
}

/** Questions and reviews wait for people in messages of their own; the rest may be one message with others. */
function sendNotification(context: DeliveryContext, { event, facts, correlation }: ActionBody): Promise<Settlement> {
  if (event.kind === "asked" || event.kind === "review") return sendLiveMessage(context, { event, facts, correlation });
  return deliverNotification(context, { event, facts, correlation });
}
