import type { Counter, Gauge, Registry } from "prom-client";
import type { Store } from "../../shared/store/port.ts";

/** Metrics of one subject, whose values are read from the store at each scrape. */
export interface StoredMetrics {
  /** Cleared when the store does not answer, because their values are then unknown. */
  metrics: readonly (Counter | Gauge)[];
  /** Reads the present values. Rejects when the store does not answer. */
  update(): Promise<void>;
}

/** What the metrics of one subject are created from. */
export interface StoredMetricsOptions<Operation extends keyof Store> {
  store: Pick<Store, Operation>;
  registry: Registry;
}
