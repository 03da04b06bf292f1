import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Deps } from "../shared/app/deps.ts";
import { readCanary } from "../shared/canary/canary-record.ts";
import { COUNTERS, type CounterName, HISTOGRAMS, type HistogramName, type Metrics } from "../shared/metrics.ts";
import type { QueueStats, Store } from "../shared/store/port.ts";
import { readAllSpending } from "../shared/work/time/spending.ts";

/** Seconds; from a kept webhook (1 ms) to a poll that uses its whole time. */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

interface PrometheusOptions {
  store: Pick<Store, "stats" | "now" | "scan" | "read">;
  /** Also the process's own memory, CPU and event loop. */
  ofProcess: boolean;
}

/** Keeps the product's metrics for Prometheus, in a registry of its own; what the store counts is read at each scrape. */
export function createPrometheusMetrics({ store, ofProcess }: PrometheusOptions): {
  metrics: Metrics;
  scrape: NonNullable<Deps["scrape"]>;
} {
  const registry = new Registry();
  const registers = [registry];
  const counters = new Map<CounterName, Counter>();
  for (const name of Object.keys(COUNTERS) as CounterName[]) {
    const { help, labels } = COUNTERS[name];
    counters.set(name, new Counter({ name, help, labelNames: labels, registers }));
  }
  const histograms = new Map<HistogramName, Histogram>();
  for (const name of Object.keys(HISTOGRAMS) as HistogramName[]) {
    const { help, labels } = HISTOGRAMS[name];
    histograms.set(name, new Histogram({ name, help, labelNames: labels, buckets: BUCKETS, registers }));
  }
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames: ["queue"], registers });
  const depth = gauge("groundcrew_queue_depth", "Jobs waiting or being worked.");
  const dead = gauge("groundcrew_dead_letters", "Jobs set aside.");
  const age = gauge(
    "groundcrew_queue_age_seconds",
    "How long the longest-waiting due job has been due; 0 when none is.",
  );
  const up = new Gauge({ name: "groundcrew_store_up", help: "1 when the store answers.", registers });
  const workOptions = { labelNames: ["agent", "project"], registers };
  const createTotal = (name: string, help: string) =>
    new Counter({ name, help: `${help} Kept in the store, so every runtime on it tells the same.`, ...workOptions });
  const time = createTotal("groundcrew_time_seconds_total", "Time of timers that were stopped.");
  const cost = createTotal("groundcrew_cost_total", "Cost as agents report it.");
  const canaryOptions = { labelNames: ["source"], registers };
  const canarySeconds = new Gauge({
    name: "groundcrew_canary_seconds",
    help: "How long the last canary's webhook took to come back.",
    ...canaryOptions,
  });
  const webhooksSilent = new Gauge({
    name: "groundcrew_webhooks_silent",
    help: "1 when the canary's webhook did not come back within a minute.",
    ...canaryOptions,
  });
  if (ofProcess) collectDefaultMetrics({ register: registry });

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
    for (const counter of [time, cost]) counter.reset();
    for (const { agent, project, ...one } of workTotals) {
      time.inc({ agent, project }, one.ms / 1000);
      cost.inc({ agent, project }, one.cost);
    }
  }

  async function updateCanaryGauges() {
    const canary = await readCanary(store);
    for (const gauge of [canarySeconds, webhooksSilent]) gauge.reset();
    if (canary?.back) canarySeconds.set({ source: "plane" }, canary.back.took / 1000);
    if (canary?.sent) webhooksSilent.set({ source: "plane" }, canary.silentSince === undefined ? 0 : 1);
  }

  return {
    metrics: {
      count: (name, labels = {}, by = 1) => counters.get(name)?.inc(labels, by),
      observe: (name, seconds, labels = {}) => histograms.get(name)?.observe(labels, seconds),
    },
    async scrape() {
      const isUp = await Promise.all([updateQueueGauges(), updateWorkCounters(), updateCanaryGauges()]).then(
        () => true,
        () => false,
      );
      up.set(isUp ? 1 : 0);
      if (!isUp) for (const unknown of [depth, dead, age, time, cost, canarySeconds, webhooksSilent]) unknown.reset();
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}
