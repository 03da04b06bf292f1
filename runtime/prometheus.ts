import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Deps } from "../shared/app/deps.ts";
import { readLongHolds } from "../shared/app/long-holds.ts";
import type { StoreHealth } from "../shared/app/store-health.ts";
import { readCanary } from "../shared/canary/canary-record.ts";
import type { PlaneSettings } from "../shared/config/settings.ts";
import { COUNTERS, type CounterName, HISTOGRAMS, type HistogramName, type Metrics } from "../shared/metrics.ts";
import type { QueueStats } from "../shared/store/job-operations.ts";
import type { Store } from "../shared/store/port.ts";
import type { ClaimLossReason } from "../shared/task/events.ts";
import { countTickets } from "../shared/tickets/read-tickets.ts";
import { workKeys } from "../shared/work/context/work-keys.ts";
import { readStoredBudget } from "../shared/work/forecast/budget.ts";
import type { KeptConfidence } from "../shared/work/forecast/confidence.ts";
import { readAllSpending } from "../shared/work/time/spending.ts";
import { createBackupGauges } from "./backup-gauges.ts";
import { clearMetric } from "./clear-metric.ts";
import { createPlaneGauges } from "./plane-gauges.ts";

const CLAIM_END_REASONS: readonly (ClaimLossReason | "finished")[] = [
  "expired",
  "finished",
  "moved",
  "reassigned",
  "stopped",
];

/** Histogram buckets in seconds: from storing a webhook (1 ms) to a poll that uses its whole time (300 s). */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

interface PrometheusOptions {
  store: Pick<Store, "stats" | "now" | "scan" | "read" | "readCapacity" | "listHolds" | "count" | "countSpent">;
  storeHealth: Pick<StoreHealth, "getWriteFailure">;
  /** Plane's present settings, for its quota. Default: none. */
  getPlaneSettings?: () => PlaneSettings | undefined;
  /** Also export the process's own memory, CPU and event loop. */
  processMetrics: boolean;
  /** BACKUP_FOLDER. */
  backupFolder?: string;
  /** Default: the machine's clock. */
  clock?: () => number;
}

