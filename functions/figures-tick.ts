import type { Tick } from "../shared/app/deps.ts";
import { refreshBudget } from "../shared/work/forecast/budget.ts";
import { notifyBudget } from "../shared/work/forecast/budget-notice.ts";
import { refreshConfidence } from "../shared/work/forecast/confidence.ts";
import { refreshTaskTotals } from "../shared/work/tasks/task-totals.ts";

/**
 * Computes the budget, each agent's confidence and the numbers of tasks for the page and the metrics, and notifies when
 * the budget reaches a threshold. No request to Plane.
 */
export const figuresTick: Tick = {
  name: "figures",
  cron: () => "* * * * *",
  async run(deps) {
    const budget = await refreshBudget(deps);
    await refreshConfidence(deps);
    // Only the metrics show them, and not every host has metrics.
    if (deps.scrape) await refreshTaskTotals(deps);
    return { told: (await notifyBudget(deps, budget)) ? 1 : 0 };
  },
};
