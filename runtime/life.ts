import { Cron } from "croner";
import type { Settings } from "../shared/config.ts";
import type { BridgeTokens, Deps, Manifest } from "../shared/deps.ts";
import { messageOf } from "../shared/errors.ts";
import { createApp } from "../shared/http/app.ts";
import type { Metrics } from "../shared/metrics.ts";
import type { Ms, Store } from "../shared/store/port.ts";
import { assemble, type Overrides } from "./assemble.ts";
import { nodeHashing } from "./node/hashing.ts";
import { connectionOf } from "./node/serve.ts";

/** The product under one set of settings, from one reload to the next. Two on one store are like two processes. */
export interface Life {
  deps: Deps;
  fetch(request: Request, env: unknown): Response | Promise<Response>;
  /** What METRICS_PORT serves. */
  fetchOpen(request: Request, env: unknown): Response | Promise<Response>;
  /** Works what was left, and goes by the clock from now on. */
  begin(): void;
  /** Begins nothing any more; resolves when what was begun is over. `patient`: first lets requests be answered, 10 s. */
  end(patient: boolean): Promise<void>;
}

interface Parts {
  manifest: Manifest;
  store: Store;
  metrics: Metrics;
  scrape: NonNullable<Deps["scrape"]>;
  write: (line: string) => void;
  bridgeTokens?: BridgeTokens;
  overrides: Overrides;
}

/** So long requests under old settings may go on before those who wait in them are told that it stops. */
const PATIENCE: Ms = 10_000;

/** The routes that METRICS_PORT serves without a token. */
const OPEN = new Set(["/metrics", "/ready", "/health"]);

export async function createLife(settings: Settings, { overrides, ...parts }: Parts): Promise<Life> {
  const { manifest } = parts;
  const stopping = new AbortController();
  const { signal } = stopping;
  const store = takingUntil(parts.store, signal);
  const all = { ...parts, settings, store, signal, alarms: true };
  const deps = await assemble({ ...all, overrides: { hashing: nodeHashing, ...overrides } });
  const open = manifest.routes.filter((route) => OPEN.has(route.path));
  let requests = 0;
  let answered: (() => void) | undefined;
  const atWork = (change: 1 | -1) => {
    requests += change;
    if (requests === 0) answered?.();
  };
  const common = { connection: connectionOf, atWork };
  const app = createApp(deps, { ...common, routes: manifest.routes });
  const openApp = createApp(deps, { ...common, routes: open, open: true });
  let jobs: Cron[] = [];
  let services: Promise<unknown> = Promise.resolve();

  async function requestsAnswered() {
    if (requests === 0) return;
    const over = new AbortController();
    const none = new Promise<void>((resolve) => {
      answered = resolve;
    });
    await Promise.race([none, deps.wait(PATIENCE, over.signal)]);
    over.abort();
  }

  return {
    deps,
    fetch: (request, env) => app.fetch(request, env as object),
    fetchOpen: (request, env) => openApp.fetch(request, env as object),
    begin() {
      jobs = schedule(deps, manifest);
      lookAround(deps);
      services = Promise.all((manifest.services ?? []).map((service) => service.run(deps)));
    },
    async end(patient) {
      for (const job of jobs) job.stop();
      if (patient) await requestsAnswered();
      stopping.abort();
      await Promise.all([deps.ticks.idle(), deps.drain(), services]);
    },
  };
}

/**
 * One job per tick kind; a tick that is late is not run twice for it. And one that looks each second for jobs that
 * have become due and that no alarm was set for here, which no slow job of another queue may hold up.
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
function lookAround(deps: Deps) {
  deps.kick();
  void deps.telegram?.me();
  if (!deps.ticks.names.includes("poll")) return;
  void deps.ticks.now("poll").catch(() => deps.askPoll("the first poll failed"));
}

/** From the signal on no job is taken any more, so the loops end with the job they are at. */
function takingUntil(store: Store, signal: AbortSignal): Store {
  return { ...store, take: async (queue, ttl, max) => (signal.aborted ? [] : store.take(queue, ttl, max)) };
}
