import { type Context, Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { BreakConnection } from "../../shared/http/context.ts";
import { createInboxJob } from "../../shared/jobs/inbox-jobs.ts";
import { createDeliveryReceiver, type ReceivedDelivery } from "./receive-delivery.ts";

/** Serialized once, because it is the same for every webhook. */
const OK_BODY = JSON.stringify({ ok: true });
const OK_RESPONSE = { headers: { "Content-Type": "application/json" } };

/**
 * Interval between polls requested by unverified webhooks: 45 s. Anyone can forge Plane's headers, so their cost is
 * limited.
 */
const UNVERIFIED_POLL_MS = 45_000;

type PollRequestDeps = Pick<Deps, "clock" | "wait" | "stopping" | "requestPoll">;
type WebhookDeps = Pick<Deps, "settings" | "store" | "log" | "metrics" | "hashing" | "kick"> & PollRequestDeps;

/**
 * NOTIF-02: verifies a webhook, stores it and responds 200. Plane counts every HTTP response as delivered and repeats
 * only after a broken connection, so the connection is broken when a webhook could not be stored. A poll finds the
 * changes of refused and lost webhooks.
 */
export const planeWebhookRoute: Route = { path: "/webhooks/plane", access: "public", app: createPlaneWebhookApp };

function createPlaneWebhookApp(deps: WebhookDeps): Hono {
  const receiveDelivery = createDeliveryReceiver(deps);
  const requestUnverifiedPoll = createUnverifiedPollRequester(deps);

  /** Resolves with `kept` when the delivery is stored, also when it had been stored before. */
  function storeDelivery({ hash, lane, raw }: ReceivedDelivery, correlation: string) {
    return deps.store.commit({ jobs: [createInboxJob(hash, lane, raw, correlation)] });
  }

  /**
   * Returns the error for the request: a refusal, or a broken connection, because Plane counts even a 500 as delivered.
   */
  function reportFailure(c: Context, thrown: unknown, isReceived: boolean): GroundcrewError | BreakConnection {
    const error = toRequestError(thrown, isReceived);
    const outcome = error instanceof GroundcrewError ? error.code : "broken";
    deps.metrics.count("groundcrew_webhooks_total", { source: "plane", outcome });
    if (!hasPlaneHeaders(c)) return error;
    deps.log.warn("webhook not stored", { correlation: c.get("correlation"), outcome, error: getErrorMessage(error) });
    const reason = "a webhook was not stored";
    if (isReceived) deps.requestPoll(reason);
    else void requestUnverifiedPoll(reason);
    return error;
  }

  return new Hono().post("/", async (c) => {
    let received: ReceivedDelivery | undefined;
    try {
      received = await receiveDelivery(c);
      const outcome = await storeDelivery(received, c.get("correlation"));
      if (outcome !== "kept") throw new Error(outcome);
    } catch (thrown) {
      throw reportFailure(c, thrown, received !== undefined);
    }
    const { event, action, hash: job } = received;
    c.set("logFields", { event, action, job });
    deps.metrics.count("groundcrew_webhooks_total", { source: "plane", outcome: "kept" });
    deps.kick();
    return new Response(OK_BODY, OK_RESPONSE);
  });
}

/**
 * Requests a poll at once, or as soon as the interval allows, so that a real delivery leads to a poll within a minute.
 */
function createUnverifiedPollRequester({
  clock,
  wait,
  stopping,
  requestPoll,
}: PollRequestDeps): (reason: string) => Promise<void> {
  let quietUntil = 0;
  let isWaiting = false;
  return async (reason) => {
    if (isWaiting) return;
    const remainingMs = Math.min(UNVERIFIED_POLL_MS, quietUntil - clock());
    if (remainingMs > 0) {
      isWaiting = true;
      await wait(remainingMs, stopping);
      isWaiting = false;
    }
    if (stopping.aborted) return;
    quietUntil = clock() + UNVERIFIED_POLL_MS;
    requestPoll(reason);
  };
}

function toRequestError(thrown: unknown, isReceived: boolean): GroundcrewError | BreakConnection {
  if (!isReceived && (thrown instanceof GroundcrewError || thrown instanceof BreakConnection)) return thrown;
  const message = isReceived ? "Storing a webhook failed" : "Receiving a webhook failed";
  return new BreakConnection(`${message}: ${getErrorMessage(thrown)}`, { cause: thrown });
}

/** Whether the request has Plane's headers, so that a real change may be lost with it. */
function hasPlaneHeaders(c: Context): boolean {
  return ["x-plane-delivery", "x-plane-event", "x-plane-signature"].every((name) => c.req.header(name) !== undefined);
}
