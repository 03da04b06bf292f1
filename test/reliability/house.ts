import { assemble } from "../../runtime/assemble.ts";
import { createPrometheus } from "../../runtime/metrics.ts";
import type { Deps } from "../../shared/deps.ts";
import { createApp } from "../../shared/http/app.ts";
import { memoryStore } from "../../shared/store/memory.ts";
import type { Store } from "../../shared/store/port.ts";
import { settingsOf } from "../shared/config/given.ts";
import { manifestWith, type OutboxOptions } from "./manifest.ts";
import { ADMIN, startOutside } from "./outside.ts";
import { createTime } from "./time.ts";

export interface HouseOptions extends Omit<NonNullable<Parameters<typeof startOutside>[0]>, "clock"> {
  /** What the settings file holds. */
  config?: object;
  env?: Record<string, string>;
  outbox?: OutboxOptions;
}

export type House = Awaited<ReturnType<typeof createHouse>>;

/** One run of the product: what a process is made of, and how it ends without a word. */
export interface Life {
  /** The store as this life sees it. */
  store?: (store: Store) => Store;
  fetch?: (ask: typeof fetch) => typeof fetch;
}

/**
 * The whole product in one process, on a time that only a test moves, in front of Plane and Telegram over real HTTP.
 * `start` is what a restart is: everything is made anew, only the store stays.
 */
export async function createHouse(options: HouseOptions = {}) {
  const time = createTime();
  const outside = await startOutside({ ...options, clock: time.clock });
  const settings = settingsOf(
    { ...outside.env, STORE_URL: "memory:", GROUNDCREW_CONFIG: "config.json", ...options.env },
    { "config.json": JSON.stringify(options.config ?? {}) },
  );
  const manifest = manifestWith(options.outbox ?? {});
  const lines: Record<string, unknown>[] = [];
  let store = memoryStore({ clock: time.clock });
  let ending = new AbortController();
  let deps: Deps | undefined;
  let app: ReturnType<typeof createApp> | undefined;

  async function start({ store: seen = (same) => same, fetch: asked = (same) => same }: Life = {}) {
    ending.abort();
    ending = new AbortController();
    const { metrics, scrape } = createPrometheus({ store, ofProcess: false });
    const { clock, wait } = time;
    const common = { settings, manifest, metrics, scrape, signal: ending.signal };
    const write = (line: string) => lines.push(JSON.parse(line));
    const overrides = { clock, wait, fetch: asked(time.fetch) };
    const made = await assemble({ ...common, store: seen(store), write, overrides });
    deps = made;
    app = createApp(made, { routes: manifest.routes, connection: () => "127.0.0.1" });
    time.each(() => made.kick());
    made.kick();
  }

  function ask(path: string, init: RequestInit = {}): Promise<Response> {
    if (!app) throw new Error("start first");
    const headers = { host: "127.0.0.1", authorization: `Bearer ${ADMIN}`, ...init.headers };
    return Promise.resolve(app.request(`http://127.0.0.1${path}`, { ...init, headers }));
  }

  async function isQuiet(): Promise<boolean> {
    const { queues } = await store.stats();
    return Object.values(queues).every(({ pending }) => pending === 0);
  }

  const house = {
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
    ask,
    /** As after `rm -r data`. */
    loseStore() {
      store = memoryStore({ clock: time.clock });
    },
    send: (body: string, headers = outside.headers(body)): Promise<Response> =>
      ask("/webhooks/plane", { method: "POST", headers, body }),
    /** `POST /ticks/poll`, and time passes until it is over. */
    tick: (name = "poll", within?: number): Promise<Response> =>
      time.during(ask(`/ticks/${name}`, { method: "POST" }), within),
    /** Time passes until no job is waiting. */
    quiet: (within?: number) => time.until(isQuiet, within),
    /** Everything Plane has to send arrives, one after the other. */
    async deliver(): Promise<string[]> {
      const bodies = outside.bodies();
      for (const body of bodies) await time.during(house.send(body));
      return bodies;
    },
    /** The first look at what is there: known, and told to nobody. */
    async begin() {
      outside.bodies();
      await start();
      await house.tick();
      await house.quiet();
      await time.pass(2_000);
    },
  };
  return house;
}
