import { createHash } from "node:crypto";
import { onTestFinished } from "vitest";
import { cyclesTick } from "../../functions/poll/cycles-tick.ts";
import { observeHandler } from "../../functions/poll/observe-handler.ts";
import { pollTick } from "../../functions/poll/poll-tick.ts";
import { inboxHandler } from "../../functions/webhooks/inbox-handler.ts";
import { createDeps } from "../../runtime/create-deps.ts";
import { createAssetReader } from "../../runtime/node/asset-reader.ts";
import type { Deps, JobHandler, Manifest } from "../../shared/app/deps.ts";
import { createInboxJob } from "../../shared/jobs/inbox-jobs.ts";
import { keepDefined } from "../../shared/keep-defined.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { observedKeys } from "../../shared/observe/store-keys.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createMemoryStore } from "../../shared/store/memory/memory-store.ts";
import type { Store } from "../../shared/store/port.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { createPlaneSimulator } from "../../simulators/plane/create-plane-simulator.ts";
import type { PlaneSimulator } from "../../simulators/plane/plane-simulator.ts";
import type { PlaneVersion, Project } from "../../simulators/plane/types.ts";
import { createEventRecorder, createRecordingRuleSet } from "./event-recorder.ts";
import { createTestAppSettings, getWebhookLane, toRoutePattern } from "./test-app-parts.ts";

export interface TestAppOptions {
  version?: PlaneVersion;
  /** Requests a minute that Plane allows and Groundcrew keeps to. Default: no limit. */
  rateLimit?: number;
  /** The largest attachment Plane takes, in bytes. */
  fileSizeLimit?: number;
  agents?: { name: string; email: string; [setting: string]: unknown }[];
  /** What else the settings file holds. */
  config?: Record<string, unknown>;
  /** Makes people and keys before the product starts; answers settings of the environment. */
  setUpPlane?: (plane: PlaneSimulator) => Record<string, string>;
  /** Further parts of the product that are at work. */
  parts?: Partial<Pick<Manifest, "ticks" | "jobHandlers" | "ruleSets">>;
  /** Works the outbox instead of the recorder; then only the consumers of `parts` decide. */
  outbox?: JobHandler;
  fetch?: typeof fetch;
  /** Identifiers of the projects that are followed; default all. */
  projects?: string[];
  /** Whether the recording consumer wants to know who did it. */
  needsActor?: boolean;
  /** Plane's worker does everything whenever time passes, or only what a test makes it do. */
  worker?: "at once" | "by hand";
  /** Decides what Plane's worker does first: below 0.5 it moves `updated_at` again, then it writes the webhook. */
  random?: () => number;
  store?: (clock: () => number) => Store;
}

const NO_LIMIT = 100_000;
/** `settle` gives up after so much time without an end. */
const SETTLE_LIMIT_MS = 3_600_000;

export type TestApp = Awaited<ReturnType<typeof createTestApp>>;

