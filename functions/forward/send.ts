import { z } from "zod";
import type { Deps, Worker } from "../../shared/deps.ts";
import { messageOf } from "../../shared/errors.ts";
import { type Posted, post } from "../../shared/outgoing/post.ts";
import { RETRY_MS } from "../../shared/outgoing/retry.ts";
import { signedHeaders } from "../../shared/outgoing/signed.ts";
import type { Leased, Settlement } from "../../shared/store/port.ts";
import { EVENT_KINDS } from "../../shared/task/events.ts";
import { type Receipt, receiptKey } from "../../shared/why/chat.ts";
import { TRAIL_MS } from "../../shared/why/trail.ts";
import { addressOf, forwardName } from "./rules.ts";

const body = z.object({
  event: z.looseObject({ kind: z.enum(EVENT_KINDS) }),
  facts: z.looseObject({ at: z.string() }),
  correlation: z.string(),
});

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
    const entries = deps.settings.forward.filter((other) => addressOf(other.url) === url);
    const { event, facts, correlation } = body.parse(job.body);
    const { at, ...data } = facts;
    const type = forwardName(event.kind);
    // An address may stand there twice, with a secret for each kind of event.
    const target = entries.find(({ events }) => events.some((name) => name === type)) ?? entries[0];
    if (!target) return { dead: "this address is no longer in the settings" };
    const payload = JSON.stringify({ type, timestamp: at, data: { change: event, ...data } });
    const answer = await post(deps, url, signedHeaders(target.secret, job.id, deps.clock(), payload), payload);
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

async function again(deps: Pick<Deps, "store">, job: Leased, answer: Posted): Promise<Settlement> {
  const delay = RETRY_MS[job.failures];
  if (answer.status === 410 || delay === undefined) return { dead: answer.outcome };
  return { retryAt: (await deps.store.now()) + Math.max(delay, answer.wait ?? 0), failed: true };
}
