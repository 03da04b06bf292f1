import type { InitialState, Snapshot } from "../task/snapshot.ts";
import { type Ms, SECOND } from "../time.ts";

/**
 * Delay between an item's first read and the read of its activities: 2 s, because Plane's worker writes activities
 * after it has changed `updated_at`.
 */
export const INITIAL_CHANGES_DELAY_MS: Ms = 2 * SECOND;

/** Returns the state to store with an existing item whose first read shows that it changed since the baseline began. */
export function toInitialState(snapshot: Snapshot, at: Ms): InitialState {
  const { name, state, word, priority, assignees, labels, due, updatedAt } = snapshot;
  return { fields: { name, state, word, priority, assignees, labels, due, updatedAt }, reported: [], at };
}
