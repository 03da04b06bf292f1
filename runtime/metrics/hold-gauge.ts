import { Gauge } from "prom-client";
import { readLongHolds } from "../../shared/app/long-holds.ts";
import type { StoredMetrics, StoredMetricsOptions } from "./stored-metrics.ts";

/** Creates the gauge about rate limits that stop all requests to a system for long. */
export function createHoldGauge({
  store,
  registry,
}: StoredMetricsOptions<"now" | "listHolds" | "read">): StoredMetrics {
  const holdSeconds = new Gauge({
    name: "groundcrew_hold_seconds",
    help: "Time for which a rate limit of `plane` or `telegram` still stops all requests; 0 for a hold of 2 minutes or less.",
    labelNames: ["system"],
    registers: [registry],
  });
  return {
    metrics: [holdSeconds],
    async update() {
      const { plane = 0, telegram = 0 } = await readLongHolds(store);
      holdSeconds.set({ system: "plane" }, plane / 1000);
      holdSeconds.set({ system: "telegram" }, telegram / 1000);
    },
  };
}
