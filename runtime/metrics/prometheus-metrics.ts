import { collectDefaultMetrics, Registry } from "prom-client";
import type { Deps } from "../../shared/app/deps.ts";
import type { StoreHealth } from "../../shared/app/store-health.ts";
import type { PlaneSettings } from "../../shared/config/settings.ts";
import type { Metrics } from "../../shared/metrics.ts";
import type { Store } from "../../shared/store/port.ts";
import { createBackupGauges } from "./backup-gauges.ts";
import { createCanaryGauges } from "./canary-gauges.ts";
import { clearMetric } from "./clear-metric.ts";
import { createEventMetrics } from "./event-metrics.ts";
import { createForecastGauges } from "./forecast-gauges.ts";
import { createHoldGauge } from "./hold-gauge.ts";
import { createPlaneGauges } from "./plane-gauges.ts";
import { createQueueGauges } from "./queue-gauges.ts";
import { createSpendingCounters } from "./spending-counters.ts";
import { createStoreGauges } from "./store-gauges.ts";
import { createTicketGauges } from "./ticket-gauges.ts";

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
  registry: Registry;
} {
  const { store, storeHealth, getPlaneSettings = () => undefined, clock = Date.now } = options;
  const registry = new Registry();
  const metrics = createEventMetrics(registry);
  const subject = { store, registry };
  const stored = [
    createQueueGauges(subject),
    createPlaneGauges({ ...subject, getPlaneSettings }),
    createHoldGauge(subject),
    createCanaryGauges(subject),
    createSpendingCounters(subject),
    createForecastGauges(subject),
    createTicketGauges(subject),
  ];
  const storeGauges = createStoreGauges(subject);
  const backupGauges = createBackupGauges({ folder: options.backupFolder, clock, registry });
  if (options.processMetrics) collectDefaultMetrics({ register: registry });

  return {
    registry,
    metrics,
    async scrape() {
      backupGauges.update();
      // All have ended before unknown values are removed, so that none comes back afterwards.
      const updates = await Promise.allSettled(stored.map(({ update }) => update()));
      const isAnswering = updates.every(({ status }) => status === "fulfilled");
      await storeGauges.update(isAnswering && storeHealth.getWriteFailure() === undefined);
      if (!isAnswering) for (const metric of stored.flatMap((one) => one.metrics)) clearMetric(metric);
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}
