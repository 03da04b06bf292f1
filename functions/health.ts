import { Hono } from "hono";
import type { Deps, Route } from "../shared/deps.ts";
import { GroundcrewError } from "../shared/errors.ts";
import type { Ms, Stats } from "../shared/store/port.ts";
import { VERSION } from "../shared/version.ts";

type HealthDeps = Pick<Deps, "store" | "clock" | "wait">;

/** Anyone may ask, so the store is asked at most this often. */
const FRESH_MS: Ms = 1_000;
/** A store that takes longer does not work. */
const ANSWER_MS: Ms = 2_000;

/** MONITOR-01: alive, and able to keep things. Public: says ok and counts, nothing else. */
export const health: Route = { path: "/health", access: "public", app };

function app({ store, clock, wait }: HealthDeps): Hono {
  const startedAt = clock();
  let asked: { at: Ms; stats: Promise<Stats | undefined> } | undefined;

  async function ask(): Promise<Stats | undefined> {
    const over = new AbortController();
    try {
      return (await Promise.race([store.stats(), wait(ANSWER_MS, over.signal)])) ?? undefined;
    } catch {
      return undefined;
    } finally {
      over.abort();
    }
  }

  return new Hono().get("/", async (c) => {
    if (!asked || clock() - asked.at >= FRESH_MS) asked = { at: clock(), stats: ask() };
    const stats = await asked.stats;
    if (!stats) throw new GroundcrewError("unavailable", "The store does not answer.");
    const queues = Object.entries(stats.queues).map(
      ([queue, { pending, dead }]) => [queue, { pending, dead }] as const,
    );
    const uptime_s = Math.floor((clock() - startedAt) / 1000);
    return c.json({ status: "healthy", version: VERSION, uptime_s, queues: Object.fromEntries(queues) });
  });
}
