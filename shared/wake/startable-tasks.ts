import { observedKeys, observedSets } from "../observe/store-keys.ts";
import type { KeptProject } from "../observe/stored-records.ts";
import type { Revision, StoredValue } from "../store/port.ts";
import { scanPages } from "../store/scan-set.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { isStartable } from "../task/startable.ts";
import type { KeptClaim } from "../work/claims/find-claim.ts";
import { workKeys } from "../work/context/work-keys.ts";
import { readHiddenTasks } from "../work/plan-runs/hidden-tasks.ts";
import type { WakeTaskDeps } from "./actionable.ts";
import { isHeldInBacklog } from "./backlog.ts";
import { MAX_TASKS } from "./pending-wake.ts";
import type { WakeTask } from "./wake-record.ts";

/** A task that an agent can start now, with the revision of the item. */
export interface StartableTask extends WakeTask {
  rev: Revision;
}

/** Finds the tasks that the agent could claim now, at most as many as a wake names. No request to Plane. */
export async function findStartableTasks(deps: WakeTaskDeps, agent: string): Promise<StartableTask[]> {
  const isHidden = await readHiddenTasks(deps);
  const found: StoredValue<KeptItem>[] = [];
  for await (const rows of scanPages<KeptItem>(deps, observedSets.tasks(agent))) {
    const ready = rows.filter(({ value }) => isStartable(value, agent) && !isHidden(value));
    const claims = await deps.store.read<KeptClaim>(ready.map(({ value }) => workKeys.claim(value.snapshot.id)));
    for (const [i, row] of ready.entries())
      if (claims[i] === undefined && !(await isHeldInBacklog(deps, row.value))) found.push(row);
    if (found.length >= MAX_TASKS) break;
  }
  return toStartableTasks(deps, found.slice(0, MAX_TASKS));
}

/** Names the tasks of these items as a wake does. */
export async function toStartableTasks(
  { store }: Pick<WakeTaskDeps, "store">,
  rows: readonly StoredValue<KeptItem>[],
): Promise<StartableTask[]> {
  const projects = await store.read<KeptProject>(rows.map(({ value }) => observedKeys.project(value.snapshot.project)));
  return rows.map(({ value: { snapshot }, rev }, i) => ({
    id: snapshot.id,
    key: `${projects[i]?.value.identifier ?? "?"}-${snapshot.sequence}`,
    reason: "assigned",
    title: snapshot.name,
    rev,
  }));
}
