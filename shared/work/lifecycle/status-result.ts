import { omitUndefined } from "../../omit-undefined.ts";
import type { Status } from "../../task/snapshot.ts";
import type { Ms } from "../../time.ts";
import { readLiveClaims } from "../claims/find-claim.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Task } from "../tasks/find-task.ts";
import { isInReview } from "../tasks/is-in-review.ts";
import { readOpenBlockers } from "../tasks/open-blockers.ts";

/** The state of a task after a change of its status. */
export interface StatusResult {
  key: string;
  word: Status;
  inReview: boolean;
  /** Store time at which the caller's claim expires; absent when it has none. */
  heldUntil?: Ms;
  /** Keys of its open blockers. */
  blockers: string[];
  url: string;
}

/** Reads the stored state of a task, for the caller: `heldUntil` only for its own claim. */
export async function readStatusResult(
  { deps, caller }: CallContext,
  { id, key, item, url }: Task,
): Promise<StatusResult> {
  const [[claim], blockersById] = await Promise.all([readLiveClaims(deps, [id]), readOpenBlockers(deps, [item])]);
  const blockers = item.blockers.map((blocker) => blockersById.get(blocker)?.key ?? blocker);
  const heldUntil = claim?.agent === caller.name ? claim.until : undefined;
  return { key, word: item.snapshot.word, inReview: isInReview(item), ...omitUndefined({ heldUntil }), blockers, url };
}
