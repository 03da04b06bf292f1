import { Gauge } from "prom-client";
import { workKeys } from "../../shared/work/context/work-keys.ts";
import { readStoredBudget } from "../../shared/work/forecast/budget.ts";
import type { KeptConfidence } from "../../shared/work/forecast/confidence.ts";
import { clearMetric } from "./clear-metric.ts";
import type { StoredMetrics, StoredMetricsOptions } from "./stored-metrics.ts";

/** Creates the gauges about the month's budget and agents' confidence, which the tick `figures` computes. */
export function createForecastGauges({ store, registry }: StoredMetricsOptions<"read">): StoredMetrics {
  const registers = [registry];
  const createBudgetGauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({
      name,
      help: `${help} At most two minutes old; absent without a budget in the settings file.`,
      labelNames,
      registers,
    });
  const budget = createBudgetGauge("groundcrew_budget", "Budget of this calendar month.");
  const spent = createBudgetGauge("groundcrew_budget_spent", "Cost of this calendar month; `source` is `agents`.", [
    "source",
  ]);
  const open = createBudgetGauge(
    "groundcrew_budget_open",
    "Estimated cost of open tasks, without what was reported for them already.",
  );
  const confidence = new Gauge({
    name: "groundcrew_confidence",
    help: "Mean confidence of an agent's finished tasks, from 0 to 1; `period` is `week` (the last 7 days), `month` (30 days) or `before`; absent without a task. At most 11 minutes old.",
    labelNames: ["agent", "period"],
    registers,
  });
  const metrics = [budget, spent, open, confidence];
  return {
    metrics,
    async update() {
      const [stored, [kept]] = await Promise.all([
        readStoredBudget({ store }),
        store.read<KeptConfidence>([workKeys.confidence]),
      ]);
      for (const gauge of metrics) clearMetric(gauge);
      if (stored) {
        budget.set(stored.amount);
        open.set(stored.open);
        for (const [source, amount] of Object.entries(stored.sources)) spent.set({ source }, amount);
      }
      for (const [agent, means] of Object.entries(kept?.value.agents ?? {})) {
        for (const [period, mean] of Object.entries({ ...means })) confidence.set({ agent, period }, mean);
      }
    },
  };
}
