import type { Deps } from "../app/deps.ts";
import { observedKeys } from "../observe/store-keys.ts";
import { isBlocked, isOpenItem } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { KeptClaim } from "../work/claims/find-claim.ts";
import { workKeys } from "../work/context/work-keys.ts";
import type { PlanRun } from "../work/plan-runs/plan-run.ts";
import type { Wish } from "../work/wishes/wish-record.ts";
import type { WakeReason, WakeTask } from "./wake-record.ts";

/**
 * Filters the tasks on which the agent still has to act, according to the stored items and claims. The answer to a
 * question about no task is always one.
 */
export async function filterActionableTasks(
  { store }: Pick<Deps, "store">,
  agent: string,
  tasks: readonly WakeTask[],
): Promise<WakeTask[]> {
  const ids = tasks.map(({ id }) => id);
  const [items, claims, wishes, runs] = await Promise.all([
    store.read<KeptItem>(ids.map(observedKeys.item)),
    store.read<KeptClaim>(ids.map(workKeys.claim)),
    store.read<Wish | true>(ids.map(workKeys.wish)),
    store.read<PlanRun>(ids.map(workKeys.planRun)),
  ]);
  return tasks.filter(({ reason, question }, i) => {
    if (question !== undefined) return true;
    if (reason === "asked_for") return isWishOpen(wishes[i]?.value);
    return isActionable(reason, agent, items[i]?.value, claims[i]?.value, runs[i]?.value);
  });
}

/** A mark of version 0.2 and before says only that the request was handed over. */
function isWishOpen(wish: Wish | true | undefined): boolean {
  return wish === undefined || wish === true || wish.state === "open";
}

function isActionable(
  reason: Exclude<WakeReason, "asked_for">,
  agent: string,
  item: KeptItem | undefined,
  claim: KeptClaim | undefined,
  run: PlanRun | undefined,
): boolean {
  switch (reason) {
    case "stuck":
    case "circle":
    case "project_completed":
    case "plan_completed":
      return true;
    case "plan_rejected":
      return run?.state === "rejected";
    case "plan_failed":
      return run?.state === "failed";
    case "answered":
    case "sent_back":
      return item !== undefined && isOpenAndOwned(item, agent);
    case "assigned":
    case "unblocked":
      return item !== undefined && isStartable(item, agent, claim);
  }
}

/** Whether the agent could claim this item: it is open, theirs, unclaimed, and neither blocked nor in review. */
export function isStartable(item: KeptItem, agent: string, claim: KeptClaim | undefined): boolean {
  return isOpenAndOwned(item, agent) && !isBlocked(item) && !item.review && claim === undefined;
}

function isOpenAndOwned(item: KeptItem, agent: string): boolean {
  return isOpenItem(item) && (item.owners ?? []).includes(agent);
}
