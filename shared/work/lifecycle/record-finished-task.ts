import type { Deps } from "../../app/deps.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { DAY, type Ms } from "../../time.ts";
import { toZonedDate } from "../../zoned-date.ts";
import { readCard } from "../card/card-record.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import type { FinishedTask } from "../time/finished-tasks.ts";
import { getTaskSize } from "../time/task-size.ts";
import { readTaskTimes } from "../time/task-times.ts";

/** Retention of finished tasks: 400 days, because older ones say little about how an agent works today. */
const FINISHED_KEPT_MS: Ms = 400 * DAY;

/** Records the time and cost of a finished task for estimates. Finishing a task again replaces its record. */
export async function recordFinishedTask(
  deps: Pick<Deps, "store" | "settings">,
  task: Task,
  agent: string,
): Promise<void> {
  const [card, { totals }, at] = await Promise.all([
    readCard(deps, task.id),
    readTaskTimes(deps, task.id),
    deps.store.now(),
  ]);
  const ms = totals[agent];
  const cost = card?.costs?.[agent];
  const value: FinishedTask = {
    task: task.key,
    agent,
    project: task.project.identifier,
    size: getTaskSize(task.item.snapshot),
    at,
    ...omitUndefined({ ms: ms || undefined, cost, confidence: card?.confidence }),
  };
  const sets = [workSets.finishedBy(agent), workSets.finishedOn(agent, toZonedDate(deps.settings.timezone, at))];
  const put = { key: workKeys.finished(task.id), value, sets, expires: FINISHED_KEPT_MS };
  await deps.store.commit({ put: [put] });
}
