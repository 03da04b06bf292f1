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
  /** What follows the first message of a burst within so long is folded into it; 0: every notice is a message. */
  burstWindow?: Ms;
  /**
   * How long an edit waits for more to show. Longer than the second between a chat's calls, so that 60 chats with 50
   * changes a second together stay below Telegram's 30 calls; shorter, each change were a call, and all wait for room.
   */
  editDelay?: Ms;
}

/** Longer than a call may take (30 s) with the commits around it. */
const LEASE_TTL: Ms = 60_000;
/** Between looks at whether Telegram has been set up again. */
const NOT_CONFIGURED_RETRY: Ms = 60_000;

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
