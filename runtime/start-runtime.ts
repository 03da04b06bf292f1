import { manifest as productManifest } from "../functions/index.ts";
import type { BridgeTokens, Deps, Manifest } from "../shared/app/deps.ts";
import { createStoreHealth, recordStoreHealth } from "../shared/app/store-health.ts";
import type { Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { createLog, type Log } from "../shared/log.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import type { Store } from "../shared/store/port.ts";
import { claimStoreFormat, StoreFormatError } from "../shared/store/store-format.ts";
import type { Ms } from "../shared/time.ts";
import { createAppInstance } from "./app-instance.ts";
import type { RuntimeOverrides } from "./create-deps.ts";
import { createPrometheusMetrics } from "./metrics/prometheus-metrics.ts";
import { createAssetReader } from "./node/asset-reader.ts";
import { getConnectionLimit } from "./node/connection-limit.ts";
import { serveHttp } from "./node/serve-http.ts";
import { openNameStore } from "./stores/open-name-store.ts";
import { openStore } from "./stores/open-store.ts";

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

interface RuntimeOptions {
  manifest?: Manifest;
  /** Writes one log line, which has no line break at its end. */
  write: (line: string) => void;
  /** Also export the process's own memory, CPU and event loop as metrics. */
  processMetrics?: boolean;
  /** Replaces bridge tokens in SECRETS_FILE; absent where that file cannot be written or is not watched. */
  bridgeTokens?: BridgeTokens;
  overrides?: RuntimeOverrides & { store?: Store };
}

/** Timeout for stopping: 8 s, because Docker kills the process 10 s after SIGTERM. */
const STOP_MS: Ms = 8_000;

/** Starts the product on Node: serves its routes, runs its ticks and works its queues. Rejects when it cannot start. */
export async function startRuntime(settings: Settings, options: RuntimeOptions): Promise<Runtime> {
  const { manifest = productManifest, overrides = {}, write, bridgeTokens } = options;
  const { clock = Date.now } = overrides;
  const log = createLog({ level: settings.logLevel, write, clock, secrets: settings.secrets });
  const openedStore = overrides.store ?? (await openStore(settings.store.url, { prefix: settings.store.prefix, log }));
  const storeHealth = createStoreHealth(log);
  await checkStoreFormat(recordStoreHealth(openedStore, storeHealth), log);
  const nameStore = await openNameStore(settings.store.url, settings.store.prefix);
  let planeSettings = settings.plane;
  const { metrics, scrape } = createPrometheusMetrics({
    getPlaneSettings: () => planeSettings,
    store: openedStore,
    storeHealth,
    processMetrics: options.processMetrics ?? false,
    clock,
    ...omitUndefined({ backupFolder: settings.backupFolder }),
  });
  const readAsset = createAssetReader();
  const parts = {
    manifest,
    store: openedStore,
    storeHealth,
    metrics,
    scrape,
    write,
    readAsset,
    overrides,
    ...omitUndefined({ bridgeTokens, nameStore }),
  };
  const servers: Awaited<ReturnType<typeof serveHttp>>[] = [];
  try {
    let current = await createAppInstance(settings, parts);
    const instances = new Set([current]);
    const common = { host: settings.host, log: current.deps.log };
    const connections = splitConnectionLimit(getConnectionLimit(), settings.metricsPort !== undefined);
    const streamPaths = manifest.routes.flatMap((route) => (route.streams ? [route.path] : []));
    const app = { fetch: (request: Request, env: unknown) => current.fetch(request, env) };
    const main = await serveHttp({
      ...common,
      app,
      port: settings.port,
      streamPaths,
      maxConnections: connections.main,
    });
    servers.push(main);
    const metricsUrl = await serveMetrics();
    current.start();
    current.deps.log.info("listening", { url: main.url, metrics: metricsUrl });

    async function serveMetrics(): Promise<string | undefined> {
      if (settings.metricsPort === undefined) return undefined;
      const metricsApp = { fetch: (request: Request, env: unknown) => current.fetchMetricsPort(request, env) };
      const server = await serveHttp({
        ...common,
        app: metricsApp,
        port: settings.metricsPort,
        maxConnections: connections.metrics,
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
      url: main.url,
      ...omitUndefined({ metricsUrl: metricsUrl || undefined }),
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

/** Closes the store and rejects when it belongs to a later version. A store that cannot be written is checked as well. */
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

/** Divides the limit of connections: METRICS_PORT, which few programs read, gets a quarter. */
function splitConnectionLimit(limit: number, hasMetricsPort: boolean): { main: number; metrics: number } {
  const metrics = hasMetricsPort ? Math.max(1, Math.floor(limit / 4)) : 0;
  return { main: Math.max(1, limit - metrics), metrics };
}
