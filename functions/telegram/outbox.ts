import type { Worker } from "../../shared/deps.ts";
import type { Leased, Ms, Settlement } from "../../shared/store/port.ts";
import { answer } from "./answer.ts";
import { chatOf } from "./chat.ts";
import { lookOf } from "./details.ts";
import { type Limits, TELEGRAM_LIMITS } from "./limits.ts";
import { ask } from "./live/ask.ts";
import { look } from "./live/look.ts";
import { following } from "./moved.ts";
import { outboxSchema } from "./notice.ts";
import { refresh } from "./refresh.ts";
import { show } from "./show.ts";
import { tell } from "./tell.ts";
import type { OutboxDeps, Work } from "./work.ts";

interface OutboxOptions {
  limits?: Limits;
  /** What follows the first message of a burst within so long is folded into it; 0: every notice is a message. */
  burst?: Ms;
  /**
   * How long an edit waits for more to show. Longer than the second between a chat's calls, so that 60 chats with 50
   * changes a second together stay below Telegram's 30 calls; shorter, each change were a call, and all wait for room.
   */
  gather?: Ms;
}

/** Longer than a call may take (30 s) with the commits around it. */
const TTL: Ms = 60_000;
/** Between looks at whether Telegram has been set up again. */
const NOT_SET_UP: Ms = 60_000;

/**
 * Brings notices to Telegram: one lane per chat, in order, within Telegram's limits, each exactly once as far as
 * Telegram allows: only a sending whose answer never came is repeated, and the repeat says so.
 */
export function outbox(options: OutboxOptions = {}) {
  const { limits = TELEGRAM_LIMITS, burst = 20_000, gather = 1_250 } = options;
  return {
    queue: "outbox",
    ttl: TTL,
    parallel: 8,
    async work(deps: OutboxDeps, job: Leased): Promise<Settlement> {
      const began = deps.clock();
      const chat = chatOf(job.lane);
      if (chat === undefined) return { dead: `${job.lane} is not the lane of a Telegram chat` };
      const body = outboxSchema.safeParse(job.body);
      if (!body.success) return { dead: "the job's body is not one that this version knows" };
      if (!deps.telegram) {
        deps.log.warn("telegram is not set up, its messages wait", { job: job.id });
        return { retryAt: (await deps.store.now()) + NOT_SET_UP };
      }
      const inTime = () => deps.clock() - began < TTL;
      const work: Work = {
        deps,
        bot: following(deps.telegram, deps),
        job,
        chat,
        look: lookOf(deps.settings),
        limits,
        burst,
        gather,
        inTime,
      };
      if ("refresh" in body.data) return refresh(work, body.data);
      if ("answer" in body.data) return answer(work, body.data);
      if ("show" in body.data) return show(work, body.data);
      if ("do" in body.data) return look(work, body.data);
      const { event } = body.data;
      if (event.kind === "asked" || event.kind === "review") return ask(work, { ...body.data, event });
      return tell(work, body.data);
    },
  } satisfies Worker;
}
