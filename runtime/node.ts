import { manifest as whole } from "../functions/index.ts";
import type { Settings } from "../shared/config.ts";
import type { BridgeTokens, Deps, Manifest } from "../shared/deps.ts";
import { createLog } from "../shared/log.ts";
import type { Ms, Store } from "../shared/store/port.ts";
import type { Overrides } from "./assemble.ts";
import { createLife } from "./life.ts";
import { createPrometheus } from "./metrics.ts";
import { serve } from "./node/serve.ts";
import { openStore } from "./stores/open.ts";

export interface Runtime {
  /** Where it listens, for example `http://127.0.0.1:8787`. */
  url: string;
  /** Where METRICS_PORT is served. */
  metricsUrl?: string;
  /** What the handlers have now; another after a reload. */
  readonly deps: Deps;
  /**
   * Goes on with other settings behind the same port, with the same store: what is asked from now on is answered under
   * them, what is at work is finished under the old ones. HOST, PORT, METRICS_PORT and STORE_URL stay what they were.
   * Rejects, with everything as it was, when the settings cannot be used.
   */
  reload(settings: Settings): Promise<void>;
  /** Takes nothing new, finishes what is at work (at most 8 s), closes the store. */
  stop(): Promise<void>;
}

interface RuntimeOptions {
  manifest?: Manifest;
  /** Takes one finished log line, without a line end. */
  write: (line: string) => void;
  /** Also measure the process itself. */
  ofProcess?: boolean;
  /** Where SECRETS_FILE may be written, and its change is taken over. */
  bridgeTokens?: BridgeTokens;
  overrides?: Overrides & { store?: Store };
}

/** Docker kills ten seconds after it has asked. */
const STOP_MS: Ms = 8_000;

/** Runs the product on Node: serves its routes, runs its ticks, works its queues. Rejects when it cannot start. */
export async function startRuntime(settings: Settings, options: RuntimeOptions): Promise<Runtime> {
  const { manifest = whole, overrides = {}, write, bridgeTokens } = options;
  const { clock = Date.now } = overrides;
  const log = createLog({ level: settings.logLevel, write, clock, secrets: settings.secrets });
  const opened = overrides.store ?? (await openStore(settings.store.url, { prefix: settings.store.prefix, log }));
  const { metrics, scrape } = createPrometheus({ store: opened, ofProcess: options.ofProcess ?? false });
  const parts = { manifest, store: opened, metrics, scrape, write, overrides, ...(bridgeTokens && { bridgeTokens }) };
  const served: Awaited<ReturnType<typeof serve>>[] = [];
  try {
    let current = await createLife(settings, parts);
    const lives = new Set([current]);
    const common = { host: settings.host, log: current.deps.log };
    const streams = manifest.routes.flatMap((route) => (route.streams ? [route.path] : []));
    const app = { fetch: (request: Request, env: unknown) => current.fetch(request, env) };
    const main = await serve({ ...common, app, port: settings.port, streams });
    served.push(main);
    const metricsUrl = await serveMetrics();
    current.begin();
    current.deps.log.info("listening", { url: main.url, metrics: metricsUrl });

    async function serveMetrics(): Promise<string | undefined> {
      if (settings.metricsPort === undefined) return undefined;
      const open = { fetch: (request: Request, env: unknown) => current.fetchOpen(request, env) };
      const server = await serve({ ...common, app: open, port: settings.metricsPort });
      served.push(server);
      return server.url;
    }

    async function takeOver(asked: Settings) {
      const { host, port, store } = settings;
      const next = await createLife({ ...asked, host, port, store }, parts);
      if (stopped) return;
      const before = current;
      lives.add(next);
      current = next;
      await before.end(true);
      lives.delete(before);
      if (!stopped) next.begin();
    }

    async function stop() {
      const { deps } = current;
      deps.log.info("stopping");
      const over = new AbortController();
      const ended = [...lives].map((life) => life.end(false));
      const finished = Promise.all([...served.map((server) => server.stop(STOP_MS)), ...ended]);
      await Promise.race([finished, deps.wait(STOP_MS, over.signal)]);
      over.abort();
      await opened.close();
      deps.log.info("stopped");
    }

    let reloading: Promise<void> = Promise.resolve();
    let stopped: Promise<void> | undefined;
    return {
      url: main.url,
      ...(metricsUrl && { metricsUrl }),
      get deps() {
        return current.deps;
      },
      reload(asked) {
        const done = reloading.then(() => takeOver(asked));
        reloading = done.catch(() => {});
        return done;
      },
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