/**
 * The product's own parts in one process, in front of an in-memory Plane over real HTTP. Nothing sleeps: time is a
 * number that waiting moves. Nothing happens by itself: a test delivers, polls and drains.
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
  const env = options.setUpPlane?.(plane) ?? {};
  const settings = createTestAppSettings(url, apiKey, plane.workspace.slug, limit, { ...options, env });

  const recorder = createEventRecorder();
  recorder.addPerson(human);
  const manifest: Manifest = {
    routes: [],
    ticks: options.parts?.ticks ?? [],
    jobHandlers: [
      inboxHandler,
      observeHandler,
      options.outbox ?? recorder.jobHandler,
      ...(options.parts?.jobHandlers ?? []),
    ],
    ruleSets: (parsedSettings) =>
      keepDefined([
        options.outbox ? undefined : createRecordingRuleSet(options.needsActor ?? false),
        ...(options.parts?.ruleSets?.(parsedSettings) ?? []),
      ]),
  };

  const logged: Record<string, unknown>[] = [];
  let nextWaitActions: (() => void)[] = [];
  function advance(ms: number) {
    const work = () => options.worker !== "by hand" && plane.runWorker();
    work();
    time.now += ms;
    work();
  }
  async function wait(ms: number) {
    const until = time.now + ms;
    for (const act of nextWaitActions.splice(0)) act();
    // Those who wait side by side wait for the same time.
    advance(Math.max(0, until - time.now));
  }

  const newStore = () => options.store?.(clock) ?? createMemoryStore({ clock });
  let store = newStore();
  const start = () =>
    createDeps({
      settings,
      manifest,
      store,
      metrics: noMetrics,
      write: (line) => logged.push(JSON.parse(line)),
      signal: new AbortController().signal,
      readAsset: createAssetReader(),
      overrides: { clock, wait, ...omitUndefined({ fetch: options.fetch }) },
    });
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

  const crew = {
    plane,
    human,
    webhook,
    apiKey,
    time,
    settings,
    /** Every action decided so far; also over restarts. */
    actions: recorder.actions,
    /** The log's lines. */
    logged,
    get store() {
      return store;
    },
    get deps() {
      return deps;
    },
    /** Time passes, and Plane's worker works. */
    advance,
    /** Does this at the beginning of the next waiting, for example within the 2 s between two reads. */
    onNextWait: (act: () => void) => nextWaitActions.push(act),
    /** Puts a webhook's body into the inbox as the route does. */
    enqueueWebhook,
    /** Plane's worker works; the first `n` webhooks (default all) arrive. Answers their bodies. */
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
    /** Plane's worker works; everything it has to send is lost. */
    dropWebhooks() {
      plane.runWorker();
      plane.deliveries.dropAll();
    },
    drain: () => deps.drain(),
    /** The poll, and the jobs that are due then. */
    async poll() {
      plane.runWorker();
      const counts = await pollTick.run(deps);
      await deps.drain();
      return counts;
    },
    /** The hourly look at the cycles. */
    async pollCycles() {
      await cyclesTick.run(deps);
      await deps.drain();
    },
    /** Lets time pass until no job is waiting. */
    async runUntilIdle() {
      for (let waited = 0; ; waited += 500) {
        await deps.drain();
        if ((await countPendingJobs()) === 0) return;
        if (waited > SETTLE_LIMIT_MS) throw new Error(`still waiting: ${JSON.stringify(await store.stats())}`);
        advance(500);
      }
    },
    /** A new process on the same store, or with the store lost. */
    async restart({ store: which = "kept" }: { store?: "kept" | "lost" } = {}) {
      nextWaitActions = [];
      if (which === "lost") store = newStore();
      deps = await start();
    },
    /** What was decided since the last call, as people would say it: `ONB-1 assigned thot`. */
    takeEvents: recorder.takeEvents,
    /** The requests to Plane while `act` runs, as `GET projects`, `GET work-items/:id`. */
    async recordRequests(act: () => Promise<unknown>): Promise<string[]> {
      const before = plane.ledger.requests.length;
      await act();
      return plane.ledger.requests
        .slice(before)
        .filter(({ api }) => api)
        .map(({ method, path }) => `${method} ${toRoutePattern(path)}`);
    },
    /** What is kept of an item. */
    async readItem(item: { id: string }): Promise<KeptItem | undefined> {
      return (await store.read<KeptItem>([observedKeys.item(item.id)]))[0]?.value;
    },
    /** The first look at a workspace that is there already, whose webhooks went nowhere so far. */
    async runFirstPoll() {
      crew.dropWebhooks();
      await crew.poll();
      await crew.runUntilIdle();
      // What was done in the second of the first look counts as done before it.
      advance(2_000);
    },
    addProject: (name = "Onboarding", identifier = "ONB"): Project => plane.addProject({ name, identifier }),
  };

  return Object.assign(crew, {
    /** A further member of the workspace; its name is used in `events`. */
    addPerson(name: string) {
      const user = plane.addUser({ name });
      recorder.addPerson(user);
      return user;
    },
  });
}
