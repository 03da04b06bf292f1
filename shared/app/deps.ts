import type { Hono } from "hono";
import type { Storage } from "unstorage";
import type { Settings } from "../config/settings.ts";
import type { Hashing } from "../hashing/hashing.ts";
import type { Health } from "../health.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { PlaneClient } from "../plane/client.ts";
import type { LeasedJob, Queue, Settlement, Store } from "../store/port.ts";
import type { RuleSet } from "../task/events.ts";
import type { TelegramBot } from "../telegram/bot.ts";
import type { Ms } from "../time.ts";
import type { TickRunner } from "./ticks.ts";

/** What a runtime gives to the handlers. A handler asks for the part it touches: `Pick<Deps, "store" | "log">`. */
export interface Deps {
  settings: Settings;
  store: Store;
  plane: PlaneClient;
  /** Plane with this agent's own key, or, without one, with the key of the Concierge or of Groundcrew itself. */
  getAgentPlane: (agent: string) => { plane: PlaneClient; usesOwnKey: boolean };
  /** Absent when Telegram is not set up: then nothing is put in its outbox. */
  telegram?: TelegramBot;
  /** What Plane can tell again: states, labels, members. */
  cache: Storage;
  /** The rule lists of the manifest, made for these settings. */
  ruleSets: readonly RuleSet[];
  log: Log;
  metrics: Metrics;
  /** All metrics as Prometheus text; absent where nothing scrapes. */
  scrape?: () => Promise<{ type: string; text: string }>;
  /** How the last uses of Plane and Telegram went. */
  health: Health;
  /** Runs the manifest's ticks, never one twice at once. */
  ticks: TickRunner;
  /** Signatures and ids of what comes in. */
  hashing: Hashing;
  clock: () => Ms;
  newId: () => string;
  fetch: typeof fetch;
  /** Resolves after so many milliseconds, or at once when the signal is aborted: the only way to wait. */
  wait: (ms: Ms, signal?: AbortSignal) => Promise<void>;
  /** Aborted when the runtime stops: what would go on, a page's event stream for one, ends. */
  stopping: AbortSignal;
  /** Says that jobs may be waiting, or that one of this queue will be due in so long: they are worked soon, or then. */
  kick: (due?: UpcomingJob) => void;
  /** Works all jobs that are due and answers how many were settled. */
  drain: () => Promise<number>;
  /** The text of a file that is served as it is, by its path in the repository. Throws when it is not there. */
  readAsset: (path: string) => string;
  /** Absent where the secrets are not kept in a file of this machine. */
  bridgeTokens?: BridgeTokens;
  /** Asks for a poll within a minute because something may have been missed. Asking twice is asking once. */
  requestPoll: (reason: string) => void;
}

/** Replaces bridge tokens. Rejects with a GroundcrewError that says what to do where a token cannot be replaced. */
export interface BridgeTokens {
  /** A new token, which nobody can read again, counts within seconds; of those before it only the last still does. */
  renew(agent: string): Promise<string>;
  /** Only the newest counts from now on; answers false when there was no older one. */
  retire(agent: string): Promise<boolean>;
}

/** A job that waits for its time. */
export interface UpcomingJob {
  queue: Queue;
  after: Ms;
}

/** One queue's work: what is done with a taken job and how it is settled. A throw is a retry with a growing delay. */
export interface JobHandler {
  queue: Queue;
  /** The lease: longer than the work can take. */
  leaseMs: Ms;
  /** How many jobs are worked side by side. */
  concurrency: number;
  handle(deps: Deps, job: LeasedJob): Promise<Settlement>;
}

/** Something that happens by the clock. One job per kind, never twice at once, also across processes. */
export interface Tick {
  name: string;
  /** When it runs, for croner; from the settings where people may choose. */
  cron: (settings: Settings) => string;
  /** The store itself keeps its work apart, so several processes may be at it at once: it takes no lease. */
  sideBySide?: true;
  /** Answers with counts for the log and the caller. */
  run(deps: Deps): Promise<Record<string, number>>;
}

export interface Route {
  path: string;
  /**
   * `public` needs no token (health, signed webhooks); `tick` takes TICK_TOKEN or ADMIN_TOKEN; `admin` only the latter;
   * `page` takes ADMIN_TOKEN or the cookie of a page that has signed in with it; `agent` takes a bridge token.
   */
  access: "public" | "tick" | "admin" | "page" | "agent";
  /** Large bodies pass through here as slowly as they come: it has time limits of its own. */
  streams?: true;
  app: (deps: Deps) => Hono;
}

/** Something that goes on as long as the runtime lives, until `deps.stopping`. It never throws. */
export interface Service {
  name: string;
  run(deps: Deps): Promise<void>;
}

/** Everything the product mounts; `functions/index.ts` is the only one. */
export interface Manifest {
  routes: readonly Route[];
  ticks: readonly Tick[];
  jobHandlers: readonly JobHandler[];
  /** Only where a process lives on: a Worker has none. */
  services?: readonly Service[];
  ruleSets: (settings: Settings) => RuleSet[];
}
