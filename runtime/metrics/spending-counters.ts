import { Counter } from "prom-client";
import { readAllSpending } from "../../shared/work/time/spending.ts";
import { clearMetric } from "./clear-metric.ts";
import type { StoredMetrics, StoredMetricsOptions } from "./stored-metrics.ts";

/** Creates the counters of agents' time and cost. */
export function createSpendingCounters({ store, registry }: StoredMetricsOptions<"scan">): StoredMetrics {
  const create = (name: string, help: string) =>
    new Counter({
      name,
      help: `${help} Read from the store, so every runtime on it reports the same.`,
      labelNames: ["agent", "project"],
      registers: [registry],
    });
  const time = create("groundcrew_time_seconds_total", "Time of stopped timers.");
  const cost = create("groundcrew_cost_total", "Cost as agents report it.");
  return {
    metrics: [time, cost],
    async update() {
      const totals = await readAllSpending(store);
      for (const counter of [time, cost]) clearMetric(counter);
      for (const { agent, project, ...total } of totals) {
        time.inc({ agent, project }, total.ms / 1000);
        cost.inc({ agent, project }, total.cost);
      }
    },
  };
}
