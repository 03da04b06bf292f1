import { type Context, Hono } from "hono";
import type { Deps, Route } from "../../shared/deps.ts";
import { GroundcrewError, messageOf } from "../../shared/errors.ts";
import { BreakConnection } from "../../shared/http/context.ts";
import type { InboxBody } from "../../shared/observe/delivery.ts";
import type { Ms } from "../../shared/store/port.ts";
import { createDeadline } from "./deadline.ts";
import { createReceiver, type Received } from "./receive.ts";

/** Longer than a store should take, and twice that well under the 30 s after which Plane gives up and repeats. */
const KEEP_MS: Ms = 5_000;

type WebhookDeps = Pick<Deps, "settings" | "store" | "metrics" | "clock" | "hashing" | "wait" | "kick" | "askPoll">;

/**
 * NOTIF-02: verify, keep, 200. Plane counts every HTTP answer as delivered and repeats only a broken connection,
 * so what could not be kept gets none. What was refused or not kept is looked for by a poll.
 */
export const planeWebhook: Route = { path: "/webhooks/plane", access: "public", app: webhook };

function webhook(deps: WebhookDeps): Hono {
  const receive = createReceiver(deps);
  const within = createDeadline(deps.wait, KEEP_MS);

  /** Resolves when the delivery is in the store, also when it was there before; else throws `BreakConnection`. */
  async function keep({ hash, lane, raw }: Received, correlation: string): Promise<void> {
    const body: InboxBody = { raw, correlation };
    try {
      const outcome = await within(deps.store.commit({ jobs: [{ id: hash, queue: "inbox", lane, body }] }));
      if (outcome !== "kept") throw new Error(outcome);
    } catch (thrown) {
      throw new BreakConnection(`The store did not take a webhook: ${messageOf(thrown)}`, { cause: thrown });
    }
  }

  function notKept(c: Context, thrown: unknown) {
    const outcome = thrown instanceof GroundcrewError ? thrown.code : "broken";
    deps.metrics.count("groundcrew_webhooks_total", { source: "plane", outcome });
    if (!looksLikePlane(c)) return;
    c.get("log").warn("webhook not kept", { outcome, error: messageOf(thrown) });
    deps.askPoll("a webhook was not kept");
  }

  return new Hono().post("/", async (c) => {
    try {
      const received = await receive(c);
      await keep(received, c.get("correlation"));
      const { event, action, hash: job } = received;
      c.set("told", { event, action, job });
    } catch (thrown) {
      notKept(c, thrown);
      // Plane would count our own mistake (a 500) as delivered, too.
      if (thrown instanceof GroundcrewError || thrown instanceof BreakConnection) throw thrown;
      throw new BreakConnection(`A webhook could not be received: ${messageOf(thrown)}`, { cause: thrown });
    }
    deps.metrics.count("groundcrew_webhooks_total", { source: "plane", outcome: "kept" });
    deps.kick();
    return c.json({ ok: true });
  });
}

/** It carries the headers Plane sends, so a real change may be lost with it. */
function looksLikePlane(c: Context): boolean {
  return ["x-plane-delivery", "x-plane-event", "x-plane-signature"].every((name) => c.req.header(name) !== undefined);
}
