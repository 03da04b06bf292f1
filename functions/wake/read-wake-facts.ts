import type { EndedClaim } from "../../shared/jobs/wake-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { readAllRows } from "../../shared/store/scan-set.ts";
import { filterActionableTasks, type WakeTaskDeps } from "../../shared/wake/actionable.ts";
import { findStartableTasks } from "../../shared/wake/startable-tasks.ts";
import { type KeptLastCall, type KeptWake, type SentTask, wakeKeys } from "../../shared/wake/wake-record.ts";
import type { KeptClaim } from "../../shared/work/claims/find-claim.ts";
import { workSets } from "../../shared/work/context/work-keys.ts";
import { isQuestionOpen, readTaskQuestions } from "../../shared/work/questions/question-record.ts";
import type { WakeFacts } from "./decide-next-wake.ts";

/** Reads what decides about the next wake of an agent. */
export async function readWakeFacts(
  deps: WakeTaskDeps,
  agent: string,
  wake: KeptWake,
  ended?: EndedClaim,
): Promise<WakeFacts> {
  const [now, [lastCall], isWorking, startable] = await Promise.all([
    deps.store.now(),
    deps.store.read<KeptLastCall>([wakeKeys.lastCall(agent)]),
    hasActiveClaim(deps, agent),
    findStartableTasks(deps, agent),
  ]);
  return {
    now,
    isWorking,
    startable,
    unsettled: await filterUnsettledTasks(deps, agent, wake.sent?.tasks ?? [], lastCall?.value),
    ...omitUndefined({ lastCall: lastCall?.value, ended }),
  };
}

/**
 * Filters the tasks of earlier wakes on which the agent still has to act, without startable ones: a call of the agent
 * settles them, except a wish, which a plan or a message to the person settles.
 */
export async function filterUnsettledTasks(
  deps: WakeTaskDeps,
  agent: string,
  tasks: readonly SentTask[],
  lastCall: KeptLastCall | undefined,
): Promise<SentTask[]> {
  const unsettled = tasks.filter(({ reason, at }) => {
    if (reason === "assigned" || reason === "unblocked") return false;
    const settledAt = reason === "asked_for" ? lastCall?.answered : lastCall?.at;
    return settledAt === undefined || settledAt < at;
  });
  return filterActionableTasks(deps, agent, unsettled);
}

/** Whether the agent holds a claim; one on a task that waits for a human's answer does not keep it from other tasks. */
async function hasActiveClaim(deps: Pick<WakeTaskDeps, "store">, agent: string): Promise<boolean> {
  const [now, claims] = await Promise.all([deps.store.now(), readAllRows<KeptClaim>(deps, workSets.claimsOf(agent))]);
  for (const { value } of claims.filter((row) => row.value.until > now)) {
    const questions = await readTaskQuestions(deps, value.item);
    if (!questions.some((question) => question.agent === agent && isQuestionOpen(question))) return true;
  }
  return false;
}
