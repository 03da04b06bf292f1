import { createDeps } from "../../runtime/create-deps.ts";
import { createPrometheusMetrics } from "../../runtime/metrics/prometheus-metrics.ts";
import { createAssetReader } from "../../runtime/node/files.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import type { Deps } from "../../shared/app/deps.ts";
import { createStoreHealth } from "../../shared/app/health.ts";
import { createHttpApp } from "../../shared/http/http-app.ts";
import type { Store } from "../../shared/store/port.ts";
import { createTestSettings } from "../support/settings.ts";
import { RELIABILITY_ADMIN_TOKEN, startSimulators } from "./simulators.ts";
import { createTestManifest, type OutboxOptions } from "./test-manifest.ts";
import { createVirtualTime } from "./virtual-time.ts";

interface VirtualTimeAppOptions extends Omit<NonNullable<Parameters<typeof startSimulators>[0]>, "clock"> {
  /** Content of the settings file. */
  config?: object;
  env?: Record<string, string>;
  outbox?: OutboxOptions;
}

export type VirtualTimeApp = Awaited<ReturnType<typeof createVirtualTimeApp>>;

/** Wrappers of a process's store and fetch, with which a test can end the process abruptly. */
interface ProcessOverrides {
  store?: (store: Store) => Store;
  fetch?: (fetchFn: typeof fetch) => typeof fetch;
}

/**
 * Creates the whole product in one process on simulated time, with simulated Plane and Telegram over real HTTP.
 * `start` also restarts it: everything is created again, except the store.
 */
export async function createVirtualTimeApp(options: VirtualTimeAppOptions = {}) {
  const time = createVirtualTime();
  const simulators = await startSimulators({ ...options, clock: time.clock });
  const settings = createTestSettings(
    { ...simulators.env, STORE_URL: "memory:", GROUNDCREW_CONFIG: "config.json", ...options.env },
    { "config.json": JSON.stringify(options.config ?? {}) },
  );
  const manifest = createTestManifest(options.outbox ?? {});
  const store = createMemoryStore({ clock: time.clock });
  let stopping = new AbortController();
  let deps: Deps | undefined;
  let httpApp: ReturnType<typeof createHttpApp> | undefined;

  async function start({ store: wrapStore, fetch: wrapFetch }: ProcessOverrides = {}) {
    stopping.abort();
    stopping = new AbortController();
    const { clock, wait } = time;
    const storeHealth = createStoreHealth((text) => text);
    const { metrics, scrape } = createPrometheusMetrics({ store, storeHealth, processMetrics: false });
    const readAsset = createAssetReader();
    const common = { settings, manifest, storeHealth, metrics, scrape, readAsset, signal: stopping.signal };
    const overrides = { clock, wait, fetch: wrapFetch?.(time.fetch) ?? time.fetch };
    const newDeps = await createDeps({ ...common, store: wrapStore?.(store) ?? store, write: () => {}, overrides });
    deps = newDeps;
    httpApp = createHttpApp(newDeps, { routes: manifest.routes, getRemoteAddress: () => "127.0.0.1" });
    time.onAdvance(() => newDeps.notify());
    newDeps.notify();
  }

  function request(path: string, init: RequestInit = {}): Promise<Response> {
    if (!httpApp) throw new Error("start first");
    const headers = { host: "127.0.0.1", authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, ...init.headers };
    return Promise.resolve(httpApp.fetch(new Request(`http://127.0.0.1${path}`, { ...init, headers })));
  }

  async function isIdle(): Promise<boolean> {
    const { queues } = await store.stats();
    return Object.values(queues).every(({ pending }) => pending === 0);
  }

  const virtualApp = {
    ...simulators,
    time,
    settings,
    store,
    get deps() {
      if (!deps) throw new Error("start first");
      return deps;
    },
    start,
    request,
    sendWebhook: (body: string, headers = simulators.createDeliveryHeaders(body)): Promise<Response> =>
      request("/webhooks/plane", { method: "POST", headers, body }),
    /** Sends `POST /ticks/<name>` and advances time until it is answered. */
    runTick: (name = "poll", within?: number): Promise<Response> =>
      time.advanceUntilSettled(request(`/ticks/${name}`, { method: "POST" }), within),
    /** Advances time until no job is pending. */
    waitUntilIdle: (within?: number) => time.advanceUntil(isIdle, within),
    /** Delivers all pending webhooks of Plane, one after the other. */
    async deliverWebhooks(): Promise<string[]> {
      const bodies = simulators.takeWebhookBodies();
      for (const body of bodies) await time.advanceUntilSettled(virtualApp.sendWebhook(body));
      return bodies;
    },
    /** Starts the product and runs its first poll, which announces nothing. */
    async runFirstPoll() {
      simulators.takeWebhookBodies();
      await start();
      await virtualApp.runTick();
      await virtualApp.waitUntilIdle();
      await time.advance(2_000);
    },
  };
  return virtualApp;
}
