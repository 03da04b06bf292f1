import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import { DECISION_LOG_MS } from "../../shared/decision-log/decision-log.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { forwardBodySchema, upgradeForwardBody } from "../../shared/jobs/forward-jobs.ts";
import { parseJobBody } from "../../shared/jobs/parse-job-body.ts";
import { type ForwardReceipt, forwardReceiptKey } from "../../shared/outgoing/forward-receipt.ts";
import { type PostResult, postJson } from "../../shared/outgoing/post-json.ts";
import { RETRY_DELAYS_MS } from "../../shared/outgoing/retry-delays.ts";
import { createSignedHeaders } from "../../shared/outgoing/signed-headers.ts";
import type { LeasedJob, Settlement } from "../../shared/store/job-operations.ts";
import { MINUTE } from "../../shared/time.ts";
import { findForwardName, normalizeForwardUrl, toCommonName } from "./rules.ts";

/**
 * Forwards events to other systems, signed according to Standard Webhooks. `webhook-id` is the same on each attempt, so
 * that a receiver recognises repeats; a receiver that answers 410 ends the attempts.
 */
export const forwardHandler: JobHandler = {
  queue: "forward",
  leaseMs: MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const { url, event, facts, correlation } = parseJobBody(job, forwardBodySchema, upgradeForwardBody);
    const entries = deps.settings.forward.filter((entry) => normalizeForwardUrl(entry.url) === url);
    const { at, ...data } = facts;
    // The settings may contain a URL several times, with different events and secrets.
    const target = entries.find(({ events }) => findForwardName(event.kind, events) !== undefined) ?? entries[0];
    if (!target) return { dead: "the URL is no longer in the settings" };
    const type = findForwardName(event.kind, target.events) ?? toCommonName(event.kind) ?? event.kind;
    const payload = JSON.stringify({ type, timestamp: at, data: { change: event, ...data } });
    const result = await postJson(
      deps,
      url,
      createSignedHeaders(target.secret, job.id, deps.clock(), payload),
      payload,
    );
    const host = new URL(url).host;
    const message = result.ok ? "event forwarded" : "event not forwarded";
    deps.log.info(message, { correlation, job: job.id, host, tries: job.tries, outcome: result.outcome });
    if (!result.ok) return retryOrFail(deps, job, result);
    await saveReceipt(deps, job);
    return { done: true };
  },
};

/** Saves the receipt, which only the page shows: failing to save it must not repeat the post. */
async function saveReceipt(
  { store, clock, log }: Pick<Deps, "store" | "clock" | "log">,
  job: LeasedJob,
): Promise<void> {
  const put = [
    { key: forwardReceiptKey(job.id), value: { at: clock() } satisfies ForwardReceipt, expires: DECISION_LOG_MS },
  ];
  await store.commit({ put }).catch((thrown: unknown) => {
    log.warn("forward receipt not saved", { job: job.id, error: getErrorMessage(thrown) });
  });
}

async function retryOrFail(deps: Pick<Deps, "store">, job: LeasedJob, result: PostResult): Promise<Settlement> {
  const delay = RETRY_DELAYS_MS[job.failures];
  if (result.status === 410 || delay === undefined) return { dead: result.outcome };
  return { retryAt: (await deps.store.now()) + Math.max(delay, result.retryAfter ?? 0), failed: true };
}
