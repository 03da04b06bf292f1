import { createHash } from "node:crypto";
import { onTestFinished } from "vitest";
import { observeHandler } from "../../functions/poll/observe-handler.ts";
import { cyclesTick, pollTick } from "../../functions/poll/poll-tick.ts";
import { REQUEST_KINDS } from "../../functions/requests.ts";
import { inboxHandler } from "../../functions/webhooks/webhook-routes.ts";
import { createPeopleHandlers, workHandler } from "../../functions/work.ts";
import { createDeps } from "../../runtime/create-deps.ts";
import { createAssetReader } from "../../runtime/node/files.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import type { Deps, JobHandler, Manifest } from "../../shared/app/deps.ts";
import { createInboxJob } from "../../shared/jobs/incoming-jobs.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { keepDefined, omitUndefined } from "../../shared/omit-undefined.ts";
import { observedKeys } from "../../shared/records/store-keys.ts";
import type { Store } from "../../shared/store/port.ts";
import type { ItemRecord } from "../../shared/task/snapshot.ts";
import { createPlaneSimulator } from "../../simulators/plane/create-plane-simulator.ts";
import type { PlaneSimulator } from "../../simulators/plane/plane-simulator.ts";
import type { PlaneVersion, Project } from "../../simulators/plane/types.ts";
import { createTestSettings } from "./settings.ts";
import { createEventRecorder, createRecordingRuleSet, getWebhookLane, toRoutePattern } from "./test-app-parts.ts";
import { updatesHandler } from "./updates-handler.ts";

export interface TestAppOptions {
  version?: PlaneVersion;
  /** Requests per minute that Plane allows and Groundcrew respects. Default: no limit. */
  rateLimit?: number;
  /** Plane's size limit of attachments, in bytes. */
  fileSizeLimit?: number;
  agents?: { name: string; email: string; [setting: string]: unknown }[];
  /** Further content of the settings file. */
  config?: Record<string, unknown>;
  /** Creates people and keys before the product starts; returns settings for the environment. */
  setUpPlane?: (plane: PlaneSimulator) => Record<string, string>;
  /** Further parts of the product to run. */
  parts?: Partial<Pick<Manifest, "ticks" | "jobHandlers" | "ruleSets">>;
  /** Handler of the outbox instead of the recorder; then only the rule sets of `parts` decide. */
  outbox?: JobHandler;
  fetch?: typeof fetch;
  projects?: string[];
  /** Whether the recording rule set needs the actor of events. */
  needsActor?: boolean;
  /** Whether Plane's background worker runs whenever time passes, or only when a test runs it. */
  worker?: "at once" | "by hand";
  /** Decides the order of Plane's worker: below 0.5 it first changes `updated_at` again and then writes the webhook. */
  random?: () => number;
  store?: (clock: () => number) => Store;
  /** Wraps what each process uses, so that a test can end one process and start the next on the same store. */
  wrapProcess?: () => { wrapStore: (store: Store) => Store; wrapFetch: (real: typeof fetch) => typeof fetch };
}

const NO_LIMIT = 100_000;
/** Timeout of `runUntilIdle` in simulated time: 1 h. */
const SETTLE_LIMIT_MS = 3_600_000;

export type TestApp = Awaited<ReturnType<typeof createTestApp>>;

/**
 * Creates the product in one process with a simulated Plane over real HTTP. Time is simulated: waiting advances the
 * clock. Nothing runs by itself: a test delivers webhooks, polls and drains the queues.
 */
