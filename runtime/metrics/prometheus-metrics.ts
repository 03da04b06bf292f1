/**
 * The measurements of `/metrics`: counters and histograms of events, which the product records while it works, and
 * tables of gauges, whose values are read at each scrape from the store's records, the store itself, and the backups.
 */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { readAllSpending } from "../../shared/accounting/spending.ts";
import type { BackupState, Deps, StoreHealth } from "../../shared/app/deps.ts";
import { readLongPauses } from "../../shared/app/health.ts";
import type { PlaneSettings } from "../../shared/config/settings.ts";
import { COUNTERS, type CounterName, HISTOGRAMS, type HistogramName, type Metrics } from "../../shared/metrics.ts";
import { readCanary } from "../../shared/monitoring/canary.ts";
import { NOTICE_KINDS } from "../../shared/notice-kinds.ts";
import type { NoticeRecord } from "../../shared/notices/notice-record.ts";
import {
  createLocalNotices,
  type LocalNotices,
  readCurrentNotices,
  readPlaneProblem,
} from "../../shared/notices/notices.ts";
import { readQuotaLeft } from "../../shared/plane/quota.ts";
import { workKeys } from "../../shared/records/store-keys.ts";
import { ACTIVE_TICKET_STATES } from "../../shared/records/task-records.ts";
import type { Store } from "../../shared/store/port.ts";
import type { ClaimLossReason } from "../../shared/task/events.ts";
import { isRequestOpen } from "../../shared/task/request.ts";
import { type ConfidenceRecord, readStoredBudget } from "../../shared/tasks/forecast.ts";
import { readTaskTotals } from "../../shared/tasks/task-counts.ts";
import type { UpdateResult } from "../../shared/tickets/completion.ts";
import { readRunners } from "../../shared/tickets/runners.ts";
import { countTickets, readTickets } from "../../shared/tickets/stored-tickets.ts";
import type { Ticket, TicketState } from "../../shared/tickets/ticket.ts";
import type { Ms } from "../../shared/time.ts";

interface PrometheusOptions {
  store: Pick<Store, "stats" | "now" | "scan" | "read" | "readCapacity" | "listPauses" | "count" | "countConsumed">;
  storeHealth: Pick<StoreHealth, "getFailure">;
  /** The notices that are kept outside the store. Default: none. */
  localNotices?: LocalNotices;
  /** Plane's present settings, for its quota. Default: none. */
  getPlaneSettings?: () => PlaneSettings | undefined;
  /** `tickets.max_sessions`; undefined without tickets. */
  maxSessions?: number | undefined;
  /** Also export the process's own memory, CPU and event loop. */
  processMetrics: boolean;
  /** Absent where backups are not configured. */
  readBackups?: () => BackupState;
  /** Default: the machine's clock. */
  clock?: () => number;
}

/** A metric whose values come from what was read for a scrape: its name, its help, the names of its labels, its values. */
interface ScrapedMetric<Source> {
  name: string;
  help: string;
  labels?: string[];
  type?: typeof Counter | typeof Gauge;
  read(source: Source): Sample[];
}

/** A value with its labels. One that is undefined is absent. */
type Sample = [value: number | undefined, labels?: Record<string, string>];

type StoreRecords = Awaited<ReturnType<typeof readRecords>> & Pick<PrometheusOptions, "maxSessions">;

/** What is known of the store itself, also while it does not answer. */
interface StoreState {
  isUp: boolean;
  capacity: Awaited<ReturnType<Store["readCapacity"]>> | undefined;
}

type Backups = BackupState & { now: Ms };

const CLAIM_END_REASONS: readonly (ClaimLossReason | "finished")[] = [
  "expired",
  "finished",
  "moved",
  "reassigned",
  "stopped",
];

const UPDATE_STATUSES: readonly UpdateResult["status"][] = ["success", "failed_comment", "failed_state"];

/** States of tickets that wait or run; in the others nothing is left to do. */
const OPEN_STATES: readonly TicketState[] = ["pending", ...ACTIVE_TICKET_STATES, "completed", "updating"];

/** What a ticket waits for: three decisions of a person, and its runner. */
const WAIT_KINDS = ["approval", "question", "result", "runner"] as const;

