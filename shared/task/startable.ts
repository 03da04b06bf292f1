import { isBlocked, isOpenItem } from "./diff.ts";
import type { KeptItem } from "./snapshot.ts";

/** Whether the item is open and belongs to the agent. */
export function isOpenAndOwned(item: KeptItem, agent: string): boolean {
  return isOpenItem(item) && (item.owners ?? []).includes(agent);
}

/**
 * Whether the agent could claim this item unless it is claimed: it is open, theirs, neither stopped by a person nor in
 * review nor blocked, as far as its blockers are known.
 */
export function isStartable(item: KeptItem, agent: string): boolean {
  return isOpenAndOwned(item, agent) && !isBlocked(item) && !item.blockersUnknown && !item.review && !item.stopped;
}
