import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/deps.ts";
import { sha256Hex } from "../../shared/digest.ts";
import { GroundcrewError, messageOf } from "../../shared/errors.ts";
import { sourceOf } from "../../shared/http/address.ts";
import { createBodyReader } from "../../shared/http/body.ts";
import { BreakConnection } from "../../shared/http/context.ts";
import { createLimiter } from "../../shared/http/limiter.ts";
import { createSignatureCheck, parseSignature } from "../../shared/http/signature.ts";
import type { inboxBody } from "../../shared/observe/delivery.ts";
import type { Job, Ms } from "../../shared/store/port.ts";

/** Longer than any store should take, and well under the 30 s after which Plane gives up and repeats. */
const KEEP_MS: Ms = 5_000;

/** Requests a minute and source that may be unsigned or badly signed (INFRA-04). */
const UNSIGNED_LIMIT = 100;

/** The longest id of Plane's that names a lane; UUIDs have 36 characters. */
const LONGEST_ID = 64;

type ReceiverDeps = Pick<
  Deps,
  "settings" | "store" | "metrics" | "clock" | "wait" | "kick" | "askPoll" | "log" | "newId"
>;

/** As far as a delivery must be understood to be kept: everything else is for the one who works it. */
const body = z.looseObject({
  event: z.string().max(100).optional().catch(undefined),
  action: z.string().max(100).optional().catch(undefined),
  data: z
    .object({ id: z.string().max(LONGEST_ID), issue: z.string().max(LONGEST_ID) })
    .partial()
    .optional()
    .catch(undefined),
});

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * NOTIF-02: verify, keep, 200. Plane counts every HTTP answer as delivered and repeats only a broken connection,
 * so what was not kept gets no answer; whatever is not kept is looked for by a poll.
 */
export const planeWebhook: Route = { path: "/webhooks/plane", access: "public", app: receiver };

function receiver(deps: ReceiverDeps): Hono {
  const { metrics, clock } = deps;
  const secrets = deps.settings.plane?.webhookSecrets ?? [];
  const isSigned = createSignatureCheck(secrets);
  const readBody = createBodyReader(deps.settings.webhookLimit);
  const isOver = createLimiter({ limit: UNSIGNED_LIMIT, window: 60_000, sources: 10_000, clock });

  function unsigned(c: Context): GroundcrewError {
    if (isOver(sourceOf(c.get("client")))) {
      c.header("Retry-After", "60");
      return new GroundcrewError("rate_limited", "Too many requests without a valid signature; try again in a minute.");
    }
    const known = secrets.length > 0 ? "a secret of this webhook" : "PLANE_WEBHOOK_SECRET, which is not set";
    return new GroundcrewError("unauthorized", `X-Plane-Signature is not the body's HMAC-SHA256 under ${known}.`);
  }

  async function receive(c: Context): Promise<Job> {
    const signature = parseSignature(c.req.header("x-plane-signature"));
    if (!signature) throw unsigned(c);
    checkType(c);
    const bytes = await readBody(c.req.raw);
    if (!(await isSigned(signature, bytes))) throw unsigned(c);
    return jobOf(c, bytes);
  }

  async function keep(job: Job): Promise<void> {
    const over = new AbortController();
    const late = deps.wait(KEEP_MS, over.signal).then(() => `The store took longer than ${KEEP_MS} ms`);
    try {
      const kept = commit(deps, job).then((outcome) => (outcome === "kept" ? undefined : `The store said ${outcome}`));
      const problem = await Promise.race([kept, late]);
      if (problem) throw new BreakConnection(problem);
    } catch (thrown) {
      throw thrown instanceof BreakConnection ? thrown : new BreakConnection(messageOf(thrown), { cause: thrown });
    } finally {
      over.abort();
    }
  }

  return new Hono().post("/", async (c) => {
    try {
      await keep(await receive(c));
    } catch (thrown) {
      metrics.count("groundcrew_webhooks_total", { source: "plane", outcome: outcomeOf(thrown) });
      if (looksLikePlane(c) || thrown instanceof BreakConnection) {
        c.get("log").warn("webhook not kept", { outcome: outcomeOf(thrown), error: messageOf(thrown) });
        deps.askPoll("a webhook was not kept");
      }
      throw thrown;
    }
    metrics.count("groundcrew_webhooks_total", { source: "plane", outcome: "kept" });
    deps.kick();
    return c.json({ ok: true });
  });
}

async function commit({ store }: ReceiverDeps, job: Job) {
  return store.commit({ jobs: [{ ...job, body: { ...Object(job.body), receivedAt: await store.now() } }] });
}
