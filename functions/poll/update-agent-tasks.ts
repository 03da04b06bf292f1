import { toItemPut } from "../../shared/observe/item-put.ts";
import { applyOwnership, hasSameOwnership, readOwnership } from "../../shared/observe/ownership.ts";
import { listReadableProjects } from "../../shared/observe/project-record.ts";
import { observedKeys, observedSets } from "../../shared/observe/store-keys.ts";
import type { Job } from "../../shared/store/job-operations.ts";
import { scanRows } from "../../shared/store/scan-set.ts";
import { updateValue } from "../../shared/store/update.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { isStartable } from "../../shared/task/startable.ts";
import { isHeldInBacklog } from "../../shared/wake/backlog.ts";
import { wakeForStartableTasks } from "../../shared/wake/wake-startable.ts";
import { createMirrorJobs, readAgentAccounts } from "../../shared/work/changes/mirror-agent-labels.ts";
import type { WorkDeps } from "../../shared/work/context/call-context.ts";
import { queueInterruptedChanges } from "../../shared/work/lifecycle/resume-interrupted.ts";
import { readHiddenTasks } from "../../shared/work/plan-runs/hidden-tasks.ts";

/** An agent's open tasks at the last tick: item id to the store time since which the agent has it. */
export interface KeptAgent {
  tasks: Record<string, number>;
}

/** Limit of jobs that synchronize labels with assignees at one tick: 20; further items follow with the next ticks. */
const MIRROR_LIMIT = 20;

/**
 * Updates which agent has which open tasks, and since when, from the stored snapshots alone, so that lost jobs and a
 * lost store are repaired (observation rule 10). Sends no request to Plane, so an idle workspace costs nothing. Only
 * the ids are kept in memory, because the items of a large workspace do not fit into the heap.
 */
export async function updateAgentTasks(
  deps: WorkDeps,
  correlation: string,
): Promise<{ assigned: number; new: number; woken: number }> {
  if (deps.settings.agents.length === 0) return { assigned: 0, new: 0, woken: 0 };
  const accounts = await readAgentAccounts(deps);
  const tasksByAgent = new Map(deps.settings.agents.map((agent) => [agent.name, new Map<string, boolean>()]));
  const isHidden = await readHiddenTasks(deps);
  const jobs: Job[] = [];
  const inReview: string[] = [];
  for await (const { key, value, rev } of walkOpenItems(deps)) {
    const ownership = await readOwnership(deps, value);
    const item = applyOwnership(value, ownership);
    if (!hasSameOwnership(value, ownership)) await deps.store.commit({ expect: [[key, rev]], put: [toItemPut(item)] });
    if (item.review) inReview.push(value.snapshot.id);
    for (const owner of ownership.owners ?? []) {
      const isReady = isStartable(item, owner) && !isHidden(item) && !(await isHeldInBacklog(deps, item));
      tasksByAgent.get(owner)?.set(value.snapshot.id, isReady);
    }
    if (jobs.length < MIRROR_LIMIT) jobs.push(...(await createMirrorJobs(deps, { item, rev, accounts }, correlation)));
  }
  if (jobs.length > 0) await deps.store.commit({ jobs });
  await queueInterruptedChanges(deps, inReview);
  const counts = { assigned: 0, new: 0, woken: 0 };
  for (const agent of deps.settings.agents) {
    const tasks = tasksByAgent.get(agent.name) ?? new Map<string, boolean>();
    const startable = [...tasks].filter(([, isReady]) => isReady).map(([id]) => id);
    counts.assigned += tasks.size;
    counts.new += await commitAgentTasks(deps, agent.name, [...tasks.keys()]);
    counts.woken += await wakeForStartableTasks(deps, agent, startable);
  }
  return counts;
}

async function commitAgentTasks(deps: WorkDeps, agent: string, ids: readonly string[]): Promise<number> {
  const key = observedKeys.agent(agent);
  return updateValue<KeptAgent, number>(deps, key, async (kept) => {
    const before = kept?.tasks ?? {};
    const now = await deps.store.now();
    const next: KeptAgent = {
      tasks: Object.fromEntries(ids.toSorted().map((id) => [id, before[id] ?? now])),
    };
    if (kept && JSON.stringify(kept) === JSON.stringify(next)) return { result: 0 };
    const added = ids.filter((id) => before[id] === undefined);
    const afterCommit = () => {
      if (added.length > 0) deps.log.info("agent has new tasks", { agent, tasks: added });
    };
    return { put: [{ key, value: next }], result: added.length, afterCommit };
  });
}

async function* walkOpenItems(deps: WorkDeps) {
  for (const project of await listReadableProjects(deps))
    yield* scanRows<KeptItem>(deps, observedSets.open(project.id));
}
