import type { Counter, Gauge } from "prom-client";

/** Removes all values of a metric: an unknown value is absent, while prom-client's own reset means 0 where there is no label. */
export function clearMetric(metric: Counter | Gauge): void {
  metric.reset();
  metric.remove({});
}
