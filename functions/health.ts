/**
 * What monitors ask: `/health` is public and says only whether parts work, `/ready` names what is missing,
 * `/webhooks/health` says to monitors outside the VPN whether something is, and `/metrics` gives the measurements.
 */

import { Hono } from "hono";
import type { ComponentHealth, Deps, Route } from "../shared/app/deps.ts";
import { addLongPause, type LongPauses, readLongPauses } from "../shared/app/health.ts";
import { GroundcrewError, getErrorMessage } from "../shared/errors.ts";
import { createSourceLimiter } from "../shared/http/limits.ts";
import { toRateLimitSource } from "../shared/ip-address.ts";
import { readCurrentCanary } from "../shared/monitoring/canary.ts";
import { readPlaneHealth } from "../shared/notices/notices.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { listReadableProjects } from "../shared/records/plane-records.ts";
import { describeCapacityWarning, findCapacityWarnings } from "../shared/store/port.ts";
import { readFirstLook } from "../shared/sync/details.ts";
import { listDeletedNames } from "../shared/sync/names.ts";
import { createRedactor } from "../shared/text.ts";
import { countTickets } from "../shared/tickets/stored-tickets.ts";
import { ticketSets } from "../shared/tickets/ticket.ts";
import { isRecent, MINUTE, type Ms } from "../shared/time.ts";
import { VERSION } from "../shared/version.ts";

type ReadyDeps = Pick<Deps, "settings" | "store" | "storeHealth" | "health" | "wait">;

/** Interval between reads of the store for public routes: 1 s, because anyone can call them at any rate. */
const PUBLIC_FRESH_MS: Ms = 1_000;

/** Limit of requests to the route for monitors outside: 100 per minute and source, as of webhooks without a signature. */
const OUTSIDE_LIMIT = 100;

/** Limit of remembered sources of that route: 1,000, about 100 KB. */
const OUTSIDE_SOURCES = 1_000;

/** Timeout for reading the store's statistics: 2 s, after which the store counts as unavailable. */
const STORE_TIMEOUT_MS: Ms = 2_000;

/** MONITOR-01: the process runs, and its store answers and can be written. The route is public, so it returns a status and counts only. */
export const healthRoute: Route = { path: "/health", access: "public", app: createHealthApp };

/**
 * MONITOR-01: the state of the store, Plane and Telegram: time since the last success, and the reason of a failure.
 * Missing webhooks are reported but do not make the service unready, because the poll still finds every change.
 */
export const readyRoute: Route = { path: "/ready", access: "admin", app: createReadyApp };

/**
 * MONITOR-01: whether `/ready` would succeed, and nothing else, for monitors outside the VPN. It is below `/webhooks/`,
 * the only path that is public there.
 */
export const outsideHealthRoute: Route = { path: "/webhooks/health", access: "public", app: createOutsideHealthApp };

/** MONITOR-03: all metrics in the Prometheus text format. */
export const metricsRoute: Route = {
  path: "/metrics",
  access: "admin",
  app: ({ scrape }) =>
    new Hono().get("/", async (c) => {
      if (!scrape) throw new GroundcrewError("not_found", "This host does not expose metrics.");
      const { type, text } = await scrape();
      return c.body(text, 200, { "Content-Type": type });
    }),
};

function createHealthApp(deps: Deps): Hono {
  const { store, storeHealth, clock, settings } = deps;
  const startedAt = clock();

  /** Counts of tickets, where there are any; names that other orchestrators' dashboards expect. */
  async function readTicketHealth() {
    if (!settings.tickets) return undefined;
    const [{ pending, active, completed }, runners] = await Promise.all([
      countTickets(store),
      store.count(ticketSets.runners),
    ]);
    // `tmux_service`: a ticket runner is connected.
    return { tmux_service: runners > 0, pending_count: pending, active_count: active, completed_count: completed };
  }

  const readFreshStats = createFreshReader(clock, () =>
    withTimeout(deps, () => Promise.all([store.stats(), readTicketHealth()])).catch(() => undefined),
  );

  return new Hono().get("/", async (c) => {
    const check = await readFreshStats();
    if (!check) throw new GroundcrewError("unavailable", "The store does not respond.");
    const [stats, tickets] = check;
    if (storeHealth.getFailure() !== undefined)
      throw new GroundcrewError("unavailable", "The store cannot keep data. GET /ready returns the reason.");
    const queues = Object.entries(stats.queues).map(([queue, { pending, dead }]) => [queue, { pending, dead }]);
    const uptime_s = Math.floor((clock() - startedAt) / 1000);
    return c.json({
      status: "healthy",
      version: VERSION,
      uptime_s,
      queues: Object.fromEntries(queues),
      ...tickets,
    });
  });
}

