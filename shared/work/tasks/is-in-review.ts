import { isOpen } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";

/** Open, and finished but for a human's look at it. */
export function isInReview({ review, snapshot }: KeptItem): boolean {
  return review === true && isOpen(snapshot.word);
}
