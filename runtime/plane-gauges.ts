import { Gauge, type Registry } from "prom-client";
import type { PlaneSettings } from "../shared/config/settings.ts";
import { readOutage } from "../shared/outage/outage-record.ts";
import { readQuotaLeft } from "../shared/plane/quota.ts";
import type { Store } from "../shared/store/port.ts";
import { readTaskTotals } from "../shared/work/tasks/task-totals.ts";
import { clearMetric } from "./clear-metric.ts";

/** The value of the label `key` for the API key of Groundcrew itself; the others are the agents' names. */
const SYSTEM_KEY = "groundcrew";

interface PlaneGaugesOptions {
  store: Pick<Store, "read" | "now" | "listHolds" | "countSpent">;
  /** Plane's present settings; undefined where there are none. */
  getPlaneSettings: () => PlaneSettings | undefined;
  registry: Registry;
}

/** Creates the gauges about Plane and its tasks, which are read from the store at each scrape. */
export function createPlaneGauges({ store, getPlaneSettings, registry }: PlaneGaugesOptions) {
  const create = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const up = create("groundcrew_plane_up", "1 when Plane answered the last check, at most 2 minutes ago.");
  const quota = create("groundcrew_plane_quota", "Requests a minute that Groundcrew sends with an API key at most.", [
    "key",
  ]);
  const left = create("groundcrew_plane_quota_left", "Requests that an API key has left of this minute.", ["key"]);
  const age = "At most three minutes old.";
  const tasks = create("groundcrew_tasks", `Tasks of a project. ${age}`, ["project", "status"]);
  const agentTasks = create("groundcrew_agent_tasks", `Open tasks of an agent. ${age}`, ["agent", "project", "status"]);
  const gauges = [up, quota, left, tasks, agentTasks];

  async function updateQuota({ apiKey, agentKeys, rateLimit: limit }: PlaneSettings): Promise<void> {
    const keys = Object.entries({ ...agentKeys, [SYSTEM_KEY]: apiKey });
    const amounts = await Promise.all(keys.map(([, key]) => readQuotaLeft(store, { apiKey: key, limit })));
    for (const [i, [key]] of keys.entries()) {
      quota.set({ key }, limit);
      left.set({ key }, amounts[i] ?? 0);
    }
  }

  return {
    gauges,
    async update(): Promise<void> {
      const plane = getPlaneSettings();
      for (const gauge of gauges) clearMetric(gauge);
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
