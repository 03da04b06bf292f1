import { Cron } from "croner";
import { manifest as whole } from "../functions/index.ts";
import type { Settings } from "../shared/config.ts";
import type { Deps, Manifest } from "../shared/deps.ts";
import { messageOf } from "../shared/errors.ts";
import { createApp } from "../shared/http/app.ts";
import type { Ms, Store } from "../shared/store/port.ts";
import { assemble, type Overrides } from "./assemble.ts";
import { createPrometheus } from "./metrics.ts";
import { nodeHashing } from "./node/hashing.ts";
import { connectionOf, serve } from "./node/serve.ts";
import { openStore } from "./stores/open.ts";

export interface Runtime {
  /** Where it listens, for example `http://127.0.0.1:8787`. */
  url: string;
  /** Where METRICS_PORT is served. */
  metricsUrl?: string;
  deps: Deps;
  /** Takes nothing new, finishes what is at work (at most 10 s), closes the store. */
  stop(): Promise<void>;
}

interface RuntimeOptions {
  manifest?: Manifest;
  /** Takes one finished log line, without a line end. */
  write: (line: string) => void;
  /** Also measure the process itself. */
  ofProcess?: boolean;
  overrides?: Overrides & { store?: Store };
}

const STOP_MS: Ms = 10_000;

/** The routes that METRICS_PORT serves without a token. */
const OPEN = new Set(["/metrics", "/ready", "/health"]);

/** Runs the product on Node: serves its routes, runs its ticks, works its queues. Rejects when it cannot start. */
export async function startRuntime(settings: Settings, options: RuntimeOptions): Promise<Runtime> {
  const { manifest = whole, overrides = {} } = options;
  const stopping = new AbortController();
  const opened = overrides.store ?? (await openStore(settings.store.url, { prefix: settings.store.prefix }));
  const store = takingUntil(opened, stopping.signal);
  const { metrics, scrape } = createPrometheus({ store, ofProcess: options.ofProcess ?? false });
  const { write } = options;
  const served: Awaited<ReturnType<typeof serve>>[] = [];
  try {
    const parts = { settings, manifest, store, metrics, scrape, write, signal: stopping.signal };
    const deps = await assemble({ ...parts, overrides: { hashing: nodeHashing, ...overrides } });
    const common = { host: settings.host, log: deps.log };
    const app = createApp(deps, { routes: manifest.routes, connection: connectionOf });
    const main = await serve({ ...common, app, port: settings.port });
    served.push(main);
    const metricsUrl = await serveMetrics();
    const jobs = schedule(deps, manifest);
    begin(deps);
    deps.log.info("listening", { url: main.url, metrics: metricsUrl });

    async function serveMetrics(): Promise<string | undefined> {
      if (settings.metricsPort === undefined) return undefined;
      const routes = manifest.routes.filter((route) => OPEN.has(route.path));
      const open = createApp(deps, { routes, connection: connectionOf, open: true });
      const server = await serve({ ...common, app: open, port: settings.metricsPort });
      served.push(server);
      return server.url;
    }

    async function stop() {
      deps.log.info("stopping");
      stopping.abort();
      for (const job of jobs) job.stop();
      const over = new AbortController();
      const finished = Promise.all([...served.map((server) => server.stop(STOP_MS)), deps.ticks.idle(), deps.drain()]);
      await Promise.race([finished, deps.wait(STOP_MS, over.signal)]);
      over.abort();
      await opened.close();
      deps.log.info("stopped");
    }

    let stopped: Promise<void> | undefined;
    return {
      url: main.url,
      ...(metricsUrl && { metricsUrl }),
      deps,
      stop() {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (thrown) {
    await Promise.all(served.map((server) => server.stop(0)));
    await opened.close();
    throw thrown;
  }
}

/**
 * One job per tick kind; a tick that is late is not run twice for it. And one that looks each second for jobs that
 * have become due, which no slow job of another queue may hold up.
 */
function schedule(deps: Deps, manifest: Manifest): Cron[] {
  const heartbeat = new Cron("* * * * * *", () => deps.kick());
  const ticks = manifest.ticks.map((tick) => {
    const cron = new Cron(tick.cron(deps.settings), { timezone: deps.settings.timezone, protect: true }, async () => {
      // The tick has logged its own failure; a store that is down fails before that.
      await deps.ticks.due(tick.name).catch((thrown: unknown) => {
        deps.log.warn("tick not done", { tick: tick.name, error: messageOf(thrown) });
      });
    });
    return cron;
  });
  return [heartbeat, ...ticks];
}

/** What a start does at once: work what was left, look for what was missed, learn whether Telegram knows us. */
function begin(deps: Deps) {
  deps.kick();
  void deps.telegram?.me();
  if (!deps.ticks.names.includes("poll")) return;
  void deps.ticks.now("poll").catch(() => deps.askPoll("the first poll failed"));
}

/** From the signal on no job is taken any more, so the loops end with the job they are at. */
function takingUntil(store: Store, signal: AbortSignal): Store {
  return { ...store, take: async (queue, ttl, max) => (signal.aborted ? [] : store.take(queue, ttl, max)) };
}
