import { isOpen } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { KeptStatusAttempt } from "../lifecycle/status-attempt.ts";

/** Open, and finished but for a human's look at it. */
export function isInReview({ review, snapshot }: KeptItem): boolean {
  return review === true && isOpen(snapshot.word);
}

/** Whether Plane has what this change of status was to bring about. */
export function hasReachedStatus(item: KeptItem, { status, review }: KeptStatusAttempt): boolean {
  return review === undefined ? item.snapshot.word === status : isInReview(item);
}
