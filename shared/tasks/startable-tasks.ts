/** Which tasks an agent can start or still has to act on, and the wakes for those that no wake has named yet. */

import type { Deps } from "../app/deps.ts";
import type { AgentSettings } from "../config/settings-file.ts";
import { createWakeCheckJob } from "../jobs/wake-jobs.ts";
import { PlaneError } from "../plane/errors.ts";
import type { DependencyBlock, ProjectRecord } from "../records/plane-records.ts";
import { observedKeys, observedSets, workKeys } from "../records/store-keys.ts";
import type { ClaimRecord } from "../records/task-records.ts";
import type { Commit, Revision, StoredValue } from "../store/port.ts";
import { scanPages } from "../store/records.ts";
import { findNamedState } from "../sync/names.ts";
import { type ItemRecord, isOpenAndOwned, isOpenItem, isStartable } from "../task/snapshot.ts";
import { type PlanRun, readHiddenTasks } from "./plan-record.ts";
import {
  addWakeTasks,
  type LastCallRecord,
  MAX_TASKS,
  prepareWakeTasks,
  readWake,
  type WakeRecord,
  type WakeTask,
  wakeKeys,
} from "./wakes.ts";
import { isWishOpen, type Wish } from "./wishes.ts";

/** A task that an agent can start now, with the revision of the item. */
export interface StartableTask extends WakeTask {
  rev: Revision;
}

export type WakeTaskDeps = Pick<Deps, "store" | "cache" | "plane" | "clock" | "settings">;

type BacklogDeps = Pick<Deps, "cache" | "plane" | "clock"> & { settings: Pick<Deps["settings"], "wake_backlog"> };

/** Finds the tasks that the agent could claim now, at most as many as a wake names. No request to Plane. */
export async function findStartableTasks(deps: WakeTaskDeps, agent: string): Promise<StartableTask[]> {
  const isHidden = await readHiddenTasks(deps);
  const found: StoredValue<ItemRecord>[] = [];
  for await (const rows of scanPages<ItemRecord>(deps, observedSets.tasks(agent))) {
    const ready = rows.filter(({ value }) => isStartable(value, agent) && !isHidden(value));
    const claims = await deps.store.read<ClaimRecord>(ready.map(({ value }) => workKeys.claim(value.snapshot.id)));
    for (const [i, row] of ready.entries())
      if (claims[i] === undefined && !(await isHeldInBacklog(deps, row.value))) found.push(row);
    if (found.length >= MAX_TASKS) break;
  }
  return toStartableTasks(deps, found.slice(0, MAX_TASKS));
}

/** Names the tasks of these items as a wake does. */
export async function toStartableTasks(
  { store }: Pick<WakeTaskDeps, "store">,
  rows: readonly StoredValue<ItemRecord>[],
): Promise<StartableTask[]> {
  const projects = await store.read<ProjectRecord>(
    rows.map(({ value }) => observedKeys.project(value.snapshot.project)),
  );
  return rows.map(({ value: { snapshot }, rev }, i) => ({
    id: snapshot.id,
    key: `${projects[i]?.value.identifier ?? "?"}-${snapshot.sequence}`,
    reason: "assigned",
    title: snapshot.name,
    rev,
  }));
}

/** Filters the tasks on which the agent still has to act, according to the stored items, claims and blocks. The answer to a
 * question about no task is always one. */
export async function filterActionableTasks<T extends WakeTask>(
  deps: WakeTaskDeps,
  agent: string,
  tasks: readonly T[],
): Promise<T[]> {
  const ids = tasks.map(({ id }) => id);
  const [items, claims, blocks, wishes, runs] = await Promise.all([
    deps.store.read<ItemRecord>(ids.map(observedKeys.item)),
    deps.store.read<ClaimRecord>(ids.map(workKeys.claim)),
    deps.store.read<DependencyBlock>(ids.map(observedKeys.dependencyBlock)),
    deps.store.read<Wish>(ids.map(workKeys.wish)),
    deps.store.read<PlanRun>(ids.map(workKeys.planRun)),
  ]);
  const isHidden = await readHiddenTasks(deps);
  const isActionable = async (task: T, i: number): Promise<boolean> => {
    const item = items[i]?.value;
    if (task.question !== undefined) return true;
    switch (task.reason) {
      case "asked_for":
        return isWishUnsettled(wishes[i]?.value);
      case "plan_rejected":
        return runs[i]?.value.state === "rejected";
      case "plan_failed":
        return runs[i]?.value.state === "failed";
      case "plan_completed":
        return true;
      case "project_completed":
        return (await deps.store.count(observedSets.open(task.id))) === 0;
      case "stuck":
        return item !== undefined && isOpenItem(item) && isBlockedByDependency(blocks[i]?.value);
      case "circle":
        return item !== undefined && isOpenItem(item) && item.blockers.length > 0;
      case "answered":
        return item !== undefined && isOpenAndOwned(item, agent);
      case "sent_back":
        return item !== undefined && isOpenAndOwned(item, agent) && !(await isHeldInBacklog(deps, item));
      case "addressed":
        return item !== undefined && item.removedAt === undefined;
      case "stopped":
        return claims[i]?.value.agent !== agent && !(item !== undefined && isStartable(item, agent));
      case "assigned":
      case "unblocked":
        return (
          item !== undefined &&
          claims[i] === undefined &&
          isStartable(item, agent) &&
          !isHidden(item) &&
          !(await isHeldInBacklog(deps, item))
        );
    }
  };
  const flags = await Promise.all(tasks.map(isActionable));
  return tasks.filter((_, i) => flags[i]);
}

