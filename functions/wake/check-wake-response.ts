import type { Deps } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { createWakeJob } from "../../shared/jobs/wake-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Settlement } from "../../shared/store/job-operations.ts";
import { updateValue } from "../../shared/store/update.ts";
import { filterActionableTasks } from "../../shared/wake/actionable.ts";
import { type KeptLastCall, type KeptWake, wakeKeys } from "../../shared/wake/wake-record.ts";

const DONE: Settlement = { done: true };

/** Limit of wakes without a call of the agent: 3. After that a person has to check the agent. */
const MAX_TRIES = 3;

/** Checks whether the agent has called since the wake `id`. If it has not and tasks remain, it is woken again. */
export async function checkWakeResponse(
  deps: Pick<Deps, "store" | "log" | "kick">,
  agent: AgentSettings,
  id: string,
): Promise<Settlement> {
  const key = wakeKeys.wake(agent.name);
  await updateValue<KeptWake>(deps, key, async (kept) => {
    const [lastCall] = await deps.store.read<KeptLastCall>([wakeKeys.lastCall(agent.name)]);
    const sent = kept?.sent;
    if (!kept || !sent || sent.id !== id || sent.state !== "posted") return undefined;
    const hasResponded = lastCall !== undefined && lastCall.value.at >= sent.at;
    const openTasks = hasResponded ? [] : await filterActionableTasks(deps, agent.name, sent.tasks);
    const { sent: _, unheard: unanswered = 0, ...rest } = kept;
    const shouldRetry = openTasks.length > 0 && unanswered + 1 < MAX_TRIES;
    const now = await deps.store.now();
    const pendingIds = new Set(rest.pending.map((task) => task.id));
    const pending = [...openTasks.filter((task) => !pendingIds.has(task.id)), ...rest.pending];
    const value: KeptWake = shouldRetry
      ? { ...rest, pending, dueAt: rest.dueAt ?? now, unheard: unanswered + 1 }
      : { ...rest, ...omitUndefined({ unheard: openTasks.length > 0 ? unanswered + 1 : undefined }) };
    const jobs = shouldRetry && rest.dueAt === undefined ? [createWakeJob(agent.name, now)] : [];
    const afterCommit = () => {
      if (openTasks.length > 0) {
        const tasks = openTasks.map((task) => task.key);
        const message = shouldRetry ? "no call after wake, waking again" : "agent does not answer wakes";
        deps.log.warn(message, { agent: agent.name, tasks });
      }
      if (shouldRetry) deps.kick();
    };
    return { put: [{ key, value }], jobs, afterCommit };
  });
  return DONE;
}
