import { createWorkJob } from "../../jobs/work-jobs.ts";
import type { Job } from "../../store/job-operations.ts";
import { readAllRows } from "../../store/scan-set.ts";
import { isOpen } from "../../task/diff.ts";
import { MINUTE, type Ms } from "../../time.ts";
import { getClaimDuration } from "../claims/claim-duration.ts";
import { createCallContext, type WorkDeps } from "../context/call-context.ts";
import { workSets } from "../context/work-keys.ts";
import { findKeptTask } from "../tasks/find-task.ts";
import { completeStatusChange } from "./complete-status-change.ts";
import type { KeptReview } from "./review-record.ts";
import { endStatusAttempt, findStatusAttempt, hasReachedStatus, readUnfinishedAttempts } from "./status-attempt.ts";

/** Timeout for a call including waits and retries: 2 min. Older unfinished changes were interrupted. */
const CALL_TIMEOUT_MS: Ms = 2 * MINUTE;

/**
 * Runs at each tick on stored state: queues jobs for interrupted changes of status, for reviews whose task is no longer
 * in review, and for tasks in review without a record. Makes no request to Plane.
 */
export async function queueInterruptedChanges(
  deps: Pick<WorkDeps, "store" | "kick">,
  inReview: readonly string[],
): Promise<void> {
  const now = await deps.store.now();
  const reviews = await readAllRows<KeptReview>(deps, workSets.reviews);
  const reviewsByItem = new Map(reviews.map(({ value }) => [value.item, value]));
  const unsettled = [
    ...inReview.filter((id) => !reviewsByItem.has(id)),
    ...[...reviewsByItem.values()]
      .filter(({ item, verdict }) => verdict || !inReview.includes(item))
      .map(({ item }) => item),
  ];
  const interrupted = (await readUnfinishedAttempts(deps))
    .filter(({ at }) => now - at > CALL_TIMEOUT_MS)
    .map(({ item }) => item);
  const jobs = [
    ...unsettled.map((item) => createResumeJob("reviewed", item, now)),
    ...interrupted.map((item) => createResumeJob("cut", item, now)),
  ];
  if (jobs.length === 0) return;
  await deps.store.commit({ jobs });
  deps.kick();
}

function createResumeJob(kind: "reviewed" | "cut", item: string, now: Ms): Job {
  const correlation = `${kind}:${item}:${now}`;
  return createWorkJob(correlation, `work:${item}`, { do: kind, item, correlation });
}

/** Completes an interrupted change of status that has reached Plane. One that has not must be repeated by its agent. */
export async function resumeInterruptedChange(deps: WorkDeps, item: string, correlation: string): Promise<void> {
  const [attempt, task, now] = await Promise.all([
    findStatusAttempt(deps, item),
    findKeptTask(deps, item),
    deps.store.now(),
  ]);
  if (!attempt || attempt.over || now - attempt.at <= CALL_TIMEOUT_MS) return;
  const agent = deps.settings.agents.find(({ name }) => name === attempt.agent);
  const context = createCallContext(
    deps,
    { name: attempt.agent, role: agent ? (agent.role ?? "worker") : "human" },
    correlation,
  );
  const isGone = !task || task.item.gone !== undefined;
  if (!isGone && hasReachedStatus(task.item, attempt)) await completeStatusChange(context, task, attempt);
  // The agent may repeat the call for as long as a claim lasts.
  else if (isGone || !isOpen(task.item.snapshot.word) || now - attempt.at > getClaimDuration(deps.settings))
    await endStatusAttempt(context, attempt);
}
