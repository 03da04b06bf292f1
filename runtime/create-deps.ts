import { createStorage, type Driver } from "unstorage";
import memoryDriver from "unstorage/drivers/memory";
import type { BridgeTokens, Deps, Manifest } from "../shared/app/deps.ts";
import { createPump } from "../shared/app/pump.ts";
import { recordPlaneHealth, recordTelegramHealth } from "../shared/app/record-health.ts";
import { createStoreHealth, recordStoreHealth, type StoreHealth } from "../shared/app/store-health.ts";
import { createTickRunner } from "../shared/app/ticks.ts";
import type { Settings } from "../shared/config/settings.ts";
import { type Hashing, webHashing } from "../shared/hashing/hashing.ts";
import { createHealth } from "../shared/health.ts";
import { createLog } from "../shared/log.ts";
import type { Metrics } from "../shared/metrics.ts";
import { STORED_NAMES } from "../shared/observe/name-cache.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { createCapabilityCache } from "../shared/plane/capabilities.ts";
import type { PlaneClient } from "../shared/plane/client.ts";
import { createPlaneClient } from "../shared/plane/create-client.ts";
import { PlaneUnavailableError } from "../shared/plane/errors.ts";
import { instanceApi } from "../shared/plane/instance.ts";
import { createKeyName } from "../shared/plane/quota.ts";
import { createRedactor } from "../shared/redact.ts";
import type { Store } from "../shared/store/port.ts";
import { createTelegramBot } from "../shared/telegram/create-telegram-bot.ts";
import { createTerminals } from "../shared/tickets/terminals.ts";
import type { Ms } from "../shared/time.ts";
import { wait } from "../shared/wait.ts";
import { createPollCollector } from "./poll-collector.ts";
import { createQueueAlarm } from "./queue-alarm.ts";

/** Dependencies that a runtime or a test may replace. */
export interface RuntimeOverrides {
  hashing?: Hashing;
  clock?: () => Ms;
  newId?: () => string;
  fetch?: typeof fetch;
  wait?: Deps["wait"];
  /** Delays of requested polls; see `createPollCollector`. */
  poll?: { collectDelay: Ms; retryDelay: Ms };
}

interface CreateDepsOptions {
  settings: Settings;
  manifest: Manifest;
  store: Store;
  /** Shared by everything that uses this store in this process. Default: a new one. */
  storeHealth?: StoreHealth;
  metrics: Metrics;
  scrape?: NonNullable<Deps["scrape"]>;
  /** Writes one log line, which has no line break at its end. */
  write: (line: string) => void;
  /** Aborted when the runtime stops. */
  signal: AbortSignal;
  /** True when no other process can use the store; default: false. */
  isOnlyProcess?: boolean;
  /** True on a host that keeps running: a delayed job is then handled when it is due, not at the next heartbeat. */
  alarms?: boolean;
  /** Keeps the host awake until this work is done. Only for hosts that do not stay awake by themselves. */
  keepAwake?: (work: Promise<unknown>) => void;
  /** Stores whether a poll is requested. Only for hosts that may lose their memory and go on without a new start. */
  storePollRequest?: (isRequested: boolean) => void;
  bridgeTokens?: BridgeTokens;
  /** Stores the cache; default: in memory. */
  cacheStore?: Driver;
  /** Stores the names of the cache across restarts; default: as the rest of the cache. */
  nameStore?: Driver;
  readAsset: Deps["readAsset"];
  overrides?: RuntimeOverrides;
}

/** Creates the dependencies of all handlers, for every runtime. Throws without Plane's settings. */
export async function createDeps(parts: CreateDepsOptions): Promise<Deps> {
  const { settings, manifest, metrics, scrape, signal, keepAwake, storePollRequest } = parts;
  const { isOnlyProcess, bridgeTokens, readAsset, overrides = {} } = parts;
  if (!settings.plane) throw new Error("Plane's settings are missing: only the demo can start without them.");
  const clock = overrides.clock ?? Date.now;
  const log = createLog({ level: settings.logLevel, write: parts.write, clock, secrets: settings.secrets });
  const storeHealth = parts.storeHealth ?? createStoreHealth(log);
  const common = {
    store: recordStoreHealth(parts.store, storeHealth),
    metrics,
    clock,
    log,
    fetch: overrides.fetch ?? ((input, init) => fetch(input, init)),
    wait: overrides.wait ?? wait,
  } satisfies Partial<Deps>;
  const waitUntilStopped = async (ms: Ms) => {
    await common.wait(ms, signal);
    if (signal.aborted)
      throw new PlaneUnavailableError(
        { operation: "wait" },
        "Groundcrew is stopping: the request to Plane is not repeated.",
      );
  };
  const health = createHealth(clock, createRedactor(settings.secrets));
  const { plane, telegram } = settings;
  const createClient = async (apiKey: string) => {
    const keyName = await createKeyName(apiKey);
    return createPlaneClient({ ...common, ...plane, apiKey, keyName, capabilities, wait: waitUntilStopped });
  };
  const readVersion = async () => (await systemClient.call(instanceApi.info)).data.instance.current_version;
  const capabilities = createCapabilityCache(readVersion, clock);
  const systemClient = await createClient(plane.apiKey);
  const mainClient = recordPlaneHealth(systemClient, health);
  // Failures of agents' keys are not recorded as Plane's health: such a failure concerns one agent and is reported to it.
  const agentClients = new Map<string, PlaneClient>();
  for (const [name, apiKey] of Object.entries(plane.agentKeys)) agentClients.set(name, await createClient(apiKey));
  const conciergeName = settings.agents.find(({ role }) => role === "concierge")?.name ?? "";
  const getAgentPlane = (agent: string) => {
    const client = agentClients.get(agent);
    return client
      ? { plane: client, usesOwnKey: true }
      : { plane: agentClients.get(conciergeName) ?? mainClient, usesOwnKey: false };
  };
  const deps: Deps = {
    ...common,
    settings,
    health,
    storeHealth,
    hashing: overrides.hashing ?? webHashing,
    newId: overrides.newId ?? (() => crypto.randomUUID()),
    plane: mainClient,
    getAgentPlane,
    ...omitUndefined({
      telegram: telegram ? recordTelegramHealth(createTelegramBot({ ...common, ...telegram }), health) : undefined,
    }),
    cache: createCache(parts),
    terminals: createTerminals({ clock }),
    ruleSets: manifest.ruleSets(settings),
    ...omitUndefined({ scrape, bridgeTokens }),
    ticks: createTickRunner(manifest.ticks, () => deps, omitUndefined({ isOnlyProcess })),
    readAsset,
    stopping: signal,
    kick: (due) => (due ? alarm?.(due) : keepAwake ? keepAwake(pump.drain()) : pump.kick()),
    drain: () => pump.drain(),
    requestPoll: (reason) => requestPoll(reason),
  };
  const pump = createPump(deps, manifest.jobHandlers);
  const alarm = parts.alarms ? createQueueAlarm(deps, pump.kick) : undefined;
  const pollOptions = { ...common, ...overrides.poll, ticks: () => deps.ticks, signal };
  const requestPoll = createPollCollector({ ...pollOptions, ...omitUndefined({ keepAwake, storePollRequest }) });
  return deps;
}

function createCache({ cacheStore = memoryDriver(), nameStore }: Pick<CreateDepsOptions, "cacheStore" | "nameStore">) {
  const cache = createStorage({ driver: cacheStore });
  return nameStore ? cache.mount(STORED_NAMES, nameStore) : cache;
}
