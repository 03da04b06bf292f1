import { createHash } from "node:crypto";
import { onTestFinished } from "vitest";
import type { Plane } from "../demo/plane/handle.ts";
import { createPlane } from "../demo/plane/plane.ts";
import type { Project, Version } from "../demo/plane/types.ts";
import { cycles } from "../functions/poll/cycles.ts";
import { observe } from "../functions/poll/observe.ts";
import { poll } from "../functions/poll/project-pass.ts";
import { inbox } from "../functions/webhooks/inbox.ts";
import { assemble } from "../runtime/assemble.ts";
import type { Deps, Manifest, Worker } from "../shared/deps.ts";
import { noMetrics } from "../shared/metrics.ts";
import type { InboxBody } from "../shared/observe/delivery.ts";
import { keys } from "../shared/observe/keys.ts";
import { memoryStore } from "../shared/store/memory.ts";
import type { Store } from "../shared/store/port.ts";
import type { KeptItem } from "../shared/task/snapshot.ts";
import { laneOf, routeOf, settingsFor } from "./crew-parts.ts";
import { createRecorder, recording } from "./crew-recorder.ts";

export interface CrewOptions {
  version?: Version;
  /** Requests a minute that Plane allows and Groundcrew keeps to. Default: no limit. */
  rateLimit?: number;
  /** The largest attachment Plane takes, in bytes. */
  fileSizeLimit?: number;
  agents?: { name: string; email: string; [setting: string]: unknown }[];
  /** What else the settings file holds. */
  config?: Record<string, unknown>;
  /** Makes people and keys before the product starts; answers settings of the environment. */
  staff?: (plane: Plane) => Record<string, string>;
  /** Further parts of the product that are at work. */
  parts?: Partial<Pick<Manifest, "ticks" | "workers" | "consumers">>;
  /** Works the outbox instead of the recorder; then only the consumers of `parts` decide. */
  outbox?: Worker;
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
const LONGEST_MS = 3_600_000;

export type Crew = Awaited<ReturnType<typeof createCrew>>;

/**
 * The product's own parts in one process, in front of an in-memory Plane over real HTTP. Nothing sleeps: time is a
 * number that waiting moves. Nothing happens by itself: a test delivers, polls and drains.
 */
export async function createCrew(options: CrewOptions = {}) {
  const time = { now: Date.parse("2026-11-21T08:00:00.000Z") };
  const clock = () => time.now;
  const limit = options.rateLimit ?? NO_LIMIT;
  const { version, random, fileSizeLimit } = options;
  const plane = createPlane({
    clock,
    rateLimit: limit,
    ...(version && { version }),
    ...(random && { random }),
    ...(fileSizeLimit && { fileSizeLimit }),
  });
  const url = await plane.start();
  onTestFinished(() => plane.stop());
  const human = plane.addUser({ name: "Ada" });
  const webhook = plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
  const apiKey = plane.apiKey(human);
  const env = options.staff?.(plane) ?? {};
  const settings = settingsFor(url, apiKey, plane.workspace.slug, limit, { ...options, env });

  const recorder = createRecorder();
  recorder.know(human);
  const manifest: Manifest = {
    routes: [],
    ticks: options.parts?.ticks ?? [],
    workers: [inbox, observe, options.outbox ?? recorder.worker, ...(options.parts?.workers ?? [])],
    consumers: (given) => [
      ...(options.outbox ? [] : [recording(options.needsActor ?? false)]),
      ...(options.parts?.consumers?.(given) ?? []),
    ],
  };

  const logged: Record<string, unknown>[] = [];
  let meanwhile: (() => void)[] = [];
  function pass(ms: number) {
    const work = () => options.worker !== "by hand" && plane.settle();
    work();
    time.now += ms;
    work();
  }
  async function wait(ms: number) {
    const until = time.now + ms;
    for (const act of meanwhile.splice(0)) act();
    // Those who wait side by side wait for the same time.
    pass(Math.max(0, until - time.now));
  }

  const newStore = () => options.store?.(clock) ?? memoryStore({ clock });
  let store = newStore();
  const start = () =>
    assemble({
      settings,
      manifest,
      store,
      metrics: noMetrics,
      write: (line) => logged.push(JSON.parse(line)),
      signal: new AbortController().signal,
      overrides: { clock, wait, ...(options.fetch && { fetch: options.fetch }) },
    });
  let deps: Deps = await start();

  async function feed(body: string): Promise<void> {
    const hash = createHash("sha256").update(body).digest("hex");
    const value: InboxBody = { raw: body, correlation: `webhook-${hash.slice(0, 8)}` };
    await store.commit({ jobs: [{ id: hash, queue: "inbox", lane: laneOf(body) ?? hash, body: value }] });
  }
  async function pending(): Promise<number> {
    const { queues } = await store.stats();
    return manifest.workers.reduce((sum, { queue }) => sum + queues[queue].pending, 0);
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
    pass,
    /** Does this at the beginning of the next waiting, for example within the 2 s between two reads. */
    meanwhile: (act: () => void) => meanwhile.push(act),
    /** Puts a webhook's body into the inbox as the route does. */
    feed,
    /** Plane's worker works; the first `n` webhooks (default all) arrive. Answers their bodies. */
    async deliver(n = Number.POSITIVE_INFINITY): Promise<string[]> {
      plane.settle();
      const arriving = plane.deliveries.pending.slice(0, n);
      for (const { id, body } of arriving) {
        plane.deliveries.drop(id);
        await feed(body);
      }
      await deps.drain();
      return arriving.map(({ body }) => body);
    },
    /** Plane's worker works; everything it has to send is lost. */
    lose() {
      plane.settle();
      plane.deliveries.dropAll();
    },
    drain: () => deps.drain(),
    /** The poll, and the jobs that are due then. */
    async poll() {
      plane.settle();
      const counts = await poll.run(deps);
      await deps.drain();
      return counts;
    },
    /** The hourly look at the cycles. */
    async cycles() {
      await cycles.run(deps);
      await deps.drain();
    },
    /** Lets time pass until no job is waiting. */
    async settle() {
      for (let waited = 0; ; waited += 500) {
        await deps.drain();
        if ((await pending()) === 0) return;
        if (waited > LONGEST_MS) throw new Error(`still waiting: ${JSON.stringify(await store.stats())}`);
        pass(500);
      }
    },
    /** A new process on the same store, or with the store lost. */
    async restart({ store: which = "kept" }: { store?: "kept" | "lost" } = {}) {
      meanwhile = [];
      if (which === "lost") store = newStore();
      deps = await start();
    },
    /** What was decided since the last call, as people would say it: `ONB-1 assigned thot`. */
    events: recorder.events,
    /** The requests to Plane while `act` runs, as `GET projects`, `GET work-items/:id`. */
    async requests(act: () => Promise<unknown>): Promise<string[]> {
      const before = plane.ledger.requests.length;
      await act();
      return plane.ledger.requests
        .slice(before)
        .filter(({ api }) => api)
        .map(({ method, path }) => `${method} ${routeOf(path)}`);
    },
    /** What is kept of an item. */
    async kept(item: { id: string }): Promise<KeptItem | undefined> {
      return (await store.read<KeptItem>([keys.item(item.id)]))[0]?.value;
    },
    /** The first look at a workspace that is there already, whose webhooks went nowhere so far. */
    async begin() {
      crew.lose();
      await crew.poll();
      await crew.settle();
      // What was done in the second of the first look counts as done before it.
      pass(2_000);
    },
    project: (name = "Onboarding", identifier = "ONB"): Project => plane.addProject({ name, identifier }),
  };

  return Object.assign(crew, {
    /** A further member of the workspace; its name is used in `events`. */
    person(name: string) {
      const user = plane.addUser({ name });
      recorder.know(user);
      return user;
    },
  });
}
