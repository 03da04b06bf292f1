import type { Agent } from "../../shared/config/file.ts";
import type { Deps } from "../../shared/deps.ts";
import type { Settlement } from "../../shared/store/port.ts";
import { stillToDo } from "../../shared/wake/actionable.ts";
import { goJob } from "../../shared/wake/gather.ts";
import { type KeptSeen, type KeptWake, wakeKeys } from "../../shared/wake/kept.ts";

const DONE: Settlement = { done: true };

/** So many wakes without any call of the agent are enough: somebody has to look. */
const TRIES = 3;

/** Looks whether the agent has called since the wake `id`; when it has not and there is still work, it is woken again. */
export async function watch(deps: Pick<Deps, "store" | "log" | "kick">, agent: Agent, id: string): Promise<Settlement> {
  const key = wakeKeys.wake(agent.name);
  for (;;) {
    const [[kept], [seen]] = await Promise.all([
      deps.store.read<KeptWake>([key]),
      deps.store.read<KeptSeen>([wakeKeys.seen(agent.name)]),
    ]);
    const sent = kept?.value.sent;
    if (!kept || !sent || sent.id !== id || sent.state !== "posted") return DONE;
    const heard = seen !== undefined && seen.value.at >= sent.at;
    const left = heard ? [] : await stillToDo(deps, agent.name, sent.tasks);
    const { sent: _, unheard = 0, ...rest } = kept.value;
    const again = left.length > 0 && unheard + 1 < TRIES;
    const now = await deps.store.now();
    const known = new Set(rest.pending.map((task) => task.id));
    const pending = [...left.filter((task) => !known.has(task.id)), ...rest.pending];
    const value: KeptWake = again
      ? { ...rest, pending, dueAt: rest.dueAt ?? now, unheard: unheard + 1 }
      : { ...rest, ...(left.length > 0 && { unheard: unheard + 1 }) };
    const jobs = again && rest.dueAt === undefined ? [goJob(agent.name, now)] : [];
    if ((await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value }], jobs })) !== "kept") continue;
    if (left.length > 0) {
      const tasks = left.map((task) => task.key);
      deps.log.warn(again ? "agent is woken again" : "agent does not answer wakes", { agent: agent.name, tasks });
    }
    if (again) deps.kick();
    return DONE;
  }
}
