import { isOpenItem } from "./diff.ts";
import type { KeptItem } from "./snapshot.ts";

/**
 * Returns the observed item `next` without its stop mark when the change from `before` is one that lets agents start the
 * task again: its state or its agents were changed, or it was closed. Groundcrew's own return of the stopped task to
 * todo is not such a change.
 */
export function updateStopMark(before: KeptItem | undefined, next: KeptItem): KeptItem {
  const { stopped, ...rest } = next;
  if (!stopped || !before) return next;
  if (!isOpenItem(next) || !hasSameAgents(before, next)) return rest;
  if (before.snapshot.state === next.snapshot.state) return next;
  const isReturn = !stopped.returned && before.snapshot.word === "in_progress" && next.snapshot.word === "todo";
  return isReturn ? { ...next, stopped: { ...stopped, returned: true } } : rest;
}

/** Owners that are not computed yet count as unchanged. */
function hasSameAgents({ owners: before }: KeptItem, { owners: next }: KeptItem): boolean {
  return before === undefined || JSON.stringify(before) === JSON.stringify(next);
}
