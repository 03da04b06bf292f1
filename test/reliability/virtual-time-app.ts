import { createDeps } from "../../runtime/create-deps.ts";
import { createAssetReader } from "../../runtime/node/asset-reader.ts";
import { createPrometheusMetrics } from "../../runtime/prometheus.ts";
import type { Deps } from "../../shared/app/deps.ts";
import { createHttpApp } from "../../shared/http/http-app.ts";
import { createMemoryStore } from "../../shared/store/memory/memory-store.ts";
import type { Store } from "../../shared/store/port.ts";
import { createTestSettings } from "../support/settings.ts";
import { RELIABILITY_ADMIN_TOKEN, startSimulators } from "./simulators.ts";
import { createTestManifest, type OutboxOptions } from "./test-manifest.ts";
import { createVirtualTime } from "./virtual-time.ts";

export interface VirtualTimeAppOptions extends Omit<NonNullable<Parameters<typeof startSimulators>[0]>, "clock"> {
  /** What the settings file holds. */
  config?: object;
  env?: Record<string, string>;
  outbox?: OutboxOptions;
}

export type VirtualTimeApp = Awaited<ReturnType<typeof createVirtualTimeApp>>;

/** One run of the product: what a process is made of, and how it ends without a word. */
export interface ProcessOverrides {
  /** The store as this life sees it. */
  store?: (store: Store) => Store;
  fetch?: (ask: typeof fetch) => typeof fetch;
}

/**
 * The whole product in one process, on a time that only a test moves, in front of Plane and Telegram over real HTTP.
 * `start` is what a restart is: everything is made anew, only the store stays.
 */
export async function createVirtualTimeApp(options: VirtualTimeAppOptions = {}) {
  const time = createVirtualTime();
  const outside = await startSimulators({ ...options, clock: time.clock });
  const settings = createTestSettings(
    { ...outside.env, STORE_URL: "memory:", GROUNDCREW_CONFIG: "config.json", ...options.env },
    { "config.json": JSON.stringify(options.config ?? {}) },
  );
  const manifest = createTestManifest(options.outbox ?? {});
  const lines: Record<string, unknown>[] = [];
  let store = createMemoryStore({ clock: time.clock });
  let stopping = new AbortController();
  let deps: Deps | undefined;
  let httpApp: ReturnType<typeof createHttpApp> | undefined;

  async function start({
    store: wrapStore = (same) => same,
    fetch: wrapFetch = (same) => same,
  }: ProcessOverrides = {}) {
    stopping.abort();
    stopping = new AbortController();
    const { metrics, scrape } = createPrometheusMetrics({ store, ofProcess: false });
    const { clock, wait } = time;
    const readAsset = createAssetReader();
    const common = { settings, manifest, metrics, scrape, readAsset, signal: stopping.signal };
    const write = (line: string) => lines.push(JSON.parse(line));
    const overrides = { clock, wait, fetch: wrapFetch(time.fetch) };
    const newDeps = await createDeps({ ...common, store: wrapStore(store), write, overrides });
    deps = newDeps;
    httpApp = createHttpApp(newDeps, { routes: manifest.routes, getRemoteAddress: () => "127.0.0.1" });
    time.onMove(() => newDeps.kick());
    newDeps.kick();
  }

  function request(path: string, init: RequestInit = {}): Promise<Response> {
    if (!httpApp) throw new Error("start first");
    const headers = { host: "127.0.0.1", authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, ...init.headers };
    return Promise.resolve(httpApp.request(`http://127.0.0.1${path}`, { ...init, headers }));
  }

  async function isQuiet(): Promise<boolean> {
    const { queues } = await store.stats();
    return Object.values(queues).every(({ pending }) => pending === 0);
  }

  const virtualApp = {
    ...outside,
    time,
    settings,
    /** The log; no test judges by it. */
    lines,
    get store() {
      return store;
    },
    get deps() {
      if (!deps) throw new Error("start first");
      return deps;
    },
    start,
    request,
    /** As after `rm -r data`. */
    loseStore() {
      store = createMemoryStore({ clock: time.clock });
    },
    sendWebhook: (body: string, headers = outside.createDeliveryHeaders(body)): Promise<Response> =>
      request("/webhooks/plane", { method: "POST", headers, body }),
    /** `POST /ticks/poll`, and time passes until it is over. */
    runTick: (name = "poll", within?: number): Promise<Response> =>
      time.advanceUntilSettled(request(`/ticks/${name}`, { method: "POST" }), within),
    /** Time passes until no job is waiting. */
    waitUntilIdle: (within?: number) => time.advanceUntil(isQuiet, within),
    /** Everything Plane has to send arrives, one after the other. */
    async deliverWebhooks(): Promise<string[]> {
      const bodies = outside.takeWebhookBodies();
      for (const body of bodies) await time.advanceUntilSettled(virtualApp.sendWebhook(body));
      return bodies;
    },
    /** The first look at what is there: known, and told to nobody. */
    async runFirstPoll() {
      outside.takeWebhookBodies();
      await start();
      await virtualApp.runTick();
      await virtualApp.waitUntilIdle();
      await time.advance(2_000);
    },
  };
  return virtualApp;
}
