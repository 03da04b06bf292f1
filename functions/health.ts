import { Hono } from "hono";
import type { Deps, Route } from "../shared/app/deps.ts";
import { GroundcrewError } from "../shared/errors.ts";
import type { StoreStats } from "../shared/store/port.ts";
import { countTickets } from "../shared/tickets/read-tickets.ts";
import { ticketSets } from "../shared/tickets/ticket.ts";
import { isRecent, type Ms } from "../shared/time.ts";
import { VERSION } from "../shared/version.ts";

type HealthDeps = Pick<Deps, "store" | "storeHealth" | "clock" | "wait" | "settings">;

interface TicketHealth {
  /** A ticket runner is connected. */
  tmux_service: boolean;
  pending_count: number;
  active_count: number;
  completed_count: number;
}

type HealthStats = StoreStats & { tickets: TicketHealth | undefined };

/**
 * Interval between reads of the store's statistics: 1 s, because the route is public and anyone can call it at any
 * rate.
 */
const STATS_FRESH_MS: Ms = 1_000;
/** Timeout for reading the store's statistics: 2 s, after which the store counts as unavailable. */
const STORE_TIMEOUT_MS: Ms = 2_000;

/** MONITOR-01: the process runs, and its store answers and can be written. The route is public, so it returns a status and counts only. */
export const healthRoute: Route = { path: "/health", access: "public", app };

function app({ store, storeHealth, clock, wait, settings }: HealthDeps): Hono {
  const startedAt = clock();
  let lastCheck: { at: Ms; stats: Promise<HealthStats | undefined> } | undefined;

  /** Counts of tickets, where there are any; names that other orchestrators' dashboards expect. */
  async function readTicketHealth(): Promise<TicketHealth | undefined> {
    if (!settings.tickets) return undefined;
    const [{ pending, active, completed }, runners] = await Promise.all([
      countTickets(store),
      store.count(ticketSets.runners),
    ]);
    return {
      tmux_service: runners > 0,
      pending_count: pending,
      active_count: active,
      completed_count: completed,
    };
  }

  async function readHealthStats(): Promise<HealthStats> {
    const [stats, tickets] = await Promise.all([store.stats(), readTicketHealth()]);
    return { ...stats, tickets };
  }

  async function readStats(): Promise<HealthStats | undefined> {
    const timeout = new AbortController();
    try {
      return (await Promise.race([readHealthStats(), wait(STORE_TIMEOUT_MS, timeout.signal)])) ?? undefined;
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
    return c.json({
      status: "healthy",
      version: VERSION,
      uptime_s,
      queues: Object.fromEntries(queues),
      ...stats.tickets,
    });
  });
}
