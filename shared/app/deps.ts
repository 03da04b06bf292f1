/**
 * What a runtime provides (`Deps`) and what the product hands to it: routes, ticks, job handlers and services. A
 * function declares only the part that it uses; `SyncDeps` and `TaskDeps` name the two groups that most of shared/sync
 * and shared/tasks need.
 */

import type { Context, Hono } from "hono";
import type { Storage } from "unstorage";
import type { Settings } from "../config/settings.ts";
import type { GroundcrewError } from "../errors.ts";
import type { Hashing } from "../hashing.ts";
import type { RefusalName } from "../i18n/en.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { NoticeKind } from "../notice-kinds.ts";
import type { PlaneClient } from "../plane/endpoint.ts";
import type { JobResult, LeasedJob, Queue, Store, StoreCapacity, StoredValue } from "../store/port.ts";
import type { ValueUpdate } from "../store/records.ts";
import type { RequestKindName, RequestRecord } from "../task/request.ts";
import type { RuleSet } from "../task/rule-set.ts";
import type { TelegramBot } from "../telegram/bot.ts";
import type { Ms } from "../time.ts";
import type { Terminals } from "./terminals.ts";

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
  /** Creates a Plane client with a person's own API token, which is not kept. */
  createPlaneClient: (apiKey: string) => Promise<PlaneClient>;
  /** Absent when Telegram is not configured; then no outbox jobs are created. */
  telegram?: TelegramBot;
  /** Cache of data that can be read from Plane again: states, labels, members. Names in it outlive the process. */
  cache: Storage;
  /**
   * Prepares what comments mean for the agents of an item, for the commit that stores them: shared/tasks does it, which
   * shared/sync cannot import. Makes no request to Plane.
   */
  prepareRemarks: (item: string, written: readonly WrittenRemark[], correlation: string) => Promise<ValueUpdate>;
  /** The manifest's rule sets for the present settings. */
  ruleSets: readonly RuleSet[];
  /** The manifest's kinds of requests to people. */
  requestKinds: RequestKinds;
  log: Log;
  metrics: Metrics;
  /** Returns all metrics in the Prometheus text format; absent on hosts that do not expose metrics. */
  scrape?: () => Promise<{ type: string; text: string }>;
  /** Results of the latest calls to Plane and Telegram. */
  health: Health;
  /** Whether the store can be written, and how full it is. */
  storeHealth: StoreHealth;
  /** What is broken, as people are told of it. */
  notices: Notices;
  /** The last pictures of sessions' terminals, and who watches them; in memory. */
  terminals: Terminals;
  /** Runs the manifest's ticks; two runs of one tick never overlap. */
  ticks: TickRunner;
  /** Counts requests with an unknown token over all routes, signing in to the page among them. */
  unknownTokens: RefusalLimiter;
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
  notify: (due?: UpcomingJob) => void;
  /** Handles all due jobs and returns how many were settled. */
  drain: () => Promise<number>;
  /** Returns the text of a file of the product, by its path in the repository. Throws when the file is missing. */
  readAsset: (path: string) => string;
  /** Reads what is known of the backups; absent on hosts without a folder for them (BACKUP_FOLDER). */
  readBackups?: () => BackupState;
  /**
   * Asks OpenClaw on this machine what its sessions have used, or which runs were started, and returns its answer;
   * absent on hosts without its command.
   */
  askOpenclaw?: (question: "usage" | "tasks") => Promise<unknown>;
  /** Absent on hosts that do not store the secrets in a local file. */
  bridgeTokens?: BridgeTokens;
  /** Requests a poll within a minute, because a change may have been missed. Repeated requests cause one poll. */
  requestPoll: (reason: string) => void;
}

/** What a person wrote about an item: a comment, an edited one, or a message that is no comment yet. */
export interface WrittenRemark {
  /** Identifies what was written: the id of the comment in Plane, or of the update in Telegram. */
  id: string;
  by: string;
  text: string;
  /** Ids of the mentioned Plane users. */
  mentions: readonly string[];
  /** When it was written, by the clock of Plane or Telegram: it is for those who worked on the task at that time. */
  at: Ms;
  /** Of a new comment, which may answer a question: its HTML, and its time as Plane prints it. */
  comment?: { html: string; createdAt: string };
  /** A guest of the workspace wrote it, who decides nothing: sessions of tickets do not read it. */
  isByGuest?: true;
  /** A program wrote it: it may answer a question, but wakes nobody. */
  isByProgram?: true;
  /** Of a comment in Plane: the id of its author; null: unknown. */
  author?: string | null;
}

