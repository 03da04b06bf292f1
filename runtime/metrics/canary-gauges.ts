import { Gauge } from "prom-client";
import { readCanary } from "../../shared/canary/canary-record.ts";
import { clearMetric } from "./clear-metric.ts";
import type { StoredMetrics, StoredMetricsOptions } from "./stored-metrics.ts";

/** Creates the gauges about the hourly check of webhooks. */
export function createCanaryGauges({ store, registry }: StoredMetricsOptions<"read">): StoredMetrics {
  const create = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ["source"], registers: [registry] });
  const seconds = create("groundcrew_canary_seconds", "Time until the webhook of the last canary arrived.");
  const silent = create(
    "groundcrew_webhooks_silent",
    "1 when the webhook of the canary did not arrive within a minute.",
  );
  return {
    metrics: [seconds, silent],
    async update() {
      const canary = await readCanary(store);
      for (const gauge of [seconds, silent]) clearMetric(gauge);
      if (canary?.back) seconds.set({ source: "plane" }, canary.back.took / 1000);
      if (canary?.sent) silent.set({ source: "plane" }, canary.silentSince === undefined ? 0 : 1);
    },
  };
}
