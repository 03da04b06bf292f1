import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { createTokenCheck } from "../../shared/hashing/token-check.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { BreakConnection } from "../../shared/http/context.ts";
import { createRefusalLimiter } from "../../shared/http/refusal-limiter.ts";
import { createUpdateJob } from "../../shared/jobs/updates-jobs.ts";
import { getWebhookSecrets } from "../../shared/telegram/webhook-secrets.ts";

/**
 * Limit of an update: 256 KiB, enough for a message of 4,096 characters with its entities and the message it replies
 * to.
 */
const MAX_BODY_BYTES = 256 * 1024;
/** Limit of requests without the secret: 100 per minute and source (INFRA-04). */
const UNVERIFIED_LIMIT = 100;

type WebhookDeps = Pick<Deps, "settings" | "store" | "metrics" | "clock" | "kick">;

/**
 * Verifies an update from Telegram by its secret header, stores it and responds 200. The connection is broken when it
 * could not be stored, because Telegram then sends it again.
 */
export const telegramWebhookRoute: Route = { path: "/webhooks/telegram", access: "public", app };

function app(deps: WebhookDeps): Hono {
  const { telegram } = deps.settings;
  const pendingCheck = telegram && getWebhookSecrets(telegram).then(createTokenCheck);
  const readBody = createBodyReader(MAX_BODY_BYTES);
  const { countRefusal } = createRefusalLimiter({
    limit: UNVERIFIED_LIMIT,
    message: "Too many requests without the secret. Try again in a minute.",
    clock: deps.clock,
  });

  return new Hono().post("/", async (c) => {
    const secret = c.req.header("x-telegram-bot-api-secret-token");
    const isValidSecret = await pendingCheck;
    if (secret === undefined || !isValidSecret || !(await isValidSecret(secret))) {
      deps.metrics.count("groundcrew_webhooks_total", { source: "telegram", outcome: "unauthorized" });
      const refusal = "X-Telegram-Bot-Api-Secret-Token does not match the registered secret.";
      throw countRefusal(c, new GroundcrewError("unauthorized", refusal));
    }
    const job = createUpdateJob(parseJson(await readBody(c.req.raw)), c.get("correlation"));
    if (!job) throw new GroundcrewError("bad_request", "The body is not a Telegram update.");
    await deps.store.commit({ jobs: [job] }).catch((cause: unknown) => {
      throw new BreakConnection(`Storing an update failed: ${getErrorMessage(cause)}`, { cause });
    });
    deps.metrics.count("groundcrew_webhooks_total", { source: "telegram", outcome: "kept" });
    deps.kick();
    return c.json({ ok: true });
  });
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new GroundcrewError("bad_request", "The body is not JSON.");
  }
}
