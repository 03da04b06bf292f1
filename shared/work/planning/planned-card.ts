import { omitUndefined } from "../../omit-undefined.ts";
import { MINUTE } from "../../time.ts";
import { updateCard } from "../card/card-record.ts";
import type { Assignee } from "../changes/assignees.ts";
import type { CallContext } from "../context/call-context.ts";
import type { PlannedEstimate } from "../plan-runs/plan.ts";
import type { Task } from "../tasks/find-task.ts";

/**
 * Gives a new task of an agent its card, with the estimate and the assumed confidence (OPENCLAW-11, 12). The estimate
 * of another task is kept for the card that it gets when an agent claims it.
 */
export async function addPlannedCard(
  context: CallContext,
  task: Task,
  assignee: Assignee | undefined,
  { minutes, cost }: PlannedEstimate = {},
): Promise<void> {
  const amounts = omitUndefined({ cost, ms: minutes !== undefined ? minutes * MINUTE : undefined });
  const update = omitUndefined({
    planned: assignee?.agent !== undefined ? (true as const) : undefined,
    estimate: Object.keys(amounts).length > 0 ? amounts : undefined,
  });
  if (Object.keys(update).length > 0) await updateCard(context, task, update);
}
