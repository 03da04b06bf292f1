/** Which tasks an agent can start or still has to act on, and the wakes for those that no wake has named yet. */

import type { Deps, StoreDeps } from "../app/deps.ts";
import type { AgentSettings } from "../config/settings-file.ts";
import { createWakeCheckJob } from "../jobs/internal-jobs.ts";
import { PlaneError } from "../plane/errors.ts";
import { readClaims } from "../records/claim-record.ts";
import { isBlockedByDependency, type ProjectRecord } from "../records/plane-records.ts";
import { observedKeys, observedSets, workKeys } from "../records/store-keys.ts";
import type { Revision, StoredValue } from "../store/port.ts";
import { scanPages, type ValueUpdate } from "../store/records.ts";
import { findNamedState } from "../sync/names.ts";
import { type ItemRecord, isOpenAndOwned, isOpenItem, isStartable } from "../task/snapshot.ts";
import { type PlanRun, readHiddenTasks } from "./plan-record.ts";
import { countUnread } from "./remark-record.ts";
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

export type WakeTaskDeps = Pick<Deps, "store" | "cache" | "plane" | "clock" | "settings" | "log">;

/** Finds the tasks that the agent could claim now, at most as many as a wake names. No request to Plane. */
export async function findStartableTasks(deps: WakeTaskDeps, agent: string): Promise<StartableTask[]> {
  const isHidden = await readHiddenTasks(deps);
  const found: StoredValue<ItemRecord>[] = [];
  for await (const rows of scanPages<ItemRecord>(deps, observedSets.tasks(agent))) {
    const ready = rows.filter(({ value }) => isStartable(value, agent) && !isHidden(value));
    const ids = ready.map(({ value }) => value.snapshot.id);
    const claims = await readClaims(deps, ids);
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
  const ids = rows.map(({ value }) => value.snapshot.project);
  const projects = await store.read<ProjectRecord>(ids.map(observedKeys.project));
  return rows.map(({ value: { snapshot }, rev }, i) => ({
    id: snapshot.id,
    key: `${projects[i]?.value.identifier ?? "?"}-${snapshot.sequence}`,
    reason: "assigned",
    title: snapshot.name,
    rev,
  }));
}

/**
 * Filters the tasks on which the agent still has to act, according to the stored items, claims and blocks. The answer
 * to a question about no task is always one.
 */
export async function filterActionableTasks<T extends WakeTask>(
  deps: WakeTaskDeps,
  agent: string,
  tasks: readonly T[],
): Promise<T[]> {
  const isHidden = await readHiddenTasks(deps);
  const flags = await Promise.all(tasks.map((task) => isActionable(deps, agent, task, isHidden)));
  return tasks.filter((_, i) => flags[i]);
}

async function isActionable(
  deps: WakeTaskDeps,
  agent: string,
  { id, reason, question }: WakeTask,
  isHidden: (item: ItemRecord) => boolean,
): Promise<boolean> {
  const { store } = deps;
  const [[row], [claim], [wish], [run]] = await Promise.all([
    store.read<ItemRecord>([observedKeys.item(id)]),
    readClaims(deps, [id]),
    store.read<Wish>([workKeys.wish(id)]),
    store.read<PlanRun>([workKeys.planRun(id)]),
  ]);
  const item = row?.value;
  if (question !== undefined) return true;
  switch (reason) {
    case "asked_for":
      return wish === undefined || isWishOpen(wish.value);
    case "plan_approved":
    case "plan_completed":
      return true;
    case "plan_rejected":
    case "plan_cancelled":
      return run?.value.state === "rejected";
    case "plan_failed":
      return run?.value.state === "failed";
    case "project_completed":
      return (await store.count(observedSets.open(id))) === 0;
    case "stopped":
      if (claim?.value.agent === agent) return false;
      if (!item || !isStartable(item, agent)) return true;
      return (
        (await store.read<ProjectRecord>([observedKeys.project(item.snapshot.project)]))[0]?.value.deleted === true
      );
    case "interrupted":
      return claim?.value.agent === agent;
    case "stuck":
      return item !== undefined && isOpenItem(item) && (await isBlockedByDependency(deps, id));
    case "circle":
      return item !== undefined && isOpenItem(item) && item.blockers.length > 0;
    case "answered":
      return item !== undefined && isOpenAndOwned(item, agent);
    case "sent_back":
      return item !== undefined && isOpenAndOwned(item, agent) && !(await isHeldInBacklog(deps, item));
    case "addressed":
      // An agent that calls gets a person's words with its answers, so the words alone need no run.
      return item !== undefined && item.removedAt === undefined && (await countUnread(deps, [id], agent))[0] !== 0;
    case "assigned":
    case "unblocked": {
      const canStart = item !== undefined && !claim && isStartable(item, agent) && !isHidden(item);
      return canStart && !(await isHeldInBacklog(deps, item));
    }
  }
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
  const { wake, rev } = await readWake(deps, name);
  const ids = new Set(ready);
  if (Object.keys(wake.wokenTasks).some((id) => !ids.has(id))) {
    const keepReady = <T>(entries: Record<string, T>) =>
      Object.fromEntries(Object.entries(entries).filter(([id]) => ids.has(id)));
    const value: WakeRecord = { ...wake, wokenTasks: keepReady(wake.wokenTasks), found: keepReady(wake.found ?? {}) };
    // A stale commit is ignored: another process is waking the agent, and the next tick checks again.
    await deps.store.commit({ expect: [[wakeKeys.wake(name), rev]], put: [{ key: wakeKeys.wake(name), value }] });
  }
  const startable = await filterUnclaimed(deps, ready);
  const newIds = startable.filter((id) => wake.wokenTasks[id] === undefined);
  if (startable.length > newIds.length) await ensureCheck(deps, name, wake);
  const { tasks, found } = await readNewWakeTasks(deps, name, newIds);
  if (tasks.length > 0) await addWakeTasks(deps, name, tasks, { found });
  return tasks.length;
}

async function filterUnclaimed(deps: StoreDeps, ids: readonly string[]): Promise<string[]> {
  const claims = await readClaims(deps, ids);
  return ids.filter((_, i) => claims[i] === undefined);
}

/** Queues a check of the agent's tasks unless one is scheduled, a wake is under way, or a person was notified. */
async function ensureCheck(deps: Pick<Deps, "store" | "notify">, agent: string, wake: WakeRecord): Promise<void> {
  const { checkAt, dueAt, posting, notified } = wake;
  if (checkAt !== undefined || dueAt !== undefined || posting || notified?.answered) return;
  const [lastCall] = await deps.store.read<LastCallRecord>([wakeKeys.lastCall(agent)]);
  // After a notice that it does not call, the agent is checked again once it has called.
  if (notified && (lastCall?.value.at ?? 0) <= notified.at) return;
  await deps.store.commit({ jobs: [createWakeCheckJob(agent, await deps.store.now())] });
  deps.notify();
}

/** Reads those of these tasks that the agent can start, and the revisions of their records. */
async function readNewWakeTasks(deps: StoreDeps, agent: string, ids: readonly string[]) {
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
  deps: StoreDeps,
  agent: AgentSettings,
  ids: readonly string[],
): Promise<ValueUpdate | undefined> {
  if (agent.wake.kind === "none") return undefined;
  const { name } = agent;
  const { wake } = await readWake(deps, name);
  const newIds = (await filterUnclaimed(deps, ids)).filter((id) => wake.wokenTasks[id] === undefined);
  const { tasks, found } = await readNewWakeTasks(deps, name, newIds);
  return tasks.length > 0 ? prepareWakeTasks(deps, name, tasks, { found }) : undefined;
}

/**
 * Whether the item is in a state of Plane's group Backlog, of which no agent is woken unless `wake_backlog` is set. The
 * state's group is cached from every observation, so this rarely sends a request; a state that Plane cannot name now
 * counts as another one.
 */
export async function isHeldInBacklog(deps: WakeTaskDeps, { snapshot }: ItemRecord): Promise<boolean> {
  if (deps.settings.wake_backlog || snapshot.status !== "todo") return false;
  const state = await findNamedState(deps, snapshot.project, snapshot.state).catch((thrown: unknown) => {
    if (thrown instanceof PlaneError) return undefined;
    throw thrown;
  });
  return state?.group === "backlog";
}