/** Histogram buckets in seconds: from storing a webhook (1 ms) to a poll that uses its whole time (300 s). */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** The value of the label `key` for the API key of Groundcrew itself; the others are the agents' names. */
const SYSTEM_KEY = "groundcrew";

const TASKS_AGE = "At most three minutes old.";

const BUDGET_AGE = "At most two minutes old; absent without a budget in the settings file.";

const SPENDING_SOURCE = "Read from the store, so every runtime on it reports the same.";

/** Metrics that are read from records. Names that begin with `plane_` are those that other orchestrators' dashboards expect. */
const RECORD_METRICS: readonly ScrapedMetric<StoreRecords>[] = [
  {
    name: "groundcrew_queue_depth",
    help: "Jobs that are waiting or running.",
    labels: ["queue"],
    read: ({ queues }) => queues.map(([queue, { pending }]) => [pending, { queue }]),
  },
  {
    name: "groundcrew_dead_letters",
    help: "Failed jobs.",
    labels: ["queue"],
    read: ({ queues }) => queues.map(([queue, { dead }]) => [dead, { queue }]),
  },
  {
    name: "groundcrew_queue_age_seconds",
    help: "Time since the oldest due job became due; 0 without a due job.",
    labels: ["queue"],
    read: ({ queues, now }) => queues.map(([queue, { oldest = now }]) => [toAge(oldest, now), { queue }]),
  },
  {
    name: "groundcrew_plane_up",
    help: "1 when Plane answers and accepts the key, as the last checks and polls found, else 0.",
    read: ({ plane, planeProblem }) => (plane ? [[planeProblem ? 0 : 1]] : []),
  },
  {
    name: "groundcrew_plane_quota",
    help: "Requests a minute that Groundcrew sends with an API key at most (`PLANE_RATE_LIMIT`); `key` is `groundcrew` or the agent.",
    labels: ["key"],
    read: ({ plane, quotas }) => quotas.map(({ key }) => [plane?.rateLimit, { key }]),
  },
  {
    name: "groundcrew_plane_quota_left",
    help: "Requests that an API key has left of this minute; 0 while a rate limit of Plane holds.",
    labels: ["key"],
    read: ({ quotas }) => quotas.map(({ key, left }) => [left, { key }]),
  },
  {
    name: "groundcrew_tasks",
    help: `Tasks by status: \`todo\`, \`in_progress\`, \`blocked\`, \`in_review\`, and \`closed\` (done or cancelled). ${TASKS_AGE}`,
    labels: ["project", "status"],
    read: ({ totals }) => (totals?.projects ?? []).map(({ count, ...labels }) => [count, labels]),
  },
  {
    name: "groundcrew_agent_tasks",
    help: `Open tasks of an agent; a task of two agents counts for both. ${TASKS_AGE}`,
    labels: ["agent", "project", "status"],
    read: ({ totals }) => (totals?.agents ?? []).map(({ count, ...labels }) => [count, labels]),
  },
  {
    name: "groundcrew_hold_seconds",
    help: "Time for which a rate limit of `plane` or `telegram` still stops all requests; 0 for a hold of 2 minutes or less.",
    labels: ["system"],
    read: ({ holds }) => (["plane", "telegram"] as const).map((system) => [(holds[system] ?? 0) / 1000, { system }]),
  },
  {
    name: "groundcrew_canary_seconds",
    help: "Time until the webhook of the last canary arrived.",
    labels: ["source"],
    read: ({ canary }) => (canary?.lastArrival ? [[canary.lastArrival.durationMs / 1000, { source: "plane" }]] : []),
  },
  {
    name: "groundcrew_webhooks_silent",
    help: "1 when the webhook of the canary did not arrive within a minute.",
    labels: ["source"],
    read: ({ canary }) => (canary?.lastEdit ? [[canary.silentSince === undefined ? 0 : 1, { source: "plane" }]] : []),
  },
  {
    name: "groundcrew_time_seconds_total",
    help: `Time of stopped timers. ${SPENDING_SOURCE}`,
    labels: ["agent", "project"],
    type: Counter,
    read: ({ spending }) => spending.map(({ agent, project, ms }) => [ms / 1000, { agent, project }]),
  },
  {
    name: "groundcrew_cost_total",
    help: `Cost as agents report it. ${SPENDING_SOURCE}`,
    labels: ["agent", "project"],
    type: Counter,
    read: ({ spending }) => spending.map(({ agent, project, cost }) => [cost, { agent, project }]),
  },
  {
    name: "groundcrew_budget",
    help: `Budget of this calendar month. ${BUDGET_AGE}`,
    read: ({ budget }) => [[budget?.amount]],
  },
  {
    name: "groundcrew_budget_spent",
    help: `Cost of this calendar month; \`source\` is \`agents\`. ${BUDGET_AGE}`,
    labels: ["source"],
    read: ({ budget }) => Object.entries(budget?.sources ?? {}).map(([source, amount]) => [amount, { source }]),
  },
  {
    name: "groundcrew_budget_open",
    help: `Estimated cost of open tasks, without what was reported for them already. ${BUDGET_AGE}`,
    read: ({ budget }) => [[budget?.open]],
  },
  {
    name: "groundcrew_confidence",
    help: "Mean confidence of an agent's finished tasks, from 0 to 1; `period` is `week` (the last 7 days), `month` (30 days) or `before`; absent without a task. At most 11 minutes old.",
    labels: ["agent", "period"],
    read: ({ confidence }) =>
      Object.entries(confidence?.value.agents ?? {}).flatMap(([agent, means]) =>
        Object.entries({ ...means }).map(([period, mean]): Sample => [mean, { agent, period }]),
      ),
  },
  {
    name: "plane_pending_tickets",
    help: "Tickets that wait for approval.",
    read: ({ tickets }) => [[tickets.pending]],
  },
  {
    name: "plane_active_sessions",
    help: "Approved tickets whose session is not over.",
    read: ({ tickets }) => [[tickets.active]],
  },
  {
    name: "plane_completed_tickets",
    help: "Tickets with a result that waits for its update of Plane.",
    read: ({ tickets }) => [[tickets.completed]],
  },
  {
    name: "groundcrew_ticket_runners",
    help: "Runners that are connected, so that approved tickets can run.",
    read: ({ runners }) => [[runners.length]],
  },
  {
    name: "groundcrew_tickets",
    help: "Open tickets by state; `completed` waits for the approval of its result.",
    labels: ["state"],
    read: ({ openTickets }) =>
      OPEN_STATES.map((state) => [openTickets.filter((ticket) => ticket.state === state).length, { state }]),
  },
  {
    name: "groundcrew_ticket_wait_seconds",
    help: "Time for which the ticket has waited that waits longest; `kind` is `approval`, `question` or `result` (a person decides), or `runner`; 0 without one.",
    labels: ["kind"],
    read: ({ openTickets, now }) =>
      WAIT_KINDS.map((kind) => [
        Math.max(0, ...openTickets.flatMap((ticket) => listWaits(ticket)[kind] ?? []).map((at) => toAge(at, now))),
        { kind },
      ]),
  },
  {
    name: "groundcrew_runner_sessions",
    help: "Sessions that a runner should have now; also of a runner that is away.",
    labels: ["runner"],
    read: ({ openTickets, runners }) => countSessions(openTickets, runners),
  },
  {
    name: "groundcrew_sessions_limit",
    help: "Sessions that may run at once (`tickets.max_sessions`); absent without tickets.",
    read: ({ maxSessions }) => [[maxSessions]],
  },
  {
    name: "groundcrew_session_failures",
    help: "Failures in a row of the ticket whose session has failed most often; 0 when none has, or when it has worked since.",
    read: ({ openTickets }) => [[Math.max(0, ...openTickets.map(({ wanted, failures }) => (wanted ? failures : 0)))]],
  },
];

