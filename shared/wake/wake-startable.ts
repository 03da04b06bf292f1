import type { Deps } from "../app/deps.ts";
import type { AgentSettings } from "../config/settings-file.ts";
import { createWakeCheckJob } from "../jobs/wake-jobs.ts";
import { observedKeys } from "../observe/store-keys.ts";
import type { Commit, Revision } from "../store/port.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { isStartable } from "../task/startable.ts";
import type { KeptClaim } from "../work/claims/find-claim.ts";
import { workKeys } from "../work/context/work-keys.ts";
import { addWakeTasks, prepareWakeTasks } from "./pending-wake.ts";
import { toStartableTasks } from "./startable-tasks.ts";
import { type KeptLastCall, type KeptWake, type WakeTask, wakeKeys } from "./wake-record.ts";
import { readWake } from "./wake-store.ts";

/**
 * Wakes an agent for startable tasks that no wake has included yet, and makes sure that tasks of earlier wakes are
 * checked, which repairs lost events and a lost store (rule 10). Tasks that the agent could no longer start are removed
 * from the record, so that they wake the agent again when it can. `ready` are the ids of tasks that the agent could
 * start unless claimed. Returns the number of tasks in the wake.
 */
export async function wakeForStartableTasks(
  deps: Pick<Deps, "store" | "kick">,
  agent: AgentSettings,
  ready: readonly string[],
): Promise<number> {
  if (agent.wake.kind === "none") return 0;
  const { name } = agent;
  const { wake } = await readWake(deps, name);
  const ids = new Set(ready);
  if (Object.keys(wake.told).some((id) => !ids.has(id))) await forgetTasks(deps, name, ids);
  const claims = await deps.store.read<KeptClaim>(ready.map(workKeys.claim));
  const startable = ready.filter((_, i) => claims[i] === undefined);
  const newIds = startable.filter((id) => wake.told[id] === undefined);
  if (startable.length > newIds.length) await ensureCheck(deps, name, wake);
  const { tasks, found } = await readNewWakeTasks(deps, name, newIds);
  if (tasks.length > 0) await addWakeTasks(deps, name, tasks, { found });
  return tasks.length;
}

/**
 * Prepares the writes that wake an agent for those of these unclaimed tasks that it can start and that no wake has
 * included, for a commit with further writes. Undefined when there are none.
 */
export async function prepareWakeForStartable(
  deps: Pick<Deps, "store">,
  agent: AgentSettings,
  ids: readonly string[],
): Promise<Required<Pick<Commit, "expect" | "put" | "jobs">> | undefined> {
  if (agent.wake.kind === "none") return undefined;
  const { name } = agent;
  const {
    wake: { told },
  } = await readWake(deps, name);
  const claims = await deps.store.read<KeptClaim>(ids.map(workKeys.claim));
  const newIds = ids.filter((id, i) => told[id] === undefined && claims[i] === undefined);
  const { tasks, found } = await readNewWakeTasks(deps, name, newIds);
  return tasks.length > 0 ? prepareWakeTasks(deps, name, tasks, { found }) : undefined;
}

/** Reads those of these tasks that the agent can start, and the revisions of their records. */
async function readNewWakeTasks(
  deps: Pick<Deps, "store">,
  agent: string,
  ids: readonly string[],
): Promise<{ tasks: WakeTask[]; found: Record<string, Revision> }> {
  const rows = ids.length === 0 ? [] : await deps.store.read<KeptItem>(ids.map(observedKeys.item));
  const startable = await toStartableTasks(
    deps,
    rows.flatMap((row) => (row && isStartable(row.value, agent) ? [row] : [])),
  );
  const found = Object.fromEntries(startable.map(({ id, rev }) => [id, rev]));
  return { tasks: startable.map(({ rev: _, ...task }) => task), found };
}

async function forgetTasks(deps: Pick<Deps, "store">, agent: string, ready: ReadonlySet<string>): Promise<void> {
  const key = wakeKeys.wake(agent);
  const { wake, rev } = await readWake(deps, agent);
  const { told: allTold, found: allFound = {}, ...rest } = wake;
  const [told = {}, found = {}] = [allTold, allFound].map((entries) =>
    Object.fromEntries(Object.entries(entries).filter(([id]) => ready.has(id))),
  );
  // A stale commit is ignored: another process is waking the agent, and the next tick checks again.
  await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: { ...rest, told, found } }] });
}

/** Queues a check of the agent's tasks unless one is scheduled, a wake is under way, or a person was notified. */
async function ensureCheck(deps: Pick<Deps, "store" | "kick">, agent: string, wake: KeptWake): Promise<void> {
  if (wake.checkAt !== undefined || wake.dueAt !== undefined || wake.posting) return;
  if (wake.notified && !(await hasReturned(deps, agent, wake.notified))) return;
  const now = await deps.store.now();
  await deps.store.commit({ jobs: [createWakeCheckJob(agent, `${agent}:${now}`, now)] });
  deps.kick();
}

async function hasReturned({ store }: Pick<Deps, "store">, agent: string, notified: NonNullable<KeptWake["notified"]>) {
  const [lastCall] = await store.read<KeptLastCall>([wakeKeys.lastCall(agent)]);
  return !notified.answered && lastCall !== undefined && lastCall.value.at > notified.at;
}
