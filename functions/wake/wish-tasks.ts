import type { AnyEvent } from "../../shared/task/events.ts";
import type { WakeTask } from "../../shared/wake/wake-record.ts";
import type { WorkDeps } from "../../shared/work/context/call-context.ts";
import { readOpenWishes } from "../../shared/work/wishes/wish-record.ts";

/**
 * Reads the open wishes of an agent that an event lets it continue with: the answer to a question about no task, or a
 * plan that was not carried out. They are part of the same wake, because the agent may have no memory of them.
 */
export async function readWishTasks(
  deps: Pick<WorkDeps, "store">,
  agent: string,
  event: AnyEvent,
  task: WakeTask,
): Promise<WakeTask[]> {
  const isAboutWish = task.question !== undefined || event.kind === "plan_rejected" || event.kind === "plan_failed";
  if (!isAboutWish) return [];
  const wishes = await readOpenWishes(deps, agent);
  return wishes.map(({ id, text }) => ({ id, key: "new", reason: "asked_for", text }));
}