const STORE_METRICS: readonly ScrapedMetric<StoreState>[] = [
  {
    name: "groundcrew_store_up",
    help: "1 when the store answers and can be written.",
    read: ({ isUp }) => [[isUp ? 1 : 0]],
  },
  {
    name: "groundcrew_store_memory_used_ratio",
    help: "Used share of Redis' `maxmemory`, from 0 to 1; absent without a limit.",
    labels: ["engine"],
    read: ({ capacity: { memory } = {} }) => [[memory && memory.used / memory.limit, { engine: "redis" }]],
  },
  {
    name: "groundcrew_store_disk_free_bytes",
    help: "Free space of the disk with the embedded store; absent with Redis.",
    labels: ["engine"],
    read: ({ capacity: { disk } = {} }) => [[disk?.free, { engine: "file" }]],
  },
];

const NOTICE_METRICS: readonly ScrapedMetric<readonly NoticeRecord[]>[] = [
  {
    name: "groundcrew_notice",
    help: "Number of current operational notices of a kind; 0 for each kind without one.",
    labels: ["kind"],
    read: (notices) =>
      Object.keys(NOTICE_KINDS).map((kind) => [notices.filter((notice) => notice.kind === kind).length, { kind }]),
  },
];

const BACKUP_METRICS: readonly ScrapedMetric<Backups>[] = [
  {
    name: "groundcrew_backup_age_seconds",
    help: "Age of the newest backup in `BACKUP_FOLDER`, or of the folder while there is none; `+Inf` when it cannot be read; absent without `BACKUP_FOLDER`.",
    read: ({ since, now }) => [[toAge(since, now)]],
  },
  {
    name: "groundcrew_backup_size_bytes",
    help: "Size of the newest backup in `BACKUP_FOLDER`.",
    read: ({ newest }) => [[newest?.bytes]],
  },
  {
    name: "groundcrew_backup_copy_age_seconds",
    help: "Age of the last backup in `BACKUP_FOLDER` that `BACKUP_AFTER` has copied elsewhere; `+Inf` when it has never succeeded; absent when the last backup was made without `BACKUP_AFTER`.",
    read: ({ copies, now }) => [[copies && toAge(copies.last?.began, now)]],
  },
];