/** Creates the product's metrics in a separate Prometheus registry. Values that the store counts are read at each scrape. */
export function createPrometheusMetrics(options: PrometheusOptions): {
  metrics: Metrics;
  scrape: NonNullable<Deps["scrape"]>;
} {
  const { store, storeHealth, processMetrics, getPlaneSettings = () => undefined, clock = Date.now } = options;
  const registry = new Registry();
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
  const backupGauges = createBackupGauges({ folder: options.backupFolder, clock, registry });
  const planeGauges = createPlaneGauges({ store, getPlaneSettings, registry });
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames: ["queue"], registers });
  const depth = gauge("groundcrew_queue_depth", "Jobs that wait or are being worked.");
  const dead = gauge("groundcrew_dead_letters", "Failed jobs in dead letters.");
  const age = gauge(
    "groundcrew_queue_age_seconds",
    "Time for which the oldest due job has been due; 0 when no job is due.",
  );
  const up = new Gauge({
    name: "groundcrew_store_up",
    help: "1 when the store answers and can be written.",
    registers,
  });
  const capacityOptions = { labelNames: ["engine"], registers };
  const memoryRatio = new Gauge({
    name: "groundcrew_store_memory_used_ratio",
    help: "Used share of the store's memory limit (Redis' maxmemory), from 0 to 1.",
    ...capacityOptions,
  });
  const diskFree = new Gauge({
    name: "groundcrew_store_disk_free_bytes",
    help: "Free space of the file system that contains the embedded store.",
    ...capacityOptions,
  });
  const holdSeconds = new Gauge({
    name: "groundcrew_hold_seconds",
    help: "Time for which a rate limit still stops all requests to a system; 0 unless it is longer than 2 minutes in all.",
    labelNames: ["system"],
    registers,
  });
  const workOptions = { labelNames: ["agent", "project"], registers };
  const createTotal = (name: string, help: string) =>
    new Counter({
      name,
      help: `${help} Read from the store, so every runtime on it reports the same.`,
      ...workOptions,
    });
  const time = createTotal("groundcrew_time_seconds_total", "Time of stopped timers.");
  const cost = createTotal("groundcrew_cost_total", "Cost reported by agents.");
  const budgetGauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help: `${help} At most two minutes old; absent without a budget.`, labelNames, registers });
  const budgetGauges = {
    amount: budgetGauge("groundcrew_budget", "Budget of this calendar month."),
    spent: budgetGauge("groundcrew_budget_spent", "Cost of this calendar month.", ["source"]),
    open: budgetGauge("groundcrew_budget_open", "Estimated cost of open tasks, without what is spent on them already."),
  };
  const confidence = new Gauge({
    name: "groundcrew_confidence",
    help: "Mean confidence of an agent's finished tasks of a period, from 0 to 1. At most 11 minutes old.",
    labelNames: ["agent", "period"],
    registers,
  });
  const ticketGauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const pendingTickets = ticketGauge("plane_pending_tickets", "Tickets that wait for approval.");
  const activeSessions = ticketGauge("plane_active_sessions", "Approved tickets whose session is not over.");
  const completedTickets = ticketGauge("plane_completed_tickets", "Tickets with a result, of the last 30 days.");
  const canaryOptions = { labelNames: ["source"], registers };
  const canarySeconds = new Gauge({
    name: "groundcrew_canary_seconds",
    help: "Time that the webhook of the last canary took to arrive.",
    ...canaryOptions,
  });
  const webhooksSilent = new Gauge({
    name: "groundcrew_webhooks_silent",
    help: "1 when the webhook of the canary did not arrive within a minute.",
    ...canaryOptions,
  });
  if (processMetrics) collectDefaultMetrics({ register: registry });

  async function updateQueueGauges() {
    const [{ queues }, now] = await Promise.all([store.stats(), store.now()]);
    for (const [queue, stats] of Object.entries<QueueStats>(queues)) {
      depth.set({ queue }, stats.pending);
      dead.set({ queue }, stats.dead);
      age.set({ queue }, stats.oldest === undefined ? 0 : Math.max(0, now - stats.oldest) / 1000);
    }
  }

  async function updateWorkCounters() {
    const workTotals = await readAllSpending(store);
    for (const counter of [time, cost]) clearMetric(counter);
    for (const { agent, project, ...total } of workTotals) {
      time.inc({ agent, project }, total.ms / 1000);
      cost.inc({ agent, project }, total.cost);
    }
  }

  async function updateFigureGauges() {
    const [budget, [kept]] = await Promise.all([
      readStoredBudget({ store }),
      store.read<KeptConfidence>([workKeys.confidence]),
    ]);
    for (const gauge of [...Object.values(budgetGauges), confidence]) clearMetric(gauge);
    if (budget) {
      budgetGauges.amount.set(budget.amount);
      budgetGauges.open.set(budget.open);
      for (const [source, amount] of Object.entries(budget.sources)) budgetGauges.spent.set({ source }, amount);
    }
    for (const [agent, means] of Object.entries(kept?.value.agents ?? {})) {
      for (const [period, mean] of Object.entries({ ...means })) confidence.set({ agent, period }, mean);
    }
  }

  async function updateTicketGauges() {
    const { pending, active, completed } = await countTickets(store);
    pendingTickets.set(pending);
    activeSessions.set(active);
    completedTickets.set(completed);
  }

  async function updateCanaryGauges() {
    const canary = await readCanary(store);
    for (const gauge of [canarySeconds, webhooksSilent]) clearMetric(gauge);
    if (canary?.back) canarySeconds.set({ source: "plane" }, canary.back.took / 1000);
    if (canary?.sent) webhooksSilent.set({ source: "plane" }, canary.silentSince === undefined ? 0 : 1);
  }

  async function updateCapacityGauges() {
    for (const gauge of [memoryRatio, diskFree]) clearMetric(gauge);
    const { memory, disk } = await store.readCapacity();
    if (memory) memoryRatio.set({ engine: "redis" }, memory.used / memory.limit);
    if (disk) diskFree.set({ engine: "file" }, disk.free);
  }

  async function updateHoldGauge() {
    const { plane = 0, telegram = 0 } = await readLongHolds(store);
    holdSeconds.set({ system: "plane" }, plane / 1000);
    holdSeconds.set({ system: "telegram" }, telegram / 1000);
  }

  return {
    metrics: {
      count: (name, labels = {}, by = 1) => counters.get(name)?.inc(labels, by),
      observe: (name, seconds, labels = {}) => histograms.get(name)?.observe(labels, seconds),
    },
    async scrape() {
      backupGauges.update();
      const updates = [
        updateQueueGauges(),
        updateWorkCounters(),
        updateCanaryGauges(),
        updateHoldGauge(),
        updateFigureGauges(),
        updateTicketGauges(),
        planeGauges.update(),
      ];
      // All have ended before unknown values are removed, so that none comes back afterwards.
      const isAnswering = (await Promise.allSettled(updates)).every(({ status }) => status === "fulfilled");
      up.set(isAnswering && storeHealth.getWriteFailure() === undefined ? 1 : 0);
      // A store whose capacity is unknown may still work, for example a Redis that does not allow INFO.
      await updateCapacityGauges().catch(() => {});
      if (!isAnswering)
        for (const unknown of [
          ...[depth, dead, age, time, cost, canarySeconds, webhooksSilent, holdSeconds, confidence],
          ...[...Object.values(budgetGauges), ...planeGauges.gauges],
          ...[pendingTickets, activeSessions, completedTickets],
        ])
          clearMetric(unknown);
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}
