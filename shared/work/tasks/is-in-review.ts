import { isOpen } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";

/** Whether the task is open and waits for a human's review. */
export function isInReview({ review, snapshot }: KeptItem): boolean {
  return review === true && isOpen(snapshot.word);
}