function createReadyApp(deps: ReadyDeps): Hono {
  return new Hono().get("/", async (c) => {
    const { isReady, parts } = await readReadiness(deps);
    const webhooks =
      parts.store.ok && deps.settings.plane?.webhookSecrets.length ? await readWebhookHealth(deps) : undefined;
    const first_look = parts.store.ok
      ? await withTimeout(deps, () => readFirstLook(deps)).catch(() => undefined)
      : undefined;
    const readDeletedNames = async () => listDeletedNames(deps, await listReadableProjects(deps));
    const deleted = parts.store.ok ? await withTimeout(deps, readDeletedNames).catch(() => []) : [];
    const deleted_names = deleted.length > 0 ? deleted : undefined;
    const status = isReady ? "ready" : "not ready";
    const untrusted_proxy = c.get("untrustedProxy");
    return c.json(
      { status, ...parts, ...omitUndefined({ webhooks, first_look, deleted_names, untrusted_proxy }) },
      isReady ? 200 : 503,
    );
  });
}

function createOutsideHealthApp(deps: ReadyDeps & Pick<Deps, "clock">): Hono {
  const { clock } = deps;
  const limiter = createSourceLimiter({ limit: OUTSIDE_LIMIT, window: MINUTE, sources: OUTSIDE_SOURCES, clock });
  const readFreshReadiness = createFreshReader(clock, () => readReadiness(deps));

  return new Hono().get("/", async (c) => {
    if (limiter.count(toRateLimitSource(c.get("client")))) {
      c.header("Retry-After", String(MINUTE / 1000));
      throw new GroundcrewError("rate_limited", "Too many requests. Try again in a minute.");
    }
    const { isReady } = await readFreshReadiness();
    c.set("isFrequent", true);
    c.header("Cache-Control", "no-store");
    return isReady ? c.text("ok") : c.text("not ok", 503);
  });
}

/** Creates a reader whose result counts for a second. */
function createFreshReader<T>(clock: () => Ms, read: () => Promise<T>): () => Promise<T> {
  let last: { at: Ms; result: Promise<T> } | undefined;
  return () => {
    if (!last || !isRecent(last.at, PUBLIC_FRESH_MS, clock())) last = { at: clock(), result: read() };
    return last.result;
  };
}

/** The states of the store, Plane and Telegram, and whether all of them work. */
async function readReadiness(deps: ReadyDeps) {
  const { settings, health, store } = deps;
  // What the store does not tell in time is left out: the failure is reported by the store's own entry.
  const pauses = await withTimeout(deps, () => readLongPauses(store)).catch((): LongPauses => ({}));
  const planeHealth = await withTimeout(deps, () => readPlaneHealth(deps)).catch(() => health.get("plane"));
  const parts = {
    store: await readStoreHealth(deps),
    ...omitUndefined({
      plane: settings.plane ? addLongPause(planeHealth, "plane", pauses.plane) : undefined,
      telegram: settings.telegram ? addLongPause(health.get("telegram"), "telegram", pauses.telegram) : undefined,
    }),
  };
  // A component that was not called yet is not ready: the first poll and the first bot call follow right after startup.
  const isReady = Object.values(parts).every((part) => part?.ok === true);
  return { isReady, parts };
}

/** Returns the store's answer; throws when it does not arrive in time. */
async function withTimeout<T>({ wait }: Pick<Deps, "wait">, read: () => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const timeout = wait(STORE_TIMEOUT_MS, abort.signal).then(() => {
    throw new Error(`no answer within ${STORE_TIMEOUT_MS} ms`);
  });
  // The rejection must be handled even when the read has won the race.
  timeout.catch(() => {});
  try {
    return await Promise.race([read(), timeout]);
  } finally {
    abort.abort();
  }
}

/** The store is healthy when it answers and can be written. Warnings of its capacity do not make it unready. */
async function readStoreHealth(deps: ReadyDeps): Promise<ComponentHealth & { warnings?: string[] }> {
  const { storeHealth } = deps;
  const warnings = findCapacityWarnings(storeHealth.getCapacity()).map(describeCapacityWarning);
  const fields = omitUndefined({ warnings: warnings.length > 0 ? warnings : undefined });
  try {
    await withTimeout(deps, () => deps.store.now());
    const failure = storeHealth.getFailure();
    if (failure === undefined) return { ok: true, age_s: 0, ...fields };
    return { ok: false, age_s: null, error: failure.reason, ...fields };
  } catch (thrown) {
    return { ok: false, age_s: null, error: createRedactor(deps.settings.secrets)(getErrorMessage(thrown)) };
  }
}

/**
 * Result of the latest canary edit; undefined before the first one. `seconds`: the time from the latest successful
 * canary edit to its webhook. Results that were obtained with another address do not count.
 */
async function readWebhookHealth(deps: ReadyDeps): Promise<(ComponentHealth & { seconds: number | null }) | undefined> {
  const { store } = deps;
  try {
    const [canary, now] = await withTimeout(deps, () => Promise.all([readCurrentCanary(deps), store.now()]));
    if (!canary) return undefined;
    const { lastArrival, silentSince } = canary;
    const age_s = lastArrival ? Math.max(0, Math.round((now - lastArrival.at) / 1000)) : null;
    const seconds = lastArrival ? lastArrival.durationMs / 1000 : null;
    if (silentSince === undefined) return { ok: lastArrival ? true : null, age_s, seconds };
    const error = `silent for ${Math.round((now - silentSince) / MINUTE)} min: no webhook arrived for an edit of the canary`;
    return { ok: false, age_s, seconds, error };
  } catch {
    // The failure is already reported by the store's own entry.
    return undefined;
  }
}
