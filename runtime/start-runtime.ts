/**
 * The product on Node: a store, one running configuration (AppInstance) with its HTTP server, queues and cron
 * schedule, and its replacement by another when the secrets or settings have changed. A stop ends calls first and
 * waits for what has begun.
 */

import { Cron } from "croner";
import { logUnseenWebhooks } from "../functions/canary.ts";
import type { Deps, Manifest } from "../shared/app/deps.ts";
import { createStoreHealth, recordStoreHealth } from "../shared/app/health.ts";
import { formatSettingProblem } from "../shared/config/setting-problem.ts";
import type { ParsedSettings, Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { createHttpApp } from "../shared/http/http-app.ts";
import { type IpRange, parseTrustedProxies } from "../shared/ip-address.ts";
import { createLog, createOutages, type Log } from "../shared/log.ts";
import { createLocalNotices } from "../shared/notices/notices.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import type { Store } from "../shared/store/port.ts";
import { claimStoreFormat, StoreFormatError } from "../shared/store/store-format.ts";
import { createRedactor } from "../shared/text.ts";
import type { Ms } from "../shared/time.ts";
import { readBackupState } from "./backup/stored-backups.ts";
import { type CreateDepsOptions, createDeps, type RuntimeOverrides } from "./create-deps.ts";
import { createPrometheusMetrics } from "./metrics/prometheus-metrics.ts";
import { getConnectionLimit, getSourceLimit } from "./node/connections.ts";
import { nodeHashing } from "./node/crypto.ts";
import { createAssetReader } from "./node/files.ts";
import { createOpenclawQuestions } from "./node/programs.ts";
import { getRemoteAddress, serveHttp } from "./node/serve-http.ts";
import { openNoticeFile, reportFailedStart } from "./notice-file.ts";
import { openNameStore, openStore } from "./stores/open-store.ts";

export interface Runtime {
  /** The URL of the listening server, for example `http://127.0.0.1:8787`. */
  url: string;
  /** The URL of METRICS_PORT. */
  metricsUrl?: string;
  /** The current dependencies of the handlers; a reload replaces them. */
  readonly deps: Deps;
  /**
   * Switches to other settings on the same port and the same store: new requests and jobs use the new settings, running
   * ones end under the old settings. HOST, PORT, METRICS_PORT and STORE_URL do not change.
   * Rejects and changes nothing when the settings cannot be used.
   */
  reload(settings: Settings): Promise<void>;
  /** Takes no new work, finishes running work (for 8 s at most) and closes the store. */
  stop(): Promise<void>;
}

/** Without `bridgeTokens`, SECRETS_FILE cannot be written or is not watched. */
interface RuntimeOptions extends Pick<CreateDepsOptions, "manifest" | "write" | "bridgeTokens"> {
  /** Also export the process's own memory, CPU and event loop as metrics. */
  processMetrics?: boolean;
  overrides?: RuntimeOverrides & { store?: Store };
}

/** The product with one version of the settings. Two instances on one store behave like two processes. */
interface AppInstance {
  deps: Deps;
  /** The proxies whose X-Forwarded-For counts. */
  trustedProxies: readonly IpRange[];
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

type AppInstanceOptions = Omit<CreateDepsOptions, "settings" | "signal" | "alarms"> & { overrides: RuntimeOverrides };

interface WatchSecretsOptions {
  running: Pick<Runtime, "deps" | "reload">;
  /** Reads all settings again. */
  readSettings: () => ParsedSettings;
  /** Returns a text that differs whenever the secrets file has changed. Throws when the file cannot be inspected. */
  getFingerprint: () => string;
  wait: (ms: Ms, signal: AbortSignal) => Promise<void>;
  /** Ends the watching. */
  signal: AbortSignal;
  /** Interval between checks of the file. Default 2 s. */
  interval?: Ms;
}

/** Timeout for stopping: 8 s, because Docker kills the process 10 s after SIGTERM. */
const STOP_MS: Ms = 8_000;

/** Timeout for requests under old settings: 10 s, after which long-polling requests are aborted. */
const DRAIN_TIMEOUT: Ms = 10_000;

/** Paths that METRICS_PORT serves without a token. */
const METRICS_PORT_PATHS = new Set(["/metrics", "/ready", "/health"]);

/** Settings that a running process cannot change, with their names in the environment. */
const RESTART_SETTINGS = [
  ["store", "STORE_URL"],
  ["host", "HOST"],
  ["port", "PORT"],
  ["metricsPort", "METRICS_PORT"],
  ["demo", "PLANE_URL"],
] as const satisfies readonly (readonly [keyof Settings, string])[];

const RELOAD_FAILED = "secrets not reloaded, previous secrets stay in use";

/** Starts the product on Node: serves its routes, runs its ticks and works its queues. Rejects when it cannot start. */
export async function startRuntime(settings: Settings, options: RuntimeOptions): Promise<Runtime> {
  const { manifest, overrides = {}, write, bridgeTokens } = options;
  const { clock = Date.now } = overrides;
  const outages = createOutages();
  const log = createLog({ level: settings.logLevel, write, clock, secrets: settings.secrets, outages });
  const localNotices = createLocalNotices(openNoticeFile(settings));
  const openedStore =
    overrides.store ??
    (await openStore(settings.store.url, { prefix: settings.store.prefix, log }).catch((thrown: unknown) =>
      reportFailedStart(settings, { log, clock, fetch: overrides.fetch ?? fetch }, localNotices, thrown),
    ));
  const storeHealth = createStoreHealth(createRedactor(settings.secrets), outages);
  await checkStoreFormat(recordStoreHealth(openedStore, storeHealth), log);
  const nameStore = await openNameStore(settings.store.url, settings.store.prefix);
  let planeSettings = settings.plane;
  const { backupFolder } = settings;
  const readBackups = backupFolder === undefined ? undefined : () => readBackupState(backupFolder);
  const { metrics, scrape } = createPrometheusMetrics({
    getPlaneSettings: () => planeSettings,
    maxSessions: settings.tickets?.max_sessions,
    store: openedStore,
    storeHealth,
    localNotices,
    processMetrics: options.processMetrics ?? false,
    clock,
    ...omitUndefined({ readBackups }),
  });
  const readAsset = createAssetReader();
  const parts = {
    manifest,
    store: openedStore,
    storeHealth,
    localNotices,
    outages,
    metrics,
    scrape,
    write,
    readAsset,
    overrides,
    ...omitUndefined({ bridgeTokens, nameStore, readBackups, askOpenclaw: createOpenclawQuestions(process.env) }),
  };
  const servers: Awaited<ReturnType<typeof serveHttp>>[] = [];
  try {
    let current = await createAppInstance(settings, parts);
    const instances = new Set([current]);
    const connections = splitConnectionLimit(getConnectionLimit(), settings.metricsPort !== undefined);
    const streamPaths = manifest.routes.flatMap((route) => (route.streams ? [route.path] : []));
    const url = await listen("fetch", settings.port, connections.main, streamPaths);
    const metricsUrl =
      settings.metricsPort === undefined
        ? undefined
        : await listen("fetchMetricsPort", settings.metricsPort, connections.metrics);
    current.start();
    current.deps.log.info("listening", { url, metrics: metricsUrl });

    async function listen(
      answer: "fetch" | "fetchMetricsPort",
      port: number,
      maxConnections: number,
      paths: readonly string[] = [],
    ): Promise<string> {
      const server = await serveHttp({
        app: { fetch: (request, env) => current[answer](request, env) },
        host: settings.host,
        port,
        portName: answer === "fetch" ? "PORT" : "METRICS_PORT",
        log: current.deps.log,
        getTrustedProxies: () => current.trustedProxies,
        streamPaths: paths,
        maxConnections,
        maxPerSource: getSourceLimit(maxConnections),
      });
      servers.push(server);
      return server.url;
    }

    async function switchSettings(newSettings: Settings) {
      const { host, port, store } = settings;
      const next = await createAppInstance({ ...newSettings, host, port, store }, parts);
      if (stopped) return;
      const previous = current;
      instances.add(next);
      current = next;
      planeSettings = newSettings.plane;
      await previous.stop(true);
      instances.delete(previous);
      if (!stopped) next.start();
    }

    async function stop() {
      const { deps } = current;
      deps.log.info("stopping");
      const timeout = new AbortController();
      const instancesStopped = [...instances].map((instance) => instance.stop(false));
      const finished = Promise.all([...servers.map((server) => server.stop(STOP_MS)), ...instancesStopped]);
      await Promise.race([finished, deps.wait(STOP_MS, timeout.signal)]);
      timeout.abort();
      await nameStore?.dispose?.();
      await openedStore.close();
      deps.log.info("stopped");
    }

    let reloading: Promise<void> = Promise.resolve();
    let stopped: Promise<void> | undefined;
    return {
      url,
      ...omitUndefined({ metricsUrl }),
      get deps() {
        return current.deps;
      },
      reload(newSettings) {
        const done = reloading.then(() => switchSettings(newSettings));
        reloading = done.catch(() => {});
        return done;
      },
      stop() {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (thrown) {
    await Promise.all(servers.map((server) => server.stop(0)));
    await nameStore?.dispose?.();
    await openedStore.close();
    throw thrown;
  }
}

/** Closes the store and rejects when it has another format. A store that cannot be written is checked as well. */
async function checkStoreFormat(store: Store, log: Log): Promise<void> {
  try {
    await claimStoreFormat(store);
  } catch (thrown) {
    if (!(thrown instanceof StoreFormatError)) {
      log.warn("the store's format was not recorded", { error: getErrorMessage(thrown) });
      return;
    }
    await store.close();
    throw thrown;
  }
}

async function createAppInstance(
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
    trustedProxies: parseTrustedProxies(settings.trustedProxies),
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

/** A store that hands out no jobs after the signal, so that the loops end after their current job. */
function stopTakingOnAbort(store: Store, signal: AbortSignal): Store {
  return { ...store, take: async (queue, ttl, max) => (signal.aborted ? [] : store.take(queue, ttl, max)) };
}

/**
 * Schedules one cron job per tick, without overlapping runs of one tick, and a heartbeat: every second it works jobs
 * that have become due without an alarm in this process. A slow job of another queue must not delay these.
 */
function scheduleTicks(deps: Deps, manifest: Manifest): Cron[] {
  const heartbeat = new Cron("* * * * * *", () => deps.notify());
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
  deps.notify();
  void deps.telegram?.getMe();
  // It could not have started with the settings that an earlier process refused.
  void deps.notices.report("settings_refused", undefined).catch(() => {});
  for (const name of ["damage", "store", "instance"])
    if (deps.ticks.names.includes(name)) void deps.ticks.runIfDue(name).catch(() => {});
  void logUnseenWebhooks(deps).catch(() => {});
  if (!deps.ticks.names.includes("poll")) return;
  void deps.ticks.runNow("poll").catch(() => deps.requestPoll("the first poll failed"));
}

/** Divides the limit of connections: METRICS_PORT, which few programs read, gets a quarter. */
function splitConnectionLimit(limit: number, hasMetricsPort: boolean): { main: number; metrics: number } {
  const metrics = hasMetricsPort ? Math.max(1, Math.floor(limit / 4)) : 0;
  return { main: Math.max(1, limit - metrics), metrics };
}

/**
 * Watches the secrets file and reloads the runtime's settings when it has changed. An invalid file is logged and
 * changes nothing; its next change is read again.
 */
export async function watchSecrets(options: WatchSecretsOptions): Promise<void> {
  const { running, readSettings, getFingerprint, wait, signal, interval = 2_000 } = options;
  // A folder that is unreadable for a while must neither end the runtime nor fill its log.
  const tryGetFingerprint = () => {
    try {
      return { fingerprint: getFingerprint() };
    } catch (thrown) {
      return { fingerprint: getErrorMessage(thrown), thrown };
    }
  };
  let lastFingerprint = tryGetFingerprint().fingerprint;
  while (!signal.aborted) {
    await wait(interval, signal);
    const current = tryGetFingerprint();
    if (signal.aborted || current.fingerprint === lastFingerprint) continue;
    lastFingerprint = current.fingerprint;
    try {
      if (current.thrown !== undefined) throw current.thrown;
      await applyChangedSettings(running, readSettings);
    } catch (thrown) {
      await reportRefusedSettings(running.deps, [getErrorMessage(thrown)]);
    }
  }
}

async function reportRefusedSettings({ log, notices }: Deps, problems: readonly string[]): Promise<void> {
  log.error(RELOAD_FAILED, { problems });
  await notices.report("settings_refused", { values: { reason: problems.join("; ") } });
}

async function applyChangedSettings(
  running: WatchSecretsOptions["running"],
  readSettings: WatchSecretsOptions["readSettings"],
): Promise<void> {
  const parsed = readSettings();
  const { settings: previous, log } = running.deps;
  if (!parsed.ok) return reportRefusedSettings(running.deps, parsed.problems.map(formatSettingProblem));
  const { settings } = parsed;
  const changedRestartSettings = RESTART_SETTINGS.filter(
    ([name]) => JSON.stringify(settings[name]) !== JSON.stringify(previous[name]),
  );
  if (changedRestartSettings.some(([name]) => name === "demo"))
    return log.error("restart required: Plane's settings were added or removed");
  for (const [, name] of changedRestartSettings) log.warn("restart required: setting changed", { setting: name });
  const unchanged = Object.fromEntries(changedRestartSettings.map(([name]) => [name, previous[name]]));
  const effective = { ...settings, ...unchanged };
  if (JSON.stringify(effective) !== JSON.stringify(previous)) await running.reload(effective);
  await running.deps.notices.report("settings_refused", undefined);
  if (JSON.stringify(effective) === JSON.stringify(previous)) return;
  for (const warning of parsed.warnings) running.deps.log.warn("settings", { warning });
  running.deps.log.info("secrets reloaded");
}
