import type { Hono } from "hono";
import type { Storage } from "unstorage";
import type { Settings } from "../config/settings.ts";
import type { Hashing } from "../hashing/hashing.ts";
import type { Health } from "../health.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { PlaneClient } from "../plane/client.ts";
import type { LeasedJob, Queue, Settlement } from "../store/job-operations.ts";
import type { Store } from "../store/port.ts";
import type { RuleSet } from "../task/rule-set.ts";
import type { TelegramBot } from "../telegram/telegram-bot.ts";
import type { Terminals } from "../tickets/terminals.ts";
import type { Ms } from "../time.ts";
import type { StoreHealth } from "./store-health.ts";
import type { TickRunner } from "./ticks.ts";

/** Dependencies that a runtime provides. A function declares only those it uses: `Pick<Deps, "store" | "log">`. */
export interface Deps {
  settings: Settings;
  store: Store;
  plane: PlaneClient;
  /**
   * Returns a Plane client with this agent's own key; without one, with the key of the Concierge or of Groundcrew
   * itself.
   */
  getAgentPlane: (agent: string) => { plane: PlaneClient; usesOwnKey: boolean };
  /** Absent when Telegram is not configured; then no outbox jobs are created. */
  telegram?: TelegramBot;
  /** Cache of data that can be read from Plane again: states, labels, members. Names in it outlive the process. */
  cache: Storage;
  /** The manifest's rule sets for the present settings. */
  ruleSets: readonly RuleSet[];
  log: Log;
  metrics: Metrics;
  /** Returns all metrics in the Prometheus text format; absent on hosts that do not expose metrics. */
  scrape?: () => Promise<{ type: string; text: string }>;
  /** Results of the latest calls to Plane and Telegram. */
  health: Health;
  /** Whether the store can be written, and how full it is. */
  storeHealth: StoreHealth;
  /** The last pictures of sessions' terminals, and who watches them; in memory. */
  terminals: Terminals;
  /** Runs the manifest's ticks; two runs of one tick never overlap. */
  ticks: TickRunner;
  /** Signatures and hashes of received webhooks. */
  hashing: Hashing;
  clock: () => Ms;
  newId: () => string;
  fetch: typeof fetch;
  /**
   * Resolves after `ms` milliseconds, or as soon as the signal is aborted. All waiting goes through it, so that tests
   * can replace it.
   */
  wait: (ms: Ms, signal?: AbortSignal) => Promise<void>;
  /** Aborted when the runtime stops, to end services, event streams and waits. */
  stopping: AbortSignal;
  /** Requests handling of due jobs, or schedules it for the time when a job of one queue becomes due. */
  kick: (due?: UpcomingJob) => void;
  /** Handles all due jobs and returns how many were settled. */
  drain: () => Promise<number>;
  /** Returns the text of a file of the product, by its path in the repository. Throws when the file is missing. */
  readAsset: (path: string) => string;
  /** Absent on hosts that do not store the secrets in a local file. */
  bridgeTokens?: BridgeTokens;
  /** Requests a poll within a minute, because a change may have been missed. Repeated requests cause one poll. */
  requestPoll: (reason: string) => void;
}

/** Replaces bridge tokens. Rejects with a GroundcrewError that says what to do when a token cannot be replaced. */
export interface BridgeTokens {
  /**
   * Returns a new token, which cannot be read again and is valid within seconds. The previous token stays valid, older
   * ones do not.
   */
  renew(agent: string): Promise<string>;
  /** Revokes all tokens but the newest; false when there was no older one. */
  retire(agent: string): Promise<boolean>;
}

/** A job that will be due `after` milliseconds from now. */
export interface UpcomingJob {
  queue: Queue;
  after: Ms;
}

/** Handles the jobs of one queue. When `handle` throws, the job is retried with increasing delays. */
export interface JobHandler {
  queue: Queue;
  /** Duration of a job's lease; longer than the handler can take. */
  leaseMs: Ms;
  /** Number of jobs handled concurrently. */
  concurrency: number;
  handle(deps: Deps, job: LeasedJob): Promise<Settlement>;
}

/** A scheduled task. Two runs of one tick never overlap, also across processes. */
export interface Tick {
  name: string;
  /** The schedule as a cron expression (croner); from the settings where it is configurable. */
  cron: (settings: Settings) => string;
  /**
   * Several processes may run it at once, because the store's job leases separate their work: it takes no lease of its
   * own.
   */
  sideBySide?: true;
  /** Returns counts for the log and the caller. */
  run(deps: Deps): Promise<Record<string, number>>;
}

export interface Route {
  path: string;
  /**
   * `public` requires no token (health, signed webhooks); `tick` requires TICK_TOKEN or ADMIN_TOKEN; `admin` requires
   * ADMIN_TOKEN; `page` requires ADMIN_TOKEN or the cookie of a dashboard session; `agent` requires a bridge token;
   * `runner` requires RUNNER_TOKEN.
   */
  access: "public" | "tick" | "admin" | "page" | "agent" | "runner";
  /** The route streams large bodies at the client's speed, so it has its own time limits. */
  streams?: true;
  app: (deps: Deps) => Hono;
}

/** A background task that runs until `deps.stopping` is aborted. It never throws. */
export interface Service {
  name: string;
  run(deps: Deps): Promise<void>;
}

/** All parts of the product that a runtime starts; `functions/index.ts` is the manifest of a machine, `createManifest()` that of Workers. */
export interface Manifest {
  routes: readonly Route[];
  ticks: readonly Tick[];
  jobHandlers: readonly JobHandler[];
  /** Started only by long-running processes, not by Cloudflare Workers. */
  services?: readonly Service[];
  ruleSets: (settings: Settings) => RuleSet[];
}