/** Counts refused requests per source. It refuses none itself: a source over its limit is still authenticated. */
export interface RefusalLimiter {
  /** Counts a refusal; returns it as the error of the response, or `rate_limited` when the source is over its limit. */
  countRefusal(c: Context, refusal: GroundcrewError): GroundcrewError;
  /** The error `rate_limited` when the next refusal of the request's source is over its limit; counts nothing. */
  findLimit(c: Context): GroundcrewError | undefined;
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
  handle(deps: Deps, job: LeasedJob): Promise<JobResult>;
}

/**
 * What is particular about one kind of request to a person, in the module of its subject. What a function prepares goes
 * into the commit that stores the request, and expects it at the revision `rev`, which is 0 for a new one.
 */
export interface RequestKind {
  /** An open request is closed when its task is closed or removed. */
  closesWithTask?: true;
  /** Intervals from a request to its reminders. */
  getReminders?(request: RequestRecord): readonly Ms[];
  /** Publishes a request, or the reminder whose number it has. */
  announce(deps: TaskDeps, stored: StoredValue<RequestRecord>, correlation: string): Promise<ValueUpdate>;
  /** Reads again what is judged, before an approval; a request that has changed is stored, and the approval refused. */
  reread?(deps: TaskDeps, request: RequestRecord, correlation: string): Promise<RequestRecord>;
  /** Prepares what the request's verdict does; undefined when its subject is gone, so that nothing can be decided. */
  decide(
    deps: TaskDeps,
    decided: StoredValue<RequestRecord & Required<Pick<RequestRecord, "verdict">>>,
    correlation: string,
  ): Promise<ValueUpdate | undefined>;
  /** Continues what a verdict began, outside of the store; also when a decision is repeated after an interruption. */
  apply?(deps: TaskDeps, decided: RequestRecord, correlation: string): Promise<void>;
  /** Prepares what follows when it is closed without an answer: who asked is told. */
  close?(deps: TaskDeps, closed: StoredValue<RequestRecord>, correlation: string): Promise<ValueUpdate>;
  /**
   * Asks again what a person answers although it is not stored, as after the loss of the store. Returns what the person
   * reads; undefined when the id is none of this kind, or nothing is to be asked.
   */
  restore?(deps: TaskDeps, id: string, by: string, correlation: string): Promise<RefusalName | undefined>;
}

export type RequestKinds = Readonly<Partial<Record<RequestKindName | "session" | "schedule", RequestKind>>>;

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
   * `public` requires no token (health, signed webhooks); `tick` requires TICK_TOKEN or ADMIN_TOKEN, `alerts`
   * ALERTS_TOKEN or ADMIN_TOKEN; `admin` requires ADMIN_TOKEN; `page` requires ADMIN_TOKEN or a signed-in person whose
   * role may use the route (shared/http/route-roles.ts); `agent` requires a bridge token; `runner` requires
   * RUNNER_TOKEN.
   */
  access: "public" | "tick" | "alerts" | "admin" | "page" | "agent" | "runner";
  /** The route streams large bodies at the client's speed, so it has its own time limits. */
  streams?: true;
  app: (deps: Deps) => Hono;
}

/** A background task that runs until `deps.stopping` is aborted. It never throws. */
export interface Service {
  name: string;
  run(deps: Deps): Promise<void>;
}

/** All that a runtime starts; `functions/index.ts` is the manifest of a machine, `createManifest()` of Workers. */
export interface Manifest {
  routes: readonly Route[];
  ticks: readonly Tick[];
  jobHandlers: readonly JobHandler[];
  /** Started only by long-running processes, not by Cloudflare Workers. */
  services?: readonly Service[];
  ruleSets: (settings: Settings) => RuleSet[];
  requestKinds: RequestKinds;
}

/** Result of a finished tick. */
export interface TickReport {
  name: string;
  ms: Ms;
  counts: Record<string, number>;
}

/** Runs ticks. Two runs of one tick never overlap, neither in this process nor in another one with the same store. */
export interface TickRunner {
  names: readonly string[];
  /** Runs a scheduled tick; undefined when another process is running it, which is sufficient. */
  runIfDue(name: string): Promise<TickReport | undefined>;
  /** Runs a tick on demand; when this process is running it already, waits for it and returns its report. */
  runNow(name: string): Promise<TickReport>;
  /** Runs a tick that begins after this call, so that it sees everything that happened before. */
  runFresh(name: string): Promise<TickReport>;
  /** Resolves when no tick is running in this process. */
  waitUntilIdle(): Promise<void>;
}

