import type { Deps } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Settlement } from "../../shared/store/port.ts";
import { filterActionableTasks } from "../../shared/wake/actionable.ts";
import { createWakeJob } from "../../shared/wake/pending-wake.ts";
import { type KeptLastCall, type KeptWake, wakeKeys } from "../../shared/wake/wake-record.ts";

const DONE: Settlement = { done: true };

/** So many wakes without any call of the agent are enough: somebody has to look. */
const MAX_TRIES = 3;

/** Looks whether the agent has called since the wake `id`; when it has not and there is still work, it is woken again. */
export async function checkWakeResponse(
  deps: Pick<Deps, "store" | "log" | "kick">,
  agent: AgentSettings,
  id: string,
): Promise<Settlement> {
  const key = wakeKeys.wake(agent.name);
  for (;;) {
    const [[kept], [lastCall]] = await Promise.all([
      deps.store.read<KeptWake>([key]),
      deps.store.read<KeptLastCall>([wakeKeys.seen(agent.name)]),
    ]);
    const sent = kept?.value.sent;
    if (!kept || !sent || sent.id !== id || sent.state !== "posted") return DONE;
    const hasResponded = lastCall !== undefined && lastCall.value.at >= sent.at;
    const openTasks = hasResponded ? [] : await filterActionableTasks(deps, agent.name, sent.tasks);
    const { sent: _, unheard: unanswered = 0, ...rest } = kept.value;
    const shouldRetry = openTasks.length > 0 && unanswered + 1 < MAX_TRIES;
    const now = await deps.store.now();
    const pendingIds = new Set(rest.pending.map((task) => task.id));
    const pending = [...openTasks.filter((task) => !pendingIds.has(task.id)), ...rest.pending];
    const value: KeptWake = shouldRetry
      ? { ...rest, pending, dueAt: rest.dueAt ?? now, unheard: unanswered + 1 }
      : { ...rest, ...omitUndefined({ unheard: openTasks.length > 0 ? unanswered + 1 : undefined }) };
    const jobs = shouldRetry && rest.dueAt === undefined ? [createWakeJob(agent.name, now)] : [];
    if ((await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value }], jobs })) !== "kept") continue;
    if (openTasks.length > 0) {
      const tasks = openTasks.map((task) => task.key);
      deps.log.warn(shouldRetry ? "agent is woken again" : "agent does not answer wakes", { agent: agent.name, tasks });
    }
    if (shouldRetry) deps.kick();
    return DONE;
  }
}
