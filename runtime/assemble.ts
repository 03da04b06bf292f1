import { createStorage } from "unstorage";
import memoryDriver from "unstorage/drivers/memory";
import type { Settings } from "../shared/config.ts";
import type { Deps, Manifest } from "../shared/deps.ts";
import { sha256Hex } from "../shared/digest.ts";
import { type Hashing, webHashing } from "../shared/hashing.ts";
import { createHealth } from "../shared/health.ts";
import { createLog } from "../shared/log.ts";
import type { Metrics } from "../shared/metrics.ts";
import { createPlaneClient } from "../shared/plane/create-client.ts";
import { PlaneUnavailableError } from "../shared/plane/errors.ts";
import { createPump } from "../shared/pump.ts";
import { createRedact } from "../shared/redact.ts";
import type { Ms, Store } from "../shared/store/port.ts";
import { createBot } from "../shared/telegram/bot.ts";
import { createTicks } from "../shared/ticks.ts";
import { watchBot, watchPlane } from "../shared/watched.ts";
import { createPollAsker } from "./poll-asker.ts";
import { wait } from "./wait.ts";

/** What may be another on one host or in a test. */
export interface Overrides {
  hashing?: Hashing;
  clock?: () => Ms;
  newId?: () => string;
  fetch?: typeof fetch;
  wait?: Deps["wait"];
  /** How long asked polls are collected and after how long a failed one is repeated. */
  poll?: { collect: Ms; again: Ms };
}

interface Parts {
  settings: Settings;
  manifest: Manifest;
  store: Store;
  metrics: Metrics;
  scrape?: NonNullable<Deps["scrape"]>;
  /** Takes one finished log line, without a line end. */
  write: (line: string) => void;
  /** Aborted when the runtime stops. */
  signal: AbortSignal;
  /** Keeps the host awake until this work is over; not needed where it stays awake by itself. */
  keep?: (work: Promise<unknown>) => void;
  overrides?: Overrides;
}

/** Puts together what every runtime gives to the handlers. Needs Plane's settings. */
export async function assemble(parts: Parts): Promise<Deps> {
  const { settings, manifest, store, metrics, scrape, signal, keep, overrides = {} } = parts;
  if (!settings.plane) throw new Error("Without Plane's settings there is only the demo to start.");
  const clock = overrides.clock ?? Date.now;
  const common = {
    store,
    metrics,
    clock,
    log: createLog({ level: settings.logLevel, write: parts.write, clock, secrets: settings.secrets }),
    fetch: overrides.fetch ?? ((input, init) => fetch(input, init)),
    wait: overrides.wait ?? wait,
  } satisfies Partial<Deps>;
  const waitUntilStopped = async (ms: Ms) => {
    await common.wait(ms, signal);
    if (signal.aborted)
      throw new PlaneUnavailableError({ operation: "wait" }, "Groundcrew stops: Plane is not asked again.");
  };
  const health = createHealth(clock, createRedact(settings.secrets));
  const { plane, telegram } = settings;
  const keyName = (await sha256Hex(plane.apiKey)).slice(0, 16);
  const deps: Deps = {
    ...common,
    settings,
    health,
    hashing: overrides.hashing ?? webHashing,
    newId: overrides.newId ?? (() => crypto.randomUUID()),
    plane: watchPlane(createPlaneClient({ ...common, ...plane, keyName, wait: waitUntilStopped }), health),
    ...(telegram && { telegram: watchBot(createBot({ ...common, ...telegram }), health) }),
    cache: createStorage({ driver: memoryDriver() }),
    consumers: manifest.consumers(settings),
    ...(scrape && { scrape }),
    ticks: createTicks(manifest.ticks, () => deps),
    stopping: signal,
    kick: () => (keep ? keep(pump.drain()) : pump.kick()),
    drain: () => pump.drain(),
    askPoll: (reason) => askPoll(reason),
  };
  const pump = createPump(deps, manifest.workers);
  const asker = { ...common, ...overrides.poll, ticks: () => deps.ticks, signal };
  const askPoll = createPollAsker({ ...asker, ...(keep && { keep }) });
  return deps;
}
