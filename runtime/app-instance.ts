import { Cron } from "croner";
import type { BridgeTokens, Deps, Manifest } from "../shared/app/deps.ts";
import type { Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { createHttpApp } from "../shared/http/http-app.ts";
import type { Metrics } from "../shared/metrics.ts";
import type { Store } from "../shared/store/port.ts";
import type { Ms } from "../shared/time.ts";
import { createDeps, type RuntimeOverrides } from "./create-deps.ts";
import { nodeHashing } from "./node/hashing.ts";
import { getRemoteAddress } from "./node/serve-http.ts";

/** The product under one set of settings, from one reload to the next. Two on one store are like two processes. */
export interface AppInstance {
  deps: Deps;
  fetch(request: Request, env: unknown): Response | Promise<Response>;
  /** What METRICS_PORT serves. */
  fetchMetricsPort(request: Request, env: unknown): Response | Promise<Response>;
  /** Works what was left, and goes by the clock from now on. */
  start(): void;
  /** Begins nothing any more; resolves when what was begun is over. `patient`: first lets requests be answered, 10 s. */
  stop(patient: boolean): Promise<void>;
}

interface AppInstanceOptions {
  manifest: Manifest;
  store: Store;
  metrics: Metrics;
  scrape: NonNullable<Deps["scrape"]>;
  write: (line: string) => void;
  bridgeTokens?: BridgeTokens;
  readAsset: Deps["readAsset"];
  overrides: RuntimeOverrides;
}

/** So long requests under old settings may go on before those who wait in them are told that it stops. */
const DRAIN_TIMEOUT: Ms = 10_000;

/** The routes that METRICS_PORT serves without a token. */
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
    async stop(patient) {
      for (const job of jobs) job.stop();
      if (patient) await waitForRequests();
      stopping.abort();
      await Promise.all([deps.ticks.waitUntilIdle(), deps.drain(), services]);
    },
  };
}

/**
 * One job per tick kind; a tick that is late is not run twice for it. And one that looks each second for jobs that
 * have become due and that no alarm was set for here, which no slow job of another queue may hold up.
 */
function scheduleTicks(deps: Deps, manifest: Manifest): Cron[] {
  const heartbeat = new Cron("* * * * * *", () => deps.kick());
  const ticks = manifest.ticks.map((tick) => {
    const cron = new Cron(tick.cron(deps.settings), { timezone: deps.settings.timezone, protect: true }, async () => {
      // The tick has logged its own failure; a store that is down fails before that.
      await deps.ticks.runIfDue(tick.name).catch((thrown: unknown) => {
        deps.log.warn("tick not done", { tick: tick.name, error: getErrorMessage(thrown) });
      });
    });
    return cron;
  });
  return [heartbeat, ...ticks];
}

/** What a start does at once: work what was left, look for what was missed, learn whether Telegram knows us. */
function runStartupChecks(deps: Deps) {
  deps.kick();
  void deps.telegram?.getMe();
  if (!deps.ticks.names.includes("poll")) return;
  void deps.ticks.runNow("poll").catch(() => deps.requestPoll("the first poll failed"));
}

/** From the signal on no job is taken any more, so the loops end with the job they are at. */
function stopTakingOnAbort(store: Store, signal: AbortSignal): Store {
  return { ...store, take: async (queue, ttl, max) => (signal.aborted ? [] : store.take(queue, ttl, max)) };
}
