import type { Put } from "../../store/port.ts";
import { readAllRows } from "../../store/scan-set.ts";
import type { KeptItem, Status } from "../../task/snapshot.ts";
import { DAY, type Ms } from "../../time.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { isInReview } from "../tasks/is-in-review.ts";

/**
 * One change of status, kept before anything of it is done, so that a call that was cut off is gone on with by the same
 * call, or without it. Everything that follows from it carries its id and is done once.
 */
export interface KeptStatusAttempt {
  item: string;
  agent: string;
  status: Status;
  /** The fencing number of the claim it was made under; an id of its own where no claim is needed. */
  id: string;
  /** Store time. */
  at: Ms;
  text?: string;
  commit?: string;
  tests?: string;
  /** Finished with so little confidence that a human is to look at it. */
  review?: number;
  /** What the task asks for in its own words, for the closing comment. */
  asked?: string[];
  /** The agent goes on with what it had blocked itself. */
  unblocks?: true;
  /** Everything that follows has been done. */
  over?: true;
  /** Plane would not let it, or the one before it, be done, and why: until one succeeds. */
  failed?: { text: string; at: Ms; id: string };
}

/** It tells who blocked a task, so it outlives the change: for so long at the most. */
const KEPT_MS: Ms = 90 * DAY;

/** Whether Plane has what this change of status was to bring about. */
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

/** All changes that are not through. */
export async function readUnfinishedAttempts(deps: Pick<WorkDeps, "store">): Promise<KeptStatusAttempt[]> {
  return (await readAllRows<KeptStatusAttempt>(deps, workSets.attempts)).map(({ value }) => value);
}

export function toStatusAttemptPut(attempt: KeptStatusAttempt): Put {
  const sets = attempt.over ? [] : [workSets.attempts];
  return { key: workKeys.attempt(attempt.item), value: attempt, sets, expires: KEPT_MS };
}

/** Keeps it in the place of the one before. */
export async function beginStatusAttempt(
  { deps }: Pick<CallContext, "deps">,
  attempt: KeptStatusAttempt,
): Promise<KeptStatusAttempt> {
  await deps.store.commit({ put: [toStatusAttemptPut(attempt)] });
  return attempt;
}

/** Everything that follows has been done; another one begun since is left alone. */
export async function endStatusAttempt({ deps }: Pick<CallContext, "deps">, attempt: KeptStatusAttempt): Promise<void> {
  const key = workKeys.attempt(attempt.item);
  const [kept] = await deps.store.read<KeptStatusAttempt>([key]);
  if (kept?.value.id !== attempt.id || kept.value.status !== attempt.status) return;
  const { failed: _, ...finished } = kept.value;
  await deps.store.commit({ expect: [[key, kept.rev]], put: [toStatusAttemptPut({ ...finished, over: true })] });
}