function isWishUnsettled(wish: Wish | undefined): boolean {
  return wish === undefined || isWishOpen(wish);
}

function isBlockedByDependency(block: DependencyBlock | undefined): boolean {
  return block?.phase === "blocking" || block?.phase === "blocked";
}

/**
 * Wakes an agent for startable tasks that no wake has included yet, and makes sure that tasks of earlier wakes are
 * checked, which repairs lost events and a lost store (rule 10). Tasks that the agent could no longer start are removed
 * from the record, so that they wake the agent again when it can. `ready` are the ids of tasks that the agent could
 * start unless claimed. Returns the number of tasks in the wake.
 */
export async function wakeForStartableTasks(
  deps: Pick<Deps, "store" | "notify">,
  agent: AgentSettings,
  ready: readonly string[],
): Promise<number> {
  if (agent.wake.kind === "none") return 0;
  const { name } = agent;
  const { wake } = await readWake(deps, name);
  const ids = new Set(ready);
  if (Object.keys(wake.wokenTasks).some((id) => !ids.has(id))) await forgetTasks(deps, name, ids);
  const claims = await deps.store.read<ClaimRecord>(ready.map(workKeys.claim));
  const startable = ready.filter((_, i) => claims[i] === undefined);
  const newIds = startable.filter((id) => wake.wokenTasks[id] === undefined);
  if (startable.length > newIds.length) await ensureCheck(deps, name, wake);
  const { tasks, found } = await readNewWakeTasks(deps, name, newIds);
  if (tasks.length > 0) await addWakeTasks(deps, name, tasks, { found });
  return tasks.length;
}

async function forgetTasks(deps: Pick<Deps, "store">, agent: string, ready: ReadonlySet<string>): Promise<void> {
  const key = wakeKeys.wake(agent);
  const { wake, rev } = await readWake(deps, agent);
  const { wokenTasks: allWoken, found: allFound = {}, ...rest } = wake;
  const [wokenTasks = {}, found = {}] = [allWoken, allFound].map((entries) =>
    Object.fromEntries(Object.entries(entries).filter(([id]) => ready.has(id))),
  );
  // A stale commit is ignored: another process is waking the agent, and the next tick checks again.
  await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: { ...rest, wokenTasks, found } }] });
}

/** Queues a check of the agent's tasks unless one is scheduled, a wake is under way, or a person was notified. */
async function ensureCheck(deps: Pick<Deps, "store" | "notify">, agent: string, wake: WakeRecord): Promise<void> {
  if (wake.checkAt !== undefined || wake.dueAt !== undefined || wake.posting) return;
  if (wake.notified && !(await hasReturned(deps, agent, wake.notified))) return;
  const now = await deps.store.now();
  await deps.store.commit({ jobs: [createWakeCheckJob(agent, now)] });
  deps.notify();
}

async function hasReturned(
  { store }: Pick<Deps, "store">,
  agent: string,
  notified: NonNullable<WakeRecord["notified"]>,
) {
  const [lastCall] = await store.read<LastCallRecord>([wakeKeys.lastCall(agent)]);
  return !notified.answered && lastCall !== undefined && lastCall.value.at > notified.at;
}

/** Reads those of these tasks that the agent can start, and the revisions of their records. */
async function readNewWakeTasks(
  deps: Pick<Deps, "store">,
  agent: string,
  ids: readonly string[],
): Promise<{ tasks: WakeTask[]; found: Record<string, Revision> }> {
  const rows = ids.length === 0 ? [] : await deps.store.read<ItemRecord>(ids.map(observedKeys.item));
  const startable = await toStartableTasks(
    deps,
    rows.flatMap((row) => (row && isStartable(row.value, agent) ? [row] : [])),
  );
  const found = Object.fromEntries(startable.map(({ id, rev }) => [id, rev]));
  return { tasks: startable.map(({ rev: _, ...task }) => task), found };
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
    wake: { wokenTasks },
  } = await readWake(deps, name);
  const claims = await deps.store.read<ClaimRecord>(ids.map(workKeys.claim));
  const newIds = ids.filter((id, i) => wokenTasks[id] === undefined && claims[i] === undefined);
  const { tasks, found } = await readNewWakeTasks(deps, name, newIds);
  return tasks.length > 0 ? prepareWakeTasks(deps, name, tasks, { found }) : undefined;
}

/**
 * Whether the item is in a state of Plane's group Backlog, of which no agent is woken unless `wake_backlog` is set. The
 * state's group is cached from every observation, so this rarely sends a request; a state that Plane cannot name now
 * counts as another one.
 */
export async function isHeldInBacklog(deps: BacklogDeps, { snapshot }: ItemRecord): Promise<boolean> {
  if (deps.settings.wake_backlog || snapshot.status !== "todo") return false;
  const state = await findNamedState(deps, snapshot.project, snapshot.state).catch((thrown: unknown) => {
    if (thrown instanceof PlaneError) return undefined;
    throw thrown;
  });
  return state?.group === "backlog";
}
