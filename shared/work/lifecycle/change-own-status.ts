import { GroundcrewError } from "../../errors.ts";
import { REVIEW_LABEL } from "../../observe/ownership.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { readCard } from "../card/card-record.ts";
import { moveToStatus } from "../changes/move-to-status.ts";
import { throwIfClaimLost } from "../claims/claim-preconditions.ts";
import { ensureClaim } from "../claims/claim-task.ts";
import { verifyClaim } from "../claims/verify-claim.ts";
import type { CallContext } from "../context/call-context.ts";
import { findKeptTask, readFreshTask, type Task } from "../tasks/find-task.ts";
import { completeStatusChange } from "./complete-status-change.ts";
import { findMissingCriteria, readDoneCriteria } from "./done-criteria.ts";
import { failStatusChange, isPermanentError } from "./fail-status-change.ts";
import { beginStatusAttempt, hasReachedStatus, type KeptStatusAttempt } from "./status-attempt.ts";
import { createStatusAttempt, type StatusChange } from "./status-change.ts";
import { refreshBlockers, requireTransition } from "./transitions.ts";
import { updateReportedFields } from "./update-reported-fields.ts";

/** The confidence when none was reported (OPENCLAW-12). */
const DEFAULT_CONFIDENCE = 0.8;

/** An agent's change of its own task. A permanent refusal by Plane is reported and blocks the task (OPENCLAW-15). */
export async function changeOwnStatus(
  context: CallContext,
  task: Task,
  change: StatusChange,
  {
    lastAttempt,
    interrupted,
  }: { lastAttempt: KeptStatusAttempt | undefined; interrupted: KeptStatusAttempt | undefined },
): Promise<void> {
  try {
    const freshTask = await readFreshTask(context, task);
    // The status has reached Plane: the rest needs no claim, which may have ended with the change.
    const isDone = interrupted && interrupted.status !== "in_progress" && hasReachedStatus(freshTask.item, interrupted);
    const attempt = isDone
      ? interrupted
      : await writeStatus(context, await refreshBlockers(context, freshTask, change.status), change, lastAttempt);
    const current = (await findKeptTask(context.deps, task.id)) ?? freshTask;
    await updateReportedFields(context, current, change);
    await completeStatusChange(context, current, attempt);
  } catch (thrown) {
    if (!isPermanentError(thrown)) throw thrown;
    throw await failStatusChange(context, task, change.status, thrown);
  }
}

async function writeStatus(
  context: CallContext,
  task: Task,
  change: StatusChange,
  lastAttempt: KeptStatusAttempt | undefined,
): Promise<KeptStatusAttempt> {
  const { deps } = context;
  await throwIfClaimLost(context, task);
  await requireTransition(context, task, change.status, lastAttempt);
  const claim = await ensureClaim(context, task, { waiting: true });
  const completion = change.status === "done" ? await checkCompletion(context, task, change) : {};
  const attempt = await beginStatusAttempt(context, {
    ...(await createStatusAttempt(context, task, change)),
    ...completion,
    ...omitUndefined({
      failed: lastAttempt?.failed ? lastAttempt.failed : undefined,
      unblocks: task.item.snapshot.word === "blocked" ? (true as const) : undefined,
    }),
    id: String(claim.fence),
  });
  // Keeps the claims tick from treating the following change as one by another user.
  await verifyClaim(context, task, claim, [task.item.snapshot.word, change.status]);
  // Before the write, so that the events of the change carry the final cost.
  await updateReportedFields(context, task, change);
  const inReview = attempt.review !== undefined;
  const labels = inReview ? { add: [REVIEW_LABEL] } : {};
  // The message about the completed task shows its cost, so the cost is stored before the status changes.
  if (change.status === "done") await updateReportedFields(context, task, change);
  await moveToStatus(context, task, inReview ? "in_progress" : change.status, { labels, claim });
  // From now on, a task that is back in its previous status was moved by another user.
  if (change.status === "in_progress") await verifyClaim(context, task, claim, ["in_progress"]);
  deps.log.info("status set", { correlation: context.correlation, item: task.key, status: change.status });
  return attempt;
}

/**
 * Throws `conflict` with all missing criteria; else returns whether a review is needed, and the task's own criteria.
 */
async function checkCompletion(
  context: CallContext,
  task: Task,
  change: StatusChange,
): Promise<Partial<KeptStatusAttempt>> {
  const { deps } = context;
  const criteria = await readDoneCriteria(deps, task);
  const missing = await findMissingCriteria(context, task, criteria, change);
  if (missing.length > 0)
    throw new GroundcrewError("conflict", `${task.key} is not done yet: ${missing.join("; ")}. It stays in progress.`);
  const confidence = change.confidence ?? (await readCard(deps, task.id))?.confidence ?? DEFAULT_CONFIDENCE;
  const needsReview = confidence < deps.settings.done.review_below;
  return omitUndefined({
    review: needsReview ? confidence : undefined,
    asked: criteria.others.length > 0 ? criteria.others : undefined,
  });
}
