import { Webhook } from "standardwebhooks";
import { z } from "zod";
import type { Deps, Worker } from "../../shared/deps.ts";
import { messageOf } from "../../shared/errors.ts";
import type { Leased, Ms, Settlement } from "../../shared/store/port.ts";
import { EVENT_KINDS } from "../../shared/task/events.ts";
import { type Receipt, receiptKey } from "../../shared/why/chat.ts";
import { TRAIL_MS } from "../../shared/why/trail.ts";
import { forwardName } from "./rules.ts";

const body = z.object({
  event: z.looseObject({ kind: z.enum(EVENT_KINDS) }),
  facts: z.looseObject({ at: z.string() }),
  correlation: z.string(),
});

/** How long the receiver may take to answer; the Standard Webhooks specification asks for 15 to 30 s. */
const LIMIT_MS = 20_000;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Waits between attempts as the Standard Webhooks specification suggests them; after the last one the event is set aside. */
const RETRY_MS: readonly Ms[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/**
 * Forwards events to other systems, signed in the Standard Webhooks form. `webhook-id` is the same on each attempt,
 * so a receiver can tell a repeat; a receiver that answers 410 wants no more of it.
 */
export const forward: Worker = {
  queue: "forward",
  ttl: 60_000,
  parallel: 4,
  async work(deps, job) {
    const url = job.lane.slice("forward:".length).split(" ")[0] ?? "";
    const target = deps.settings.forward.find((other) => other.url === url);
    if (!target) return { dead: "this address is no longer in the settings" };
    const { event, facts, correlation } = body.parse(job.body);
    const { at, ...data } = facts;
    const payload = JSON.stringify({ type: forwardName(event.kind), timestamp: at, data: { change: event, ...data } });
    const answer = await post(deps, url, headersOf(target.secret, job.id, deps.clock(), payload), payload);
    const host = new URL(url).host;
    deps.log.info("forwarded", { correlation, job: job.id, host, tries: job.tries, outcome: answer.outcome });
    if (!answer.ok) return again(deps, job, answer);
    await receipt(deps, job);
    return { done: true };
  },
};

/** For the page only: that it cannot be kept is no reason to post the event again. */
async function receipt({ store, clock, log }: Pick<Deps, "store" | "clock" | "log">, job: Leased): Promise<void> {
  const put = [{ key: receiptKey(job.id), value: { at: clock() } satisfies Receipt, expires: TRAIL_MS }];
  await store.commit({ put }).catch((thrown: unknown) => {
    log.warn("forwarded, without a receipt", { job: job.id, error: messageOf(thrown) });
  });
}

function headersOf(secret: string, id: string, now: Ms, payload: string): Record<string, string> {
  const timestamp = new Date(now);
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now / SECOND)),
    "webhook-signature": new Webhook(secret).sign(id, timestamp, payload),
  };
}

interface Posted {
  ok: boolean;
  outcome: string;
  gone?: boolean;
  wait?: Ms;
}

async function post(
  deps: Pick<Deps, "fetch">,
  url: string,
  headers: Record<string, string>,
  payload: string,
): Promise<Posted> {
  try {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const response = await deps.fetch(url, { method: "POST", headers, body: payload, redirect: "manual", signal });
    await response.body?.cancel();
    const seconds = Number(response.headers.get("retry-after"));
    return {
      ok: response.ok,
      outcome: `answered ${response.status}`,
      gone: response.status === 410,
      ...(seconds > 0 && { wait: seconds * SECOND }),
    };
  } catch (thrown) {
    return { ok: false, outcome: messageOf(thrown) };
  }
}

async function again(deps: Pick<Deps, "store">, job: Leased, answer: Posted): Promise<Settlement> {
  const delay = RETRY_MS[job.tries - 1];
  if (answer.gone || delay === undefined) return { dead: answer.outcome };
  return { retryAt: (await deps.store.now()) + Math.max(delay, answer.wait ?? 0) };
}
