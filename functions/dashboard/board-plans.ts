import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Store } from "../../shared/store/port.ts";
import { DAY } from "../../shared/time.ts";
import { readPlanRuns } from "../../shared/work/plan-runs/read-plan-runs.ts";
import type { BoardPlan } from "./api-answers.ts";

/** Limit of plans on the page. */
const MAX_PLANS = 10;

/** Reads the plans that the page shows: those that are not complete, and those proposed or started within a day. */
export async function readBoardPlans({ store }: { store: Store }): Promise<BoardPlan[]> {
  const [runs, now] = await Promise.all([readPlanRuns({ store }), store.now()]);
  return runs
    .filter(({ state, at }) => (state !== "done" && state !== "rejected") || at > now - DAY)
    .slice(0, MAX_PLANS)
    .map(({ id, title, project, state, done, total, reason }) => ({
      id,
      title,
      state,
      done,
      total,
      ...omitUndefined({ project, reason }),
    }));
}