/** What reads and writes only the store. */
export type StoreDeps = Pick<Deps, "store">;

export type SyncDeps = FactsDeps & Pick<Deps, "getAgentPlane" | "metrics" | "newId" | "wait" | "prepareRemarks">;

export type FactsDeps = Pick<Deps, "store" | "cache" | "plane" | "clock" | "settings" | "ruleSets" | "log">;

/** Dependencies of the task operations. */
export type TaskDeps = SyncDeps & Pick<Deps, "notify" | "fetch" | "hashing" | "requestKinds">;

/** External systems whose health is reported. */
export type HealthComponent = "plane" | "telegram";

export interface ComponentHealth {
  /** Whether the last call succeeded; null before the first call. */
  ok: boolean | null;
  /** Seconds since the last successful call; null if there was none. */
  age_s: number | null;
  /** Reason of the last failure; absent when the last call succeeded. */
  error?: string;
  /** Seconds for which a rate limit of the system still stops all requests; absent unless it is a long one. */
  hold_s?: number;
}

/** Results of the latest calls to Plane and Telegram, and whether Plane's webhooks arrive, in memory only. */
export interface Health {
  recordSuccess(part: HealthComponent): void;
  recordFailure(part: HealthComponent, reason: string): void;
  get(part: HealthComponent): ComponentHealth;
  /** A webhook of Plane arrived. */
  recordDelivery(): void;
  /** Reading Plane's lists found a change of which no webhook had arrived. */
  recordMissedDelivery(): void;
  /** Since when such changes have been found, while no webhook arrives; undefined while webhooks arrive. */
  getMissedSince(): Ms | undefined;
}

/** Whether the store can keep what it is given, by the results of the product's own calls and of regular probes. */
export interface StoreHealth {
  /** Why the store cannot keep what it is given; undefined while it can. Its kind is that of the notice. */
  getFailure(): { kind: NoticeKind; reason: string } | undefined;
  /** Records a failed call. A read counts only when it finds damaged data. */
  recordFailure(thrown: unknown, isWrite: boolean): void;
  /**
   * Records that a probe was written. It ends a failure unless another write has failed since the probe before it: a
   * nearly full store may accept one write and reject the next. Damage stays until a check finds none.
   */
  recordProbeSuccess(): void;
  /** Records the result of a check of the whole store; undefined: it is sound. */
  recordDamage(damage: string | undefined): void;
  /** The capacity that was read last; empty before the first time. */
  getCapacity(): StoreCapacity;
  recordCapacity(capacity: StoreCapacity): void;
}

/** The backups in BACKUP_FOLDER. */
export interface BackupState {
  /** The newest complete backup; `missing`: parts that earlier ones have and it does not. */
  newest?: { name: string; began: Ms; bytes: number; missing: readonly string[] };
  /** Since when the newest backup is that old, or there could have been one; undefined: the folder cannot be read. */
  since?: Ms;
  /** Where BACKUP_AFTER copies backups elsewhere: the last copied one, and since when there is no newer copy. */
  copies?: { last?: { name: string; began: Ms; copied: Ms }; since: Ms };
  /** The last test of a restore, where one was made; `failure`: why the backup could not be restored. */
  test?: { backup: string; tested: Ms; failure?: string };
}

/** A current notice, in the language of the settings. `since`: ISO 8601. */
export interface Notice {
  kind: NoticeKind;
  since: string;
  text: string;
  remedy: string;
}

/** What is broken: reported as often as it is observed, told to people once. */
export interface Notices {
  /**
   * Reports what is wrong, or that nothing is. `values` fill the placeholders of the notice's text and must not change
   * by themselves (a time since when, not a duration); `since`: when it began, if that is known.
   * @param subject tells notices of one kind apart: the name of an agent
   */
  report(
    kind: NoticeKind,
    problem: { values?: Readonly<Record<string, string>>; since?: Ms } | undefined,
    subject?: string,
  ): Promise<void>;
  /**
   * Records that the store works and that Plane was read at `polledAt`, and reports that the store was emptied when it
   * has another id than before, also before a restart. Returns whether it was.
   */
  recordAlive(storeId: string, polledAt: Ms | undefined): Promise<boolean>;
  /** The current notices, oldest first; also while the store does not answer. */
  readCurrent(): Promise<Notice[]>;
}
