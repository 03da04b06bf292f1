import { Hono } from "hono";
import type { Deps, Route } from "../shared/deps.ts";
import { messageOf } from "../shared/errors.ts";
import type { PartHealth } from "../shared/health.ts";
import { createRedact } from "../shared/redact.ts";
import type { Ms } from "../shared/store/port.ts";

type ReadyDeps = Pick<Deps, "settings" | "store" | "health" | "wait">;

const ANSWER_MS: Ms = 2_000;

/** MONITOR-01: the store, Plane and Telegram, each with how long ago it last worked and why it does not now. */
export const ready: Route = { path: "/ready", access: "admin", app };

function app(deps: ReadyDeps): Hono {
  const { settings, health } = deps;
  return new Hono().get("/", async (c) => {
    const parts: Record<string, PartHealth> = {
      store: await storeHealth(deps),
      ...(settings.plane && { plane: health.of("plane") }),
      ...(settings.telegram && { telegram: health.of("telegram") }),
    };
    // Not asked yet is not ready: the first poll and the bot's own name come right after the start.
    const isReady = Object.values(parts).every((part) => part.ok === true);
    return c.json({ status: isReady ? "ready" : "not ready", ...parts }, isReady ? 200 : 503);
  });
}

async function storeHealth({ store, wait, settings }: ReadyDeps): Promise<PartHealth> {
  const over = new AbortController();
  try {
    const now = await Promise.race([store.now(), wait(ANSWER_MS, over.signal)]);
    if (now === undefined) throw new Error(`no answer within ${ANSWER_MS} ms`);
    return { ok: true, age_s: 0 };
  } catch (thrown) {
    return { ok: false, age_s: null, error: createRedact(settings.secrets)(messageOf(thrown)) };
  } finally {
    over.abort();
  }
}
