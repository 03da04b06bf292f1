import type { Deps } from "../app/deps.ts";
import { observedKeys, observedSets } from "../observe/store-keys.ts";
import type { KeptDependencyBlock } from "../observe/stored-records.ts";
import { isOpenItem } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { isOpenAndOwned, isStartable } from "../task/startable.ts";
import type { KeptClaim } from "../work/claims/find-claim.ts";
import { workKeys } from "../work/context/work-keys.ts";
import { readHiddenTasks } from "../work/plan-runs/hidden-tasks.ts";
import type { PlanRun } from "../work/plan-runs/plan-run.ts";
import { isWishOpen, type Wish } from "../work/wishes/wish-record.ts";
import { isHeldInBacklog } from "./backlog.ts";
import type { WakeTask } from "./wake-record.ts";

export type WakeTaskDeps = Pick<Deps, "store" | "cache" | "plane" | "clock" | "settings">;

/** Filters the tasks on which the agent still has to act, according to the stored items, claims and blocks. The answer to a
 * question about no task is always one. */
export async function filterActionableTasks<T extends WakeTask>(
  deps: WakeTaskDeps,
  agent: string,
  tasks: readonly T[],
): Promise<T[]> {
  const ids = tasks.map(({ id }) => id);
  const [items, claims, blocks, wishes, runs] = await Promise.all([
    deps.store.read<KeptItem>(ids.map(observedKeys.item)),
    deps.store.read<KeptClaim>(ids.map(workKeys.claim)),
    deps.store.read<KeptDependencyBlock>(ids.map(observedKeys.dependencyBlock)),
    deps.store.read<Wish | true>(ids.map(workKeys.wish)),
    deps.store.read<PlanRun>(ids.map(workKeys.planRun)),
  ]);
  const isHidden = await readHiddenTasks(deps);
  const isActionable = async (task: T, i: number): Promise<boolean> => {
    const item = items[i]?.value;
    if (task.question !== undefined) return true;
    switch (task.reason) {
      case "asked_for":
        return isWishUnsettled(wishes[i]?.value);
      case "plan_rejected":
        return runs[i]?.value.state === "rejected";
      case "plan_failed":
        return runs[i]?.value.state === "failed";
      case "plan_completed":
        return true;
      case "project_completed":
        return (await deps.store.count(observedSets.open(task.id))) === 0;
      case "stuck":
        return item !== undefined && isOpenItem(item) && isBlockedByDependency(blocks[i]?.value);
      case "circle":
        return item !== undefined && isOpenItem(item) && item.blockers.length > 0;
      case "answered":
        return item !== undefined && isOpenAndOwned(item, agent);
      case "sent_back":
        return item !== undefined && isOpenAndOwned(item, agent) && !(await isHeldInBacklog(deps, item));
      case "addressed":
        return item !== undefined && item.gone === undefined;
      case "stopped":
        return claims[i]?.value.agent !== agent && !(item !== undefined && isStartable(item, agent));
      case "assigned":
      case "unblocked":
        return (
          item !== undefined &&
          claims[i] === undefined &&
          isStartable(item, agent) &&
          !isHidden(item) &&
          !(await isHeldInBacklog(deps, item))
        );
    }
  };
  const flags = await Promise.all(tasks.map(isActionable));
  return tasks.filter((_, i) => flags[i]);
}

function isBlockedByDependency(block: KeptDependencyBlock | undefined): boolean {
  return block?.phase === "blocking" || block?.phase === "stuck";
}

/** A mark of version 0.2 and before says only that the request was handed over. */
function isWishUnsettled(wish: Wish | true | undefined): boolean {
  return wish === undefined || wish === true || isWishOpen(wish);
}
