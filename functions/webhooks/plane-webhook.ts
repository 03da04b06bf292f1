import { type Context, Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { BreakConnection } from "../../shared/http/context.ts";
import { createInboxJob } from "../../shared/jobs/inbox-jobs.ts";
import { createDeliveryReceiver, type ReceivedDelivery } from "./receive-delivery.ts";

/** The same for each, so made once. */
const OK_BODY = JSON.stringify({ ok: true });
const OK_RESPONSE = { headers: { "Content-Type": "application/json" } };

/** Strangers can write Plane's headers, too: however many requests they send, they cost no more than a poll in so long. */
const UNVERIFIED_POLL_MS = 45_000;

type PollRequestDeps = Pick<Deps, "clock" | "wait" | "stopping" | "requestPoll">;
type WebhookDeps = Pick<Deps, "settings" | "store" | "log" | "metrics" | "hashing" | "kick"> & PollRequestDeps;

/**
 * NOTIF-02: verify, keep, 200. Plane counts every HTTP answer as delivered and repeats only a broken connection,
 * so what could not be kept gets none. What was refused or not kept is looked for by a poll.
 */
export const planeWebhookRoute: Route = { path: "/webhooks/plane", access: "public", app: createPlaneWebhookApp };

function createPlaneWebhookApp(deps: WebhookDeps): Hono {
  const receiveDelivery = createDeliveryReceiver(deps);
  const requestUnverifiedPoll = createUnverifiedPollRequester(deps);

  /** Resolves with `kept` when the delivery is in the store, also when it was there before. */
  function storeDelivery({ hash, lane, raw }: ReceivedDelivery, correlation: string) {
    return deps.store.commit({ jobs: [createInboxJob(hash, lane, raw, correlation)] });
  }

  /** Gives what the request ends with: a refusal, or no answer. Plane would count a 500 as delivered, too. */
  function reportFailure(c: Context, thrown: unknown, isReceived: boolean): GroundcrewError | BreakConnection {
    const error = toRequestError(thrown, isReceived);
    const outcome = error instanceof GroundcrewError ? error.code : "broken";
    deps.metrics.count("groundcrew_webhooks_total", { source: "plane", outcome });
    if (!hasPlaneHeaders(c)) return error;
    deps.log.warn("webhook not kept", { correlation: c.get("correlation"), outcome, error: getErrorMessage(error) });
    const reason = "a webhook was not kept";
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

/** Asks for a poll at once, and again when the last time is long enough ago: a real delivery is polled for within a minute. */
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
  const what = isReceived ? "The store did not take a webhook" : "A webhook could not be received";
  return new BreakConnection(`${what}: ${getErrorMessage(thrown)}`, { cause: thrown });
}

/** It carries the headers Plane sends, so a real change may be lost with it. */
function hasPlaneHeaders(c: Context): boolean {
  return ["x-plane-delivery", "x-plane-event", "x-plane-signature"].every((name) => c.req.header(name) !== undefined);
}
