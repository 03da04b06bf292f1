import { isBlocked, isOpenItem } from "./diff.ts";
import type { KeptItem } from "./snapshot.ts";

/** Whether the item is open and belongs to the agent. */
export function isOpenAndOwned(item: KeptItem, agent: string): boolean {
  return isOpenItem(item) && (item.owners ?? []).includes(agent);
}

/** Whether the agent could claim this item unless it is claimed: it is open, theirs, and neither blocked nor in review. */
export function isStartable(item: KeptItem, agent: string): boolean {
  return isOpenAndOwned(item, agent) && !isBlocked(item) && !item.review;
}
