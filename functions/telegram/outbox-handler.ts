import type { JobHandler } from "../../shared/deps.ts";
import type { LeasedJob, Ms, Settlement } from "../../shared/store/port.ts";
import { createMigrationAwareBot } from "./delivery/chat-migration.ts";
import type { DeliveryContext, OutboxDeps } from "./delivery/context.ts";
import { deliverNotification } from "./delivery/deliver-notification.ts";
import { parseLaneChat } from "./delivery/delivery-records.ts";
import { outboxBodySchema } from "./delivery/job-bodies.ts";
import { TELEGRAM_LIMITS, type TelegramLimits } from "./delivery/rate-limits.ts";
import { refreshBurst } from "./delivery/refresh-burst.ts";
import { replaceMessage } from "./delivery/replace-message.ts";
import { sendPreparedMessage } from "./delivery/send-prepared-message.ts";
import { refreshLiveMessages } from "./live-messages/refresh-live-messages.ts";
import { sendLiveMessage } from "./live-messages/send-live-message.ts";
import { createPresentation } from "./presentation/presentation.ts";

interface OutboxOptions {
  limits?: TelegramLimits;
  /** Notifications that follow the first one within this time are merged into its message; 0 sends each one alone. */
  burstWindow?: Ms;
  /**
   * How long an edit waits for further notifications. It is longer than the second between a chat's calls: with a
   * shorter delay each change would be a call of its own, and 60 chats with 50 changes a second would exceed Telegram's
   * 30 calls.
   */
  editDelay?: Ms;
}

/** Lease for one job: 60 s, longer than a call (30 s) with the commits around it. */
const LEASE_TTL: Ms = 60_000;
/** Interval for retries while Telegram is not configured: 1 minute. */
const NOT_CONFIGURED_RETRY: Ms = 60_000;

/**
 * Sends messages to Telegram: in order per chat (one lane each), within Telegram's limits, and each once. Only a send
 * whose answer was lost is repeated, and the repeat says so.
 */
export function createOutboxHandler(options: OutboxOptions = {}) {
  const { limits = TELEGRAM_LIMITS, burstWindow = 20_000, editDelay = 1_250 } = options;
  return {
    queue: "outbox",
    leaseMs: LEASE_TTL,
    concurrency: 8,
    async handle(deps: OutboxDeps, job: LeasedJob): Promise<Settlement> {
      const startedAt = deps.clock();
      const chat = parseLaneChat(job.lane);
      if (chat === undefined) return { dead: `${job.lane} is not the lane of a Telegram chat` };
      const body = outboxBodySchema.safeParse(job.body);
      if (!body.success) return { dead: "the job's body is not one that this version knows" };
      if (!deps.telegram) {
        deps.log.warn("telegram is not set up, its messages wait", { job: job.id });
        return { retryAt: (await deps.store.now()) + NOT_CONFIGURED_RETRY };
      }
      const isLeaseValid = () => deps.clock() - startedAt < LEASE_TTL;
      const context: DeliveryContext = {
        deps,
        bot: createMigrationAwareBot(deps.telegram, deps),
        job,
        chat,
        presentation: createPresentation(deps.settings),
        limits,
        burstWindow,
        editDelay,
        isLeaseValid,
      };
      if ("refresh" in body.data) return refreshBurst(context, body.data);
      if ("answer" in body.data) return sendPreparedMessage(context, body.data);
      if ("show" in body.data) return replaceMessage(context, body.data);
      if ("do" in body.data) return refreshLiveMessages(context, body.data);
      const { event } = body.data;
      if (event.kind === "asked" || event.kind === "review") return sendLiveMessage(context, { ...body.data, event });
      return deliverNotification(context, body.data);
    },
  } satisfies JobHandler;
}
