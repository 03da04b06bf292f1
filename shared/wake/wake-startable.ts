import type { Deps } from "../app/deps.ts";
import type { AgentSettings } from "../config/settings-file.ts";
import { observedKeys } from "../observe/store-keys.ts";
import type { KeptProject } from "../observe/stored-records.ts";
import type { Commit, Revision } from "../store/port.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { KeptClaim } from "../work/claims/find-claim.ts";
import { workKeys } from "../work/context/work-keys.ts";
import { isStartable } from "./actionable.ts";
import { addWakeTasks, prepareWakeTasks } from "./pending-wake.ts";
import { EMPTY_WAKE, type KeptWake, type WakeTask, wakeKeys } from "./wake-record.ts";

/**
 * Wakes an agent for startable tasks that no wake has included yet, which repairs lost events and a lost store (rule 10).
 * Tasks that are no longer startable are removed from the record, so that they wake the agent again when they are.
 * `ready` are the ids of tasks that the agent could start unless claimed. Returns the number of tasks in the wake.
 */
export async function wakeForStartableTasks(
  deps: Pick<Deps, "store" | "kick">,
  agent: AgentSettings,
  ready: readonly string[],
): Promise<number> {
  if (agent.wake.kind === "none") return 0;
  const { name } = agent;
  const claims = await deps.store.read<KeptClaim>(ready.map(workKeys.claim));
  const startable = ready.filter((_, i) => claims[i] === undefined);
  const [kept] = await deps.store.read<KeptWake>([wakeKeys.wake(name)]);
  const { told: notifiedAt } = kept?.value ?? EMPTY_WAKE;
  const ids = new Set(startable);
  if (kept && Object.keys(notifiedAt).some((id) => !ids.has(id))) await forgetTasks(deps, name, ids);
  const newIds = startable.filter((id) => notifiedAt[id] === undefined);
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
  const [kept] = await deps.store.read<KeptWake>([wakeKeys.wake(name)]);
  const { told } = kept?.value ?? EMPTY_WAKE;
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
  const items = rows.flatMap((row) => (row && isStartable(row.value, agent, undefined) ? [row] : []));
  const found = Object.fromEntries(items.map(({ value, rev }) => [value.snapshot.id, rev]));
  return {
    tasks: await readWakeTasks(
      deps,
      items.map(({ value }) => value),
    ),
    found,
  };
}

async function forgetTasks(deps: Pick<Deps, "store">, agent: string, startable: ReadonlySet<string>): Promise<void> {
  const key = wakeKeys.wake(agent);
  const [kept] = await deps.store.read<KeptWake>([key]);
  if (!kept) return;
  const { told: allTold, found: allFound = {}, ...rest } = kept.value;
  const [told = {}, found = {}] = [allTold, allFound].map((entries) =>
    Object.fromEntries(Object.entries(entries).filter(([id]) => startable.has(id))),
  );
  // A stale commit is ignored: another process is waking the agent, and the next tick checks again.
  await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value: { ...rest, told, found } }] });
}

async function readWakeTasks(deps: Pick<Deps, "store">, items: readonly KeptItem[]): Promise<WakeTask[]> {
  const projects = await deps.store.read<KeptProject>(
    items.map(({ snapshot }) => observedKeys.project(snapshot.project)),
  );
  return items.map(({ snapshot }, i) => ({
    id: snapshot.id,
    key: `${projects[i]?.value.identifier ?? "?"}-${snapshot.sequence}`,
    reason: "assigned",
    title: snapshot.name,
  }));
}
