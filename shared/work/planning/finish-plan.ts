import type { Deps } from "../../app/deps.ts";
import { createProjectCheckJob } from "../../jobs/observe-jobs.ts";
import { keepDefined } from "../../keep-defined.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import { updateValue } from "../../store/update.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { prepareWakeForStartable } from "../../wake/wake-startable.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { readPlannedItems } from "../plan-runs/hidden-tasks.ts";
import { finishRun, type PlanRun, toPlanRunPut } from "../plan-runs/plan-run.ts";

/**
 * Ends a plan of which everything exists: in one commit its tasks become visible and the agents that can start one are
 * woken, each once.
 */
export async function finishPlan(deps: WorkDeps, id: string, correlation: string): Promise<void> {
  await updateValue<PlanRun>(deps, workKeys.planRun(id), async (run, rev) => {
    if (run?.state !== "running") return undefined;
    const items = [...(await readPlannedItems(deps, run)).values()];
    const wakes = await prepareWakes(deps, items);
    const finished = finishRun(run, items, await deps.store.now());
    return {
      expect: wakes.flatMap((wake) => wake.expect),
      put: [toPlanRunPut(finished), ...wakes.flatMap((wake) => wake.put)],
      jobs: [
        ...wakes.flatMap((wake) => wake.jobs),
        // All its tasks may have been closed while it was under way.
        ...keepDefined([run.project]).map((project) => createProjectCheckJob(project, `plan:${id}:${rev}`)),
      ],
      afterCommit: () => {
        deps.log.info("plan complete", { correlation, plan: id, agent: run.agent, tasks: items.length });
        deps.kick();
      },
    };
  });
}

async function prepareWakes(deps: Pick<Deps, "store" | "settings">, items: readonly string[]) {
  const rows = items.length === 0 ? [] : await deps.store.read<KeptItem>(items.map(observedKeys.item));
  const wakes = deps.settings.agents.map((agent) => {
    const owned = rows.flatMap((row) => (row?.value.owners?.includes(agent.name) ? [row.value.snapshot.id] : []));
    return owned.length > 0 ? prepareWakeForStartable(deps, agent, owned) : undefined;
  });
  return keepDefined(await Promise.all(wakes));
}
