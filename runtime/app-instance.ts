import { Cron } from "croner";
import type { Driver } from "unstorage";
import type { BridgeTokens, Deps, Manifest } from "../shared/app/deps.ts";
import type { StoreHealth } from "../shared/app/store-health.ts";
import type { Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { createHttpApp } from "../shared/http/http-app.ts";
import type { Metrics } from "../shared/metrics.ts";
import type { Store } from "../shared/store/port.ts";
import type { Ms } from "../shared/time.ts";
import { createDeps, type RuntimeOverrides } from "./create-deps.ts";
import { nodeHashing } from "./node/hashing.ts";
import { getRemoteAddress } from "./node/serve-http.ts";

/** The product with one version of the settings. Two instances on one store behave like two processes. */
export interface AppInstance {
  deps: Deps;
  fetch(request: Request, env: unknown): Response | Promise<Response>;
  /** Answers requests to METRICS_PORT. */
  fetchMetricsPort(request: Request, env: unknown): Response | Promise<Response>;
  /** Works the jobs in the queues and starts the schedule of ticks. */
  start(): void;
  /**
   * Takes no new jobs and ticks; resolves when running ones have ended.
   * `drainRequests`: first waits until open requests are answered, for 10 s at most.
   */
  stop(drainRequests: boolean): Promise<void>;
}

interface AppInstanceOptions {
  manifest: Manifest;
  store: Store;
  storeHealth: StoreHealth;
  metrics: Metrics;
  scrape: NonNullable<Deps["scrape"]>;
  write: (line: string) => void;
  bridgeTokens?: BridgeTokens;
  nameStore?: Driver;
  readAsset: Deps["readAsset"];
  overrides: RuntimeOverrides;
}

/** Timeout for requests under old settings: 10 s, after which long-polling requests are aborted. */
const DRAIN_TIMEOUT: Ms = 10_000;

/** Paths that METRICS_PORT serves without a token. */
const METRICS_PORT_PATHS = new Set(["/metrics", "/ready", "/health"]);

export async function createAppInstance(
  settings: Settings,
  { overrides, ...parts }: AppInstanceOptions,
): Promise<AppInstance> {
  const { manifest } = parts;
  const stopping = new AbortController();
  const { signal } = stopping;
  const store = stopTakingOnAbort(parts.store, signal);
  const depsOptions = { ...parts, settings, store, signal, alarms: true };
  const deps = await createDeps({ ...depsOptions, overrides: { hashing: nodeHashing, ...overrides } });
  const metricsPortRoutes = manifest.routes.filter((route) => METRICS_PORT_PATHS.has(route.path));
  let openRequests = 0;
  let resolveDrained: (() => void) | undefined;
  const onRequestChange = (change: 1 | -1) => {
    openRequests += change;
    if (openRequests === 0) resolveDrained?.();
  };
  const common = { getRemoteAddress, onRequestChange };
  const app = createHttpApp(deps, { ...common, routes: manifest.routes });
  const metricsPortApp = createHttpApp(deps, { ...common, routes: metricsPortRoutes, skipAccessCheck: true });
  let jobs: Cron[] = [];
  let services: Promise<unknown> = Promise.resolve();

  async function waitForRequests() {
    if (openRequests === 0) return;
    const timeout = new AbortController();
    const drained = new Promise<void>((resolve) => {
      resolveDrained = resolve;
    });
    await Promise.race([drained, deps.wait(DRAIN_TIMEOUT, timeout.signal)]);
    timeout.abort();
  }

  return {
    deps,
    fetch: (request, env) => app.fetch(request, env as object),
    fetchMetricsPort: (request, env) => metricsPortApp.fetch(request, env as object),
    start() {
      jobs = scheduleTicks(deps, manifest);
      runStartupChecks(deps);
      services = Promise.all((manifest.services ?? []).map((service) => service.run(deps)));
    },
    async stop(drainRequests) {
      for (const job of jobs) job.stop();
      if (drainRequests) await waitForRequests();
      stopping.abort();
      await Promise.all([deps.ticks.waitUntilIdle(), deps.drain(), services]);
    },
  };
}

/**
 * Schedules one cron job per tick, without overlapping runs of one tick, and a heartbeat: every second it works jobs
 * that have become due without an alarm in this process. A slow job of another queue must not delay these.
 */
function scheduleTicks(deps: Deps, manifest: Manifest): Cron[] {
  const heartbeat = new Cron("* * * * * *", () => deps.kick());
  const ticks = manifest.ticks.map((tick) => {
    const cron = new Cron(tick.cron(deps.settings), { timezone: deps.settings.timezone, protect: true }, async () => {
      // The tick logs its own failure, but an unavailable store fails before the tick begins.
      await deps.ticks.runIfDue(tick.name).catch((thrown: unknown) => {
        deps.log.warn("tick failed", { tick: tick.name, error: getErrorMessage(thrown) });
      });
    });
    return cron;
  });
  return [heartbeat, ...ticks];
}

/** Runs at every start: works remaining jobs, polls for missed changes and checks the Telegram bot's token. */
function runStartupChecks(deps: Deps) {
  deps.kick();
  void deps.telegram?.getMe();
  if (!deps.ticks.names.includes("poll")) return;
  void deps.ticks.runNow("poll").catch(() => deps.requestPoll("the first poll failed"));
}

/** A store that hands out no jobs after the signal, so that the loops end after their current job. */
function stopTakingOnAbort(store: Store, signal: AbortSignal): Store {
  return { ...store, take: async (queue, ttl, max) => (signal.aborted ? [] : store.take(queue, ttl, max)) };
}