export async function createTestApp(options: TestAppOptions = {}) {
  const time = { now: Date.parse("2026-11-21T08:00:00.000Z") };
  const clock = () => time.now;
  const limit = options.rateLimit ?? NO_LIMIT;
  const { version, random, fileSizeLimit } = options;
  const plane = createPlaneSimulator({
    clock,
    rateLimit: limit,
    ...omitUndefined({ version, random, fileSizeLimit: fileSizeLimit || undefined }),
  });
  const url = await plane.start();
  onTestFinished(() => plane.stop());
  const human = plane.addUser({ name: "Ada" });
  const webhook = plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
  const apiKey = plane.createApiKey(human);
  let env = options.setUpPlane?.(plane) ?? {};
  const createSettings = (config = options.config) => {
    const file = JSON.stringify({ agents: options.agents ?? [], ...config });
    const ownEnv = {
      ...{ PLANE_URL: url, PLANE_API_KEY: apiKey, PLANE_WORKSPACE: plane.workspace.slug },
      ...{ PLANE_RATE_LIMIT: String(limit), PLANE_PROJECTS: options.projects?.join(",") },
      ...{ STORE_URL: "memory:", LOG_LEVEL: "debug", GROUNDCREW_CONFIG: "crew.json" },
    };
    return createTestSettings({ ...ownEnv, ...env }, { "crew.json": file });
  };
  let settings = createSettings();

  const recorder = createEventRecorder();
  recorder.addPerson(human);
  const manifest: Manifest = {
    routes: [],
    ticks: options.parts?.ticks ?? [],
    jobHandlers: [
      inboxHandler,
      ...createPeopleHandlers({ webhooks: inboxHandler, updates: updatesHandler, work: workHandler }),
      observeHandler,
      options.outbox ?? recorder.jobHandler,
      ...(options.parts?.jobHandlers ?? []),
    ],
    requestKinds: REQUEST_KINDS,
    ruleSets: (parsedSettings) =>
      keepDefined([
        options.outbox ? undefined : createRecordingRuleSet(options.needsActor ?? false),
        ...(options.parts?.ruleSets?.(parsedSettings) ?? []),
      ]),
  };

  const logged: Record<string, unknown>[] = [];
  let nextWaitActions: (() => unknown)[] = [];
  function advance(ms: number) {
    const work = () => options.worker !== "by hand" && plane.runWorker();
    work();
    time.now += ms;
    work();
  }
  async function wait(ms: number) {
    const until = time.now + ms;
    for (const act of nextWaitActions.splice(0)) await act();
    // Waits that run in parallel end at the same time.
    advance(Math.max(0, until - time.now));
  }

  const newStore = () => options.store?.(clock) ?? createMemoryStore({ clock });
  let store = newStore();
  const start = () => {
    const wrappers = options.wrapProcess?.();
    const processFetch = wrappers?.wrapFetch(options.fetch ?? fetch) ?? options.fetch;
    return createDeps({
      settings,
      manifest,
      store: wrappers?.wrapStore(store) ?? store,
      metrics: noMetrics,
      write: (line) => logged.push(JSON.parse(line)),
      signal: new AbortController().signal,
      readAsset: createAssetReader(),
      overrides: { clock, wait, ...omitUndefined({ fetch: processFetch }) },
    });
  };
  let deps: Deps = await start();

  async function enqueueWebhook(body: string): Promise<void> {
    const hash = createHash("sha256").update(body).digest("hex");
    const lane = getWebhookLane(body) ?? hash;
    await store.commit({ jobs: [createInboxJob(hash, lane, body, `webhook-${hash.slice(0, 8)}`)] });
  }
  async function countPendingJobs(): Promise<number> {
    const { queues } = await store.stats();
    return manifest.jobHandlers.reduce((sum, { queue }) => sum + queues[queue].pending, 0);
  }

  const app = {
    plane,
    human,
    webhook,
    apiKey,
    time,
    get settings() {
      return settings;
    },
    /** Every action so far, across restarts. */
    actions: recorder.actions,
    /** The log's lines. */
    logged,
    get store() {
      return store;
    },
    get deps() {
      return deps;
    },
    /** Advances the clock and runs Plane's worker. */
    advance,
    /** Runs this at the beginning of the next wait, for example of the 2 s between two reads. */
    onNextWait: (act: () => unknown) => nextWaitActions.push(act),
    /** Adds a webhook's body to the inbox as the route does. */
    enqueueWebhook,
    /** Runs Plane's worker and delivers the first `n` webhooks (default: all). Returns their bodies. */
    async deliverWebhooks(n = Number.POSITIVE_INFINITY): Promise<string[]> {
      plane.runWorker();
      const arriving = plane.deliveries.pending.slice(0, n);
      for (const { id, body } of arriving) {
        plane.deliveries.drop(id);
        await enqueueWebhook(body);
      }
      await deps.drain();
      return arriving.map(({ body }) => body);
    },
    /** Runs Plane's worker and drops all its webhooks. Returns their bodies. */
    dropWebhooks(): string[] {
      plane.runWorker();
      const bodies = plane.deliveries.pending.map(({ body }) => body);
      plane.deliveries.dropAll();
      return bodies;
    },
    drain: () => deps.drain(),
    /** Polls and works the due jobs. */
    async poll() {
      plane.runWorker();
      const counts = await pollTick.run(deps);
      await deps.drain();
      return counts;
    },
    /** Runs the hourly tick of the cycles and works the due jobs. */
    async pollCycles() {
      await cyclesTick.run(deps);
      await deps.drain();
    },
    /** Advances the clock by this many milliseconds in steps, and works the jobs that become due. */
    async runFor(ms: number, step = 1_000) {
      for (let passed = 0; passed < ms; passed += step) {
        await deps.drain();
        advance(step);
      }
      await deps.drain();
    },
    /** Advances the clock until no job is pending. */
    async runUntilIdle() {
      for (let waited = 0; ; waited += 500) {
        await deps.drain();
        if ((await countPendingJobs()) === 0) return;
        if (waited > SETTLE_LIMIT_MS) throw new Error(`jobs still pending: ${JSON.stringify(await store.stats())}`);
        advance(500);
      }
    },
    /** Delivers the webhooks and works what follows. */
    async deliverUntilIdle() {
      await app.deliverWebhooks();
      await app.runUntilIdle();
    },
    /** Polls and works what follows. */
    async pollUntilIdle() {
      await app.poll();
      await app.runUntilIdle();
    },
    /** Starts a new process on the same store or on an empty one, with the same or other settings. */
    async restart(change: Pick<TestAppOptions, "config"> & { store?: "kept" | "lost"; env?: typeof env } = {}) {
      nextWaitActions = [];
      env = { ...env, ...change.env };
      if (change.config || change.env) settings = createSettings(change.config ?? options.config);
      if (change.store === "lost") store = newStore();
      deps = await start();
    },
    /** The actions since the last call, as text: `ONB-1 assigned thot`. */
    takeEvents: recorder.takeEvents,
    /** Returns the requests to Plane while `act` runs, as `GET projects`, `GET work-items/:id`. */
    async recordRequests(act: () => Promise<unknown>): Promise<string[]> {
      const before = plane.ledger.requests.length;
      await act();
      return plane.ledger.requests
        .slice(before)
        .filter(({ api }) => api)
        .map(({ method, path }) => `${method} ${toRoutePattern(path)}`);
    },
    /** Reads an item from the store. */
    async readItem(item: { id: string }): Promise<ItemRecord | undefined> {
      return (await store.read<ItemRecord>([observedKeys.item(item.id)]))[0]?.value;
    },
    /** Runs the first poll of an existing workspace, after this time; its earlier webhooks were lost. */
    async runFirstPoll(after = 0) {
      advance(after);
      app.dropWebhooks();
      await app.pollUntilIdle();
      // Changes in the same second as the first poll count as older than it.
      advance(2_000);
    },
    addProject: (name = "Onboarding", identifier = "ONB"): Project => plane.addProject({ name, identifier }),
    /** Adds a member of the workspace, whose name `takeEvents` uses. */
    addPerson(name: string) {
      const user = plane.addUser({ name });
      recorder.addPerson(user);
      return user;
    },
  };
  return app;
}
