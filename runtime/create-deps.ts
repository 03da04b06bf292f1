/**
 * Creates what handlers receive (Deps), the same on Node and on Workers: clients, caches, quotas, the queues and
 * ticks, the alarm of a queue's next job, and polls that are requested between two ticks.
 */

import { createStorage, type Driver } from "unstorage";
import memoryDriver from "unstorage/drivers/memory";
import type {
  BackupState,
  BridgeTokens,
  Deps,
  Manifest,
  StoreHealth,
  TickRunner,
  UpcomingJob,
} from "../shared/app/deps.ts";
import {
  createHealth,
  createStoreHealth,
  recordPlaneHealth,
  recordStoreHealth,
  recordTelegramHealth,
  watchAgentKey,
} from "../shared/app/health.ts";
import { createPump } from "../shared/app/pump.ts";
import { createTerminals } from "../shared/app/terminals.ts";
import { createTickRunner } from "../shared/app/ticks.ts";
import type { Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { type Hashing, webHashing } from "../shared/hashing.ts";
import { createTokenLimiter } from "../shared/http/limits.ts";
import { createLog, createOutages, type Outages } from "../shared/log.ts";
import type { Metrics } from "../shared/metrics.ts";
import { createLocalNotices, createNotices, type LocalNotices } from "../shared/notices/notices.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { createCapabilityCache, createPlaneClient, type PlaneClientOptions } from "../shared/plane/client.ts";
import type { PlaneClient } from "../shared/plane/endpoint.ts";
import { PlaneUnavailableError } from "../shared/plane/errors.ts";
import { instanceApi } from "../shared/plane/projects.ts";
import { createKeyName } from "../shared/plane/quota.ts";
import type { Queue, Store } from "../shared/store/port.ts";
import { STORED_NAMES } from "../shared/sync/names.ts";
import { prepareRemarks } from "../shared/tasks/people/remarks.ts";
import { createTelegramBot } from "../shared/telegram/bot.ts";
import { createRedactor } from "../shared/text.ts";
import { type Ms, wait } from "../shared/time.ts";

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

export interface CreateDepsOptions {
  settings: Settings;
  manifest: Manifest;
  store: Store;
  /** Shared by everything that uses this store in this process. Default: a new one. */
  storeHealth?: StoreHealth;
  /** Likewise; default: new ones in memory only. */
  localNotices?: LocalNotices;
  outages?: Outages;
  metrics: Metrics;
  scrape?: NonNullable<Deps["scrape"]>;
  /** Writes one log line, which has no line break at its end. */
  write: (line: string) => void;
  /** Aborted when the runtime stops. */
  signal: AbortSignal;
  /** True when no other process can use the store; default: false. */
  isOnlyProcess?: boolean;
  /** True on a host that keeps running: jobs are handled when they are due, not at the next heartbeat. */
  alarms?: boolean;
  /** Keeps the host awake until this work is done. Only for hosts that do not stay awake by themselves. */
  keepAwake?: (work: Promise<unknown>) => void;
  /** Stores whether a poll is requested. Only for hosts that may lose their memory and go on without a new start. */
  storePollRequest?: (isRequested: boolean) => void;
  bridgeTokens?: BridgeTokens;
  readBackups?: () => BackupState;
  askOpenclaw?: Deps["askOpenclaw"];
  /** Stores the cache; default: in memory. */
  cacheStore?: Driver;
  /** Stores the names of the cache across restarts; default: as the rest of the cache. */
  nameStore?: Driver;
  readAsset: Deps["readAsset"];
  overrides?: RuntimeOverrides;
}

interface PollCollectorOptions
  extends Pick<Deps, "log" | "wait">,
    Pick<CreateDepsOptions, "signal" | "keepAwake" | "storePollRequest"> {
  ticks: () => TickRunner;
  /** Delay in which requests are collected before one poll. Default 10 s, so that the poll ends within a minute. */
  collectDelay?: Ms;
  /** Delay before a failed poll is repeated. Default 20 s. */
  retryDelay?: Ms;
}

/** Limit of an alarm's delay: 5 s. Later jobs are found by the heartbeat; compared to their delay its second is small. */
const MAX_ALARM_DELAY: Ms = 5_000;

/** Alarms are set for multiples of this step, so that jobs that are due at nearly the same time share one alarm. */
const ALARM_STEP: Ms = 25;

/** Delay added to each alarm: the embedded store's clock advances in steps of up to 20 ms, and an early alarm finds no job. */
const CLOCK_MARGIN: Ms = 20;

/** Creates the dependencies of all handlers, for every runtime. Throws without Plane's settings. */
export async function createDeps(parts: CreateDepsOptions): Promise<Deps> {
  const { settings, manifest, metrics, scrape, signal, keepAwake, storePollRequest } = parts;
  const { isOnlyProcess, bridgeTokens, readAsset, overrides = {} } = parts;
  if (!settings.plane) throw new Error("Plane's settings are missing: only the demo can start without them.");
  const { outages = createOutages() } = parts;
  const clock = overrides.clock ?? Date.now;
  const log = createLog({ level: settings.logLevel, write: parts.write, clock, secrets: settings.secrets, outages });
  const storeHealth = parts.storeHealth ?? createStoreHealth(createRedactor(settings.secrets), outages);
  const workQueue = (queue: Queue) => (keepAwake ? keepAwake(pump.notify(queue)) : void pump.notify(queue));
  const watchedStore = recordStoreHealth(parts.store, storeHealth);
  const common = {
    store: parts.alarms || keepAwake ? workQueuesOnCommit(watchedStore, workQueue) : watchedStore,
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
  const health = createHealth(clock, createRedactor(settings.secrets), outages);
  const { plane, telegram } = settings;
  const createClient = async (apiKey: string, more: Pick<PlaneClientOptions, "reportUnavailable"> = {}) => {
    const keyName = await createKeyName(apiKey);
    return createPlaneClient({ ...common, ...plane, ...more, apiKey, keyName, capabilities, wait: waitUntilStopped });
  };
  const readVersion = async () => (await systemClient.call(instanceApi.info)).data.instance.current_version;
  const capabilities = createCapabilityCache(readVersion, clock);
  const systemClient = await createClient(plane.apiKey, {
    reportUnavailable: (reason) => health.recordFailure("plane", getErrorMessage(reason)),
  });
  const mainClient = recordPlaneHealth(systemClient, health);
  // Failures of agents' keys are not recorded as Plane's health: such a failure concerns one agent and is reported to
  // it.
  const agentClients = new Map<string, PlaneClient>();
  for (const [name, apiKey] of Object.entries(plane.agentKeys)) {
    const report = (reason: string | undefined) =>
      deps.notices.report("agent_key_refused", reason === undefined ? undefined : { values: { reason } }, name);
    agentClients.set(name, watchAgentKey(await createClient(apiKey), report));
  }
  const conciergeName = settings.agents.find(({ role }) => role === "concierge")?.name ?? "";
  const getAgentPlane = (agent: string) => {
    const client = agentClients.get(agent);
    return client
      ? { plane: client, usesOwnKey: true }
      : { plane: agentClients.get(conciergeName) ?? mainClient, usesOwnKey: false };
  };
  const telegramBot = telegram && recordTelegramHealth(createTelegramBot({ ...common, ...telegram }), health);
  const deps: Deps = {
    ...common,
    settings,
    health,
    storeHealth,
    unknownTokens: createTokenLimiter(common),
    hashing: overrides.hashing ?? webHashing,
    newId: overrides.newId ?? (() => crypto.randomUUID()),
    plane: mainClient,
    getAgentPlane,
    createPlaneClient: createClient,
    notices: createNotices(
      { ...common, settings, notify: () => deps.notify(), ...omitUndefined({ telegram: telegramBot }) },
      parts.localNotices ?? createLocalNotices(),
    ),
    ...omitUndefined({ telegram: telegramBot }),
    cache: createCache(parts),
    terminals: createTerminals({ clock }),
    ruleSets: manifest.ruleSets(settings),
    requestKinds: manifest.requestKinds,
    prepareRemarks: (...written) => prepareRemarks(deps, ...written),
    ...omitUndefined({
      scrape,
      bridgeTokens,
      readBackups: parts.readBackups,
      askOpenclaw: parts.askOpenclaw,
    }),
    ticks: createTickRunner(manifest.ticks, () => deps, omitUndefined({ isOnlyProcess })),
    readAsset,
    stopping: signal,
    notify: (due) => (due ? alarm?.(due) : keepAwake ? keepAwake(pump.drain()) : void pump.notify()),
    drain: () => pump.drain(),
    requestPoll: (reason) => requestPoll(reason),
  };
  const pump = createPump(deps, manifest.jobHandlers);
  const alarm = parts.alarms ? createQueueAlarm(deps, pump.notify) : undefined;
  const pollOptions = { ...common, ...overrides.poll, ticks: () => deps.ticks, signal };
  const requestPoll = createPollCollector({ ...pollOptions, ...omitUndefined({ keepAwake, storePollRequest }) });
  return deps;
}

function createCache({ cacheStore = memoryDriver(), nameStore }: Pick<CreateDepsOptions, "cacheStore" | "nameStore">) {
  const cache = createStorage({ driver: cacheStore });
  return nameStore ? cache.mount(STORED_NAMES, nameStore) : cache;
}

/**
 * Returns the store with a `commit` that works the queues of the jobs it adds, as far as they are due at once. Asking
 * all queues after each commit would be most of what several processes on one Redis ask of it.
 */
function workQueuesOnCommit(store: Store, workQueue: (queue: Queue) => void): Store {
  return {
    ...store,
    async commit(commit) {
      const outcome = await store.commit(commit);
      if (outcome === "committed")
        for (const { queue, at } of commit.jobs ?? []) if (at === undefined) workQueue(queue);
      return outcome;
    },
  };
}

/** Creates a function that wakes a queue when one of its jobs becomes due, on a host that stays awake. */
export function createQueueAlarm(
  { clock, wait, stopping }: Pick<Deps, "clock" | "wait" | "stopping">,
  wakeQueue: (queue: Queue) => void,
): (due: UpcomingJob) => void {
  const pendingAlarms = new Set<string>();
  return ({ queue, after }) => {
    if (after > MAX_ALARM_DELAY) return;
    const now = clock();
    const at = Math.ceil((now + Math.max(0, after) + CLOCK_MARGIN) / ALARM_STEP) * ALARM_STEP;
    const name = `${queue}:${at}`;
    if (pendingAlarms.has(name)) return;
    pendingAlarms.add(name);
    void wait(at - now, stopping).then(() => {
      pendingAlarms.delete(name);
      wakeQueue(queue);
    });
  };
}

/**
 * Creates a function that requests a poll. Requests within the delay share one poll, a request during a poll causes
 * another, and a failed poll is repeated until it succeeds.
 */
export function createPollCollector(options: PollCollectorOptions): (reason: string) => void {
  const { log, wait, signal, collectDelay = 10_000, retryDelay = 20_000 } = options;
  let isRequested = false;
  let isRunning = false;

  async function runRequestedPolls() {
    let delay = collectDelay;
    while (isRequested && !signal.aborted) {
      await wait(delay, signal);
      if (signal.aborted) return;
      isRequested = false;
      delay = collectDelay;
      try {
        await options.ticks().runFresh("poll");
        if (!isRequested) options.storePollRequest?.(false);
      } catch (thrown) {
        log.warn("requested poll failed, will be repeated", { error: getErrorMessage(thrown) });
        isRequested = true;
        delay = retryDelay;
      }
    }
  }

  return (reason) => {
    if (!options.ticks().names.includes("poll")) return;
    if (!isRequested) {
      log.info("poll requested", { reason });
      options.storePollRequest?.(true);
    }
    isRequested = true;
    if (isRunning) return;
    isRunning = true;
    const done = runRequestedPolls().finally(() => {
      isRunning = false;
    });
    options.keepAwake?.(done);
  };
}