/** Since when a ticket waits, and for what. */
function listWaits({ state, requestedAt, approval, completion, questions }: Ticket) {
  const question = questions.find(isRequestOpen)?.createdAt;
  return {
    approval: state === "pending" ? requestedAt : undefined,
    question,
    result: state === "completed" || state === "updating" ? completion?.at : undefined,
    runner: state === "approved" ? approval?.at : undefined,
  };
}

/** Counts the sessions of each runner that is connected or has some. */
function countSessions(tickets: readonly Ticket[], runners: readonly { name: string }[]): Sample[] {
  const counts = new Map(runners.map(({ name }) => [name, 0]));
  for (const { placed, state, wanted } of tickets)
    if (placed !== undefined && wanted && state !== "approved") counts.set(placed, (counts.get(placed) ?? 0) + 1);
  return [...counts].map(([runner, count]) => [count, { runner }]);
}

/** Seconds since a time; infinitely many since one that never was. */
function toAge(at: Ms | undefined, now: Ms): number {
  return at === undefined ? Number.POSITIVE_INFINITY : Math.max(0, now - at) / 1000;
}

/** Creates the product's metrics in a separate Prometheus registry. Values that the store counts are read at each scrape. */
export function createPrometheusMetrics(options: PrometheusOptions): {
  metrics: Metrics;
  scrape: NonNullable<Deps["scrape"]>;
  registry: Registry;
} {
  const {
    store,
    storeHealth,
    localNotices = createLocalNotices(),
    getPlaneSettings = () => undefined,
    maxSessions,
    readBackups,
  } = options;
  const { clock = Date.now } = options;
  const registry = new Registry();
  const metrics = createEventMetrics(registry);
  const setRecordMetrics = createScrapedMetrics(registry, RECORD_METRICS);
  const setStoreMetrics = createScrapedMetrics(registry, STORE_METRICS);
  const setNoticeMetrics = createScrapedMetrics(registry, NOTICE_METRICS);
  const setBackupMetrics = createScrapedMetrics(registry, BACKUP_METRICS);
  if (options.processMetrics) collectDefaultMetrics({ register: registry });

  return {
    registry,
    metrics,
    async scrape() {
      setNoticeMetrics(await readCurrentNotices(store, localNotices));
      setBackupMetrics(readBackups && { ...readBackups(), now: clock() });
      const records = await readRecords(store, getPlaneSettings()).catch(() => undefined);
      setRecordMetrics(records && { ...records, maxSessions });
      const isUp = records !== undefined && storeHealth.getFailure() === undefined;
      // A store whose capacity is unknown may still work, for example a Redis that does not allow INFO.
      setStoreMetrics({ isUp, capacity: await store.readCapacity().catch(() => undefined) });
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}

/** Creates the counters and histograms that the product records while it works. */
function createEventMetrics(registry: Registry): Metrics {
  const registers = [registry];
  const counters = new Map<CounterName, Counter>();
  for (const name of Object.keys(COUNTERS) as CounterName[]) {
    const { help, labels } = COUNTERS[name];
    counters.set(name, new Counter({ name, help, labelNames: labels, registers }));
  }
  const histograms = new Map<HistogramName, Histogram>();
  for (const name of Object.keys(HISTOGRAMS) as HistogramName[]) {
    const definition = HISTOGRAMS[name];
    const { help, labels } = definition;
    const buckets = "buckets" in definition ? [...definition.buckets] : BUCKETS;
    histograms.set(name, new Histogram({ name, help, labelNames: labels, buckets, registers }));
  }
  // From the beginning, because an increase is seen only between two values.
  for (const reason of CLAIM_END_REASONS) counters.get("groundcrew_claims_ended_total")?.inc({ reason }, 0);
  for (const status of UPDATE_STATUSES) counters.get("plane_updates_total")?.inc({ status }, 0);
  for (const source of ["plane", "telegram"])
    for (const outcome of ["kept", "unauthorized"])
      counters.get("groundcrew_webhooks_total")?.inc({ source, outcome }, 0);
  for (const outcome of ["ok", "error"]) counters.get("groundcrew_ticks_total")?.inc({ tick: "poll", outcome }, 0);
  for (const outcome of ["ok", "failed"]) histograms.get("groundcrew_spawned_run_duration_seconds")?.zero({ outcome });
  return {
    count: (name, labels = {}, by = 1) => counters.get(name)?.inc(labels, by),
    observe: (name, seconds, labels = {}) => histograms.get(name)?.observe(labels, seconds),
  };
}

/** Creates the metrics of a table. The returned function replaces all their values; without a source they are absent. */
function createScrapedMetrics<Source>(registry: Registry, table: readonly ScrapedMetric<Source>[]) {
  const metrics = table.map(({ name, help, labels = [], type: Metric = Gauge, read }) => ({
    metric: new Metric({ name, help, labelNames: labels, registers: [registry] }),
    read,
  }));
  return (source: Source | undefined) => {
    for (const { metric, read } of metrics) {
      // An unknown value is absent, while prom-client's own reset means 0 where there is no label.
      metric.reset();
      metric.remove({});
      for (const [value, labels = {}] of source === undefined ? [] : read(source))
        if (value !== undefined) metric.inc(labels, value);
    }
  };
}

/** Reads what RECORD_METRICS show. Rejects when the store does not answer. */
async function readRecords(store: PrometheusOptions["store"], plane: PlaneSettings | undefined) {
  const [
    { queues },
    now,
    planeProblem,
    totals,
    quotas,
    holds,
    canary,
    spending,
    budget,
    [confidence],
    ...ticketRecords
  ] = await Promise.all([
    store.stats(),
    store.now(),
    readPlaneProblem(store),
    readTaskTotals(store),
    plane ? readQuotas(store, plane) : [],
    readLongPauses(store),
    readCanary(store),
    readAllSpending(store),
    readStoredBudget({ store }),
    store.read<ConfidenceRecord>([workKeys.confidence]),
    countTickets(store),
    readRunners(store),
    readTickets({ store }, OPEN_STATES),
  ]);
  const [tickets, runners, openTickets] = ticketRecords;
  return {
    queues: Object.entries(queues),
    ...{ now, plane, planeProblem, totals, quotas, holds, canary, spending, budget, confidence },
    ...{ tickets, runners, openTickets },
  };
}

function readQuotas(
  store: PrometheusOptions["store"],
  { apiKey, agentKeys, rateLimit: limit }: PlaneSettings,
): Promise<{ key: string; left: number }[]> {
  const keys = Object.entries({ ...agentKeys, [SYSTEM_KEY]: apiKey });
  return Promise.all(keys.map(async ([key, apiKey]) => ({ key, left: await readQuotaLeft(store, { apiKey, limit }) })));
}
