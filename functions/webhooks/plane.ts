import { type Context, Hono } from "hono";
import type { Deps, Route } from "../../shared/deps.ts";
import { GroundcrewError, messageOf } from "../../shared/errors.ts";
import { BreakConnection } from "../../shared/http/context.ts";
import type { InboxBody } from "../../shared/observe/delivery.ts";
import { createReceiver, type Received } from "./receive.ts";

/** The same for each, so made once. */
const KEPT = JSON.stringify({ ok: true });
const ANSWER = { headers: { "Content-Type": "application/json" } };

/** Strangers can write Plane's headers, too: however many requests they send, they cost no more than a poll in so long. */
const UNPROVED_MS = 45_000;

type Asking = Pick<Deps, "clock" | "wait" | "stopping" | "askPoll">;
type WebhookDeps = Pick<Deps, "settings" | "store" | "log" | "metrics" | "hashing" | "kick"> & Asking;

/**
 * NOTIF-02: verify, keep, 200. Plane counts every HTTP answer as delivered and repeats only a broken connection,
 * so what could not be kept gets none. What was refused or not kept is looked for by a poll.
 */
export const planeWebhook: Route = { path: "/webhooks/plane", access: "public", app: webhook };

function webhook(deps: WebhookDeps): Hono {
  const receive = createReceiver(deps);
  const askUnproved = unprovedAsker(deps);

  /** Resolves with `kept` when the delivery is in the store, also when it was there before. */
  function keep({ hash, lane, raw }: Received, correlation: string) {
    const body: InboxBody = { raw, correlation };
    return deps.store.commit({ jobs: [{ id: hash, queue: "inbox", lane, body }] });
  }

  /** Gives what the request ends with: a refusal, or no answer. Plane would count a 500 as delivered, too. */
  function notKept(c: Context, thrown: unknown, isReceived: boolean): GroundcrewError | BreakConnection {
    const ended = endOf(thrown, isReceived);
    const outcome = ended instanceof GroundcrewError ? ended.code : "broken";
    deps.metrics.count("groundcrew_webhooks_total", { source: "plane", outcome });
    if (!looksLikePlane(c)) return ended;
    deps.log.warn("webhook not kept", { correlation: c.get("correlation"), outcome, error: messageOf(ended) });
    const reason = "a webhook was not kept";
    if (isReceived) deps.askPoll(reason);
    else void askUnproved(reason);
    return ended;
  }

  return new Hono().post("/", async (c) => {
    let received: Received | undefined;
    try {
      received = await receive(c);
      const outcome = await keep(received, c.get("correlation"));
      if (outcome !== "kept") throw new Error(outcome);
    } catch (thrown) {
      throw notKept(c, thrown, received !== undefined);
    }
    const { event, action, hash: job } = received;
    c.set("told", { event, action, job });
    deps.metrics.count("groundcrew_webhooks_total", { source: "plane", outcome: "kept" });
    deps.kick();
    return new Response(KEPT, ANSWER);
  });
}

/** Asks for a poll at once, and again when the last time is long enough ago: a real delivery is polled for within a minute. */
function unprovedAsker({ clock, wait, stopping, askPoll }: Asking): (reason: string) => Promise<void> {
  let quietUntil = 0;
  let isWaiting = false;
  return async (reason) => {
    if (isWaiting) return;
    const left = Math.min(UNPROVED_MS, quietUntil - clock());
    if (left > 0) {
      isWaiting = true;
      await wait(left, stopping);
      isWaiting = false;
    }
    if (stopping.aborted) return;
    quietUntil = clock() + UNPROVED_MS;
    askPoll(reason);
  };
}

function endOf(thrown: unknown, isReceived: boolean): GroundcrewError | BreakConnection {
  if (!isReceived && (thrown instanceof GroundcrewError || thrown instanceof BreakConnection)) return thrown;
  const what = isReceived ? "The store did not take a webhook" : "A webhook could not be received";
  return new BreakConnection(`${what}: ${messageOf(thrown)}`, { cause: thrown });
}

/** It carries the headers Plane sends, so a real change may be lost with it. */
function looksLikePlane(c: Context): boolean {
  return ["x-plane-delivery", "x-plane-event", "x-plane-signature"].every((name) => c.req.header(name) !== undefined);
}
