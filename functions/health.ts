import { Hono } from "hono";
import type { Deps, Route } from "../shared/app/deps.ts";
import { GroundcrewError } from "../shared/errors.ts";
import type { StoreStats } from "../shared/store/port.ts";
import { isRecent, type Ms } from "../shared/time.ts";
import { VERSION } from "../shared/version.ts";

type HealthDeps = Pick<Deps, "store" | "storeHealth" | "clock" | "wait">;

/**
 * Interval between reads of the store's statistics: 1 s, because the route is public and anyone can call it at any
 * rate.
 */
const STATS_FRESH_MS: Ms = 1_000;
/** Timeout for reading the store's statistics: 2 s, after which the store counts as unavailable. */
const STORE_TIMEOUT_MS: Ms = 2_000;

/** MONITOR-01: the process runs, and its store answers and can be written. The route is public, so it returns a status and counts only. */
export const healthRoute: Route = { path: "/health", access: "public", app };

function app({ store, storeHealth, clock, wait }: HealthDeps): Hono {
  const startedAt = clock();
  let lastCheck: { at: Ms; stats: Promise<StoreStats | undefined> } | undefined;

  async function readStats(): Promise<StoreStats | undefined> {
    const timeout = new AbortController();
    try {
      return (await Promise.race([store.stats(), wait(STORE_TIMEOUT_MS, timeout.signal)])) ?? undefined;
    } catch {
      return undefined;
    } finally {
      timeout.abort();
    }
  }

  return new Hono().get("/", async (c) => {
    if (!lastCheck || !isRecent(lastCheck.at, STATS_FRESH_MS, clock())) lastCheck = { at: clock(), stats: readStats() };
    const stats = await lastCheck.stats;
    if (!stats) throw new GroundcrewError("unavailable", "The store does not respond.");
    if (storeHealth.getWriteFailure() !== undefined)
      throw new GroundcrewError("unavailable", "The store cannot be written. GET /ready returns the reason.");
    const queues = Object.entries(stats.queues).map(
      ([queue, { pending, dead }]) => [queue, { pending, dead }] as const,
    );
    const uptime_s = Math.floor((clock() - startedAt) / 1000);
    return c.json({ status: "healthy", version: VERSION, uptime_s, queues: Object.fromEntries(queues) });
  });
}
