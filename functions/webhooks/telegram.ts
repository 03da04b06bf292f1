import { Hono } from "hono";
import type { Deps, Route } from "../../shared/deps.ts";
import { GroundcrewError, messageOf } from "../../shared/errors.ts";
import { sourceOf } from "../../shared/http/address.ts";
import { createBodyReader } from "../../shared/http/body.ts";
import { BreakConnection } from "../../shared/http/context.ts";
import { createLimiter } from "../../shared/http/limiter.ts";
import { createTokenCheck } from "../../shared/http/tokens.ts";
import { webhookSecrets } from "../../shared/telegram/secret.ts";
import { updateJob } from "../../shared/telegram/update-job.ts";

/** The longest update: a message of 4,096 characters with its entities and what it replies to. */
const LIMIT = 256 * 1024;
/** Requests a minute and source that may come without the secret (INFRA-04). */
const UNPROVED_LIMIT = 100;

type WebhookDeps = Pick<Deps, "settings" | "store" | "metrics" | "clock" | "kick">;

/** Updates that Telegram sends: proved by the secret header, kept, 200. What is not kept Telegram sends again. */
export const telegramWebhook: Route = { path: "/webhooks/telegram", access: "public", app };

function app(deps: WebhookDeps): Hono {
  const { telegram } = deps.settings;
  const check = telegram && webhookSecrets(telegram).then(createTokenCheck);
  const readBody = createBodyReader(LIMIT);
  const isOver = createLimiter({ limit: UNPROVED_LIMIT, window: 60_000, sources: 10_000, clock: deps.clock });

  return new Hono().post("/", async (c) => {
    const given = c.req.header("x-telegram-bot-api-secret-token");
    const isOurs = await check;
    if (given === undefined || !isOurs || !(await isOurs(given))) {
      deps.metrics.count("groundcrew_webhooks_total", { source: "telegram", outcome: "unauthorized" });
      if (isOver(sourceOf(c.get("client")))) {
        c.header("Retry-After", "60");
        throw new GroundcrewError("rate_limited", "Too many requests without the secret. Try again in a minute.");
      }
      throw new GroundcrewError("unauthorized", "X-Telegram-Bot-Api-Secret-Token is not the one that was registered.");
    }
    const job = updateJob(parsed(await readBody(c.req.raw)), c.get("correlation"));
    if (!job) throw new GroundcrewError("bad_request", "The body is no update.");
    await deps.store.commit({ jobs: [job] }).catch((cause: unknown) => {
      throw new BreakConnection(`The store did not take an update: ${messageOf(cause)}`, { cause });
    });
    deps.metrics.count("groundcrew_webhooks_total", { source: "telegram", outcome: "kept" });
    deps.kick();
    return c.json({ ok: true });
  });
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new GroundcrewError("bad_request", "The body is not JSON.");
  }
}
