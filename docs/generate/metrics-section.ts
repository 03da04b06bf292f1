import { z } from "zod";
import { createPrometheusMetrics } from "../../runtime/metrics/prometheus-metrics.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { escapeProse, renderCode, renderTable } from "./markdown.ts";

/** Fields of prom-client's metrics, of which its types name only some. */
const metricSchema = z.object({
  name: z.string(),
  type: z.enum(["counter", "gauge", "histogram"]),
  labelNames: z.array(z.string()),
  help: z.string(),
});

/** All metrics of `GET /metrics` in the order of their names, with the help that Prometheus shows. */
export function renderMetrics(): string {
  const { registry } = createPrometheusMetrics({
    store: createMemoryStore({ clock: () => 0 }),
    storeHealth: { getFailure: () => undefined },
    processMetrics: false,
  });
  const rows = z
    .array(metricSchema)
    .parse(registry.getMetricsAsArray())
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labelNames, help }) => [renderCode(name), type, labelNames.join(", "), escapeProse(help)]);
  return renderTable(["Metric", "Type", "Labels", "Meaning"], rows);
}
