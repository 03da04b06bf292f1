import { Gauge } from "prom-client";
import type { QueueStats } from "../../shared/store/job-operations.ts";
import type { StoredMetrics, StoredMetricsOptions } from "./stored-metrics.ts";

/** Creates the gauges about the jobs of each queue. */
export function createQueueGauges({ store, registry }: StoredMetricsOptions<"stats" | "now">): StoredMetrics {
  const create = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ["queue"], registers: [registry] });
  const depth = create("groundcrew_queue_depth", "Jobs that are waiting or running.");
  const dead = create("groundcrew_dead_letters", "Failed jobs.");
  const age = create("groundcrew_queue_age_seconds", "Time since the oldest due job became due; 0 without a due job.");
  return {
    metrics: [depth, dead, age],
    async update() {
      const [{ queues }, now] = await Promise.all([store.stats(), store.now()]);
      for (const [queue, stats] of Object.entries<QueueStats>(queues)) {
        depth.set({ queue }, stats.pending);
        dead.set({ queue }, stats.dead);
        age.set({ queue }, stats.oldest === undefined ? 0 : Math.max(0, now - stats.oldest) / 1000);
      }
    },
  };
}
