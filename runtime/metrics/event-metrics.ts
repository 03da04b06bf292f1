import { Counter, Histogram, type Registry } from "prom-client";
import { COUNTERS, type CounterName, HISTOGRAMS, type HistogramName, type Metrics } from "../../shared/metrics.ts";
import type { ClaimLossReason } from "../../shared/task/events.ts";

const CLAIM_END_REASONS: readonly (ClaimLossReason | "finished")[] = [
  "expired",
  "finished",
  "moved",
  "reassigned",
  "stopped",
];

/** Histogram buckets in seconds: from storing a webhook (1 ms) to a poll that uses its whole time (300 s). */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** Creates the counters and histograms that the product records while it works. */
export function createEventMetrics(registry: Registry): Metrics {
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
  return {
    count: (name, labels = {}, by = 1) => counters.get(name)?.inc(labels, by),
    observe: (name, seconds, labels = {}) => histograms.get(name)?.observe(labels, seconds),
  };
}
