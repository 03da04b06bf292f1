import { Gauge } from "prom-client";
import type { PlaneSettings } from "../../shared/config/settings.ts";
import { readOutage } from "../../shared/outage/outage-record.ts";
import { readQuotaLeft } from "../../shared/plane/quota.ts";
import { readTaskTotals } from "../../shared/work/tasks/task-totals.ts";
import { clearMetric } from "./clear-metric.ts";
import type { StoredMetrics, StoredMetricsOptions } from "./stored-metrics.ts";

/** The value of the label `key` for the API key of Groundcrew itself; the others are the agents' names. */
const SYSTEM_KEY = "groundcrew";

interface PlaneGaugesOptions extends StoredMetricsOptions<"read" | "now" | "listHolds" | "countSpent"> {
  /** Plane's present settings; undefined where there are none. */
  getPlaneSettings: () => PlaneSettings | undefined;
}

/** Creates the gauges about Plane and its tasks. */
export function createPlaneGauges({ store, getPlaneSettings, registry }: PlaneGaugesOptions): StoredMetrics {
  const create = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const up = create(
    "groundcrew_plane_up",
    "1 when Plane answered the last check of the tick `plane`, 0 when it did not.",
  );
  const quota = create(
    "groundcrew_plane_quota",
    "Requests a minute that Groundcrew sends with an API key at most (`PLANE_RATE_LIMIT`); `key` is `groundcrew` or the agent.",
    ["key"],
  );
  const left = create(
    "groundcrew_plane_quota_left",
    "Requests that an API key has left of this minute; 0 while a rate limit of Plane holds.",
    ["key"],
  );
  const age = "At most three minutes old.";
  const tasks = create(
    "groundcrew_tasks",
    `Tasks by status: \`todo\`, \`in_progress\`, \`blocked\`, \`in_review\`, and \`closed\` (done or cancelled). ${age}`,
    ["project", "status"],
  );
  const agentTasks = create(
    "groundcrew_agent_tasks",
    `Open tasks of an agent; a task of two agents counts for both. ${age}`,
    ["agent", "project", "status"],
  );
  const metrics = [up, quota, left, tasks, agentTasks];

  async function updateQuota({ apiKey, agentKeys, rateLimit: limit }: PlaneSettings): Promise<void> {
    const keys = Object.entries({ ...agentKeys, [SYSTEM_KEY]: apiKey });
    const amounts = await Promise.all(keys.map(([, key]) => readQuotaLeft(store, { apiKey: key, limit })));
    for (const [i, [key]] of keys.entries()) {
      quota.set({ key }, limit);
      left.set({ key }, amounts[i] ?? 0);
    }
  }

  return {
    metrics,
    async update() {
      const plane = getPlaneSettings();
      for (const gauge of metrics) clearMetric(gauge);
      const [outage, totals] = await Promise.all([readOutage(store), readTaskTotals(store)]);
      if (plane) {
        up.set(outage && outage.answersSince === undefined ? 0 : 1);
        await updateQuota(plane);
      }
      for (const { count, ...labels } of totals?.projects ?? []) tasks.set(labels, count);
      for (const { count, ...labels } of totals?.agents ?? []) agentTasks.set(labels, count);
    },
  };
}
