import type { Deps } from "../app/deps.ts";
import { observedKeys } from "../observe/store-keys.ts";
import { isBlocked, isOpenItem } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { KeptClaim } from "../work/claims/find-claim.ts";
import { workKeys } from "../work/context/work-keys.ts";
import type { WakeReason, WakeTask } from "./wake-record.ts";

/** Filters the tasks on which the agent still has to act, according to the stored items and claims. */
export async function filterActionableTasks(
  { store }: Pick<Deps, "store">,
  agent: string,
  tasks: readonly WakeTask[],
): Promise<WakeTask[]> {
  const ids = tasks.map(({ id }) => id);
  const [items, claims] = await Promise.all([
    store.read<KeptItem>(ids.map(observedKeys.item)),
    store.read<KeptClaim>(ids.map(workKeys.claim)),
  ]);
  return tasks.filter(({ reason }, i) => isActionable(reason, agent, items[i]?.value, claims[i]?.value));
}

function isActionable(
  reason: WakeReason,
  agent: string,
  item: KeptItem | undefined,
  claim: KeptClaim | undefined,
): boolean {
  switch (reason) {
    case "stuck":
    case "circle":
    case "project_completed":
    case "asked_for":
      return true;
    case "answered":
    case "sent_back":
      return item !== undefined && isOpenAndOwned(item, agent);
    case "assigned":
    case "unblocked":
      return item !== undefined && isStartable(item, agent, claim);
  }
}

/**
 * Whether the agent could claim this item: it is open, theirs, unclaimed, and neither in review nor blocked, as far as
 * its blockers are known.
 */
export function isStartable(item: KeptItem, agent: string, claim: KeptClaim | undefined): boolean {
  const isFree = !isBlocked(item) && !item.blockersUnknown && !item.review && claim === undefined;
  return isOpenAndOwned(item, agent) && isFree;
}

function isOpenAndOwned(item: KeptItem, agent: string): boolean {
  return isOpenItem(item) && (item.owners ?? []).includes(agent);
}
