import type { Put } from "../../store/port.ts";
import { readAllRows } from "../../store/scan-set.ts";
import type { KeptItem, Status } from "../../task/snapshot.ts";
import { DAY, type Ms } from "../../time.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { isInReview } from "../tasks/is-in-review.ts";

/**
 * One change of status, stored before it is applied, so that an interrupted one is completed when the call is repeated,
 * or by a job. Its effects carry its id, so that each happens once.
 */
export interface KeptStatusAttempt {
  item: string;
  agent: string;
  status: Status;
  /** The fencing number of the claim; a generated id where no claim is needed. */
  id: string;
  /** Store time. */
  at: Ms;
  text?: string;
  commit?: string;
  tests?: string;
  /** The confidence, when it is so low that a human must review the result. */
  review?: number;
  /** Criteria in the task's own words, for the closing comment. */
  asked?: string[];
  /** Set when the agent continues a task that it had blocked itself. */
  unblocks?: true;
  /** Set when all effects have been applied. */
  over?: true;
  /** Why Plane refused this change or the one before it; removed when a change succeeds. */
  failed?: { text: string; at: Ms; id: string };
}

/** Retention of an attempt: 90 days. It outlives the change, because it shows who blocked a task. */
const KEPT_MS: Ms = 90 * DAY;

/** Whether the item has the status, or the review, that this change was to set. */
export function hasReachedStatus(item: KeptItem, { status, review }: KeptStatusAttempt): boolean {
  return review === undefined ? item.snapshot.word === status : isInReview(item);
}

export async function findStatusAttempt(
  deps: Pick<WorkDeps, "store">,
  item: string,
): Promise<KeptStatusAttempt | undefined> {
  const [kept] = await deps.store.read<KeptStatusAttempt>([workKeys.attempt(item)]);
  return kept?.value;
}

/** Reads all changes that are not complete. */
export async function readUnfinishedAttempts(deps: Pick<WorkDeps, "store">): Promise<KeptStatusAttempt[]> {
  return (await readAllRows<KeptStatusAttempt>(deps, workSets.attempts)).map(({ value }) => value);
}

export function toStatusAttemptPut(attempt: KeptStatusAttempt): Put {
  const sets = attempt.over ? [] : [workSets.attempts];
  return { key: workKeys.attempt(attempt.item), value: attempt, sets, expires: KEPT_MS };
}

/** Stores an attempt in place of the previous one. */
export async function beginStatusAttempt(
  { deps }: Pick<CallContext, "deps">,
  attempt: KeptStatusAttempt,
): Promise<KeptStatusAttempt> {
  await deps.store.commit({ put: [toStatusAttemptPut(attempt)] });
  return attempt;
}

/** Marks an attempt as complete. A newer attempt is left unchanged. */
export async function endStatusAttempt({ deps }: Pick<CallContext, "deps">, attempt: KeptStatusAttempt): Promise<void> {
  const key = workKeys.attempt(attempt.item);
  const [kept] = await deps.store.read<KeptStatusAttempt>([key]);
  if (kept?.value.id !== attempt.id || kept.value.status !== attempt.status) return;
  const { failed: _, ...finished } = kept.value;
  await deps.store.commit({ expect: [[key, kept.rev]], put: [toStatusAttemptPut({ ...finished, over: true })] });
}
