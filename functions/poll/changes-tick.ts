/**
 * Finds between two polls what no webhook reports, by what the quotas have to spare: changes of the projects in which
 * people and agents work, and dependencies of blocked tasks that people removed by hand.
 */

import type { Deps, Tick } from "../../shared/app/deps.ts";
import { DEFAULT_POLL_CRON } from "../../shared/config/environment.ts";
import { withCallOptions } from "../../shared/plane/endpoint.ts";
import { isTransientPlaneError, PlaneNotFoundError, PlaneRateLimitedError } from "../../shared/plane/errors.ts";
import { workItemsApi } from "../../shared/plane/work-items.ts";
import {
  isReadableProject,
  listReadableProjects,
  type PassMark,
  type ProjectRecord,
  type RelationsRecord,
} from "../../shared/records/plane-records.ts";
import { observedKeys, observedSets } from "../../shared/records/store-keys.ts";
import type { StoreKey } from "../../shared/store/port.ts";
import { scanRows } from "../../shared/store/records.ts";
import { readRelations } from "../../shared/sync/blockers.ts";
import { readWithIdleKeys } from "../../shared/sync/spare-reads.ts";
import type { ItemRecord } from "../../shared/task/snapshot.ts";
import { isAgentTask } from "../../shared/task/unread-details.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { lookAtProject, reportWrongLists } from "./poll-tick.ts";

/** The run ends before the next one is due: 13 of 15 s. */
const RUN_MS: Ms = 13 * SECOND;

/** A project is looked at again after 14 s, so that each run looks at it and a process beside this one does not. */
const LOOK_AGAIN_MS: Ms = 14 * SECOND;

/** The relations of a blocked task are read again after a minute. */
const READ_AGAIN_MS: Ms = MINUTE;

/** Limit of the time that one look waits for the quota of its key: 2 s, about two turns of an agent. */
const LOOK_WAIT_MS: Ms = 2 * SECOND;

/**
 * Looks for changes every 15 s. A relation changes the item on whose page it was added or removed, without a webhook;
 * a project's list shows that for one request. Where POLL_CRON is set, people have chosen when Plane is read.
 */
export const changesTick: Tick = {
  name: "changes",
  cron: ({ pollCron }) => (pollCron === DEFAULT_POLL_CRON ? "*/15 * * * * *" : pollCron),
  // The times that reads store keep processes from reading the same.
  sideBySide: true,
  async run(deps) {
    if (deps.settings.agents.length === 0) return { changed: 0 };
    const correlation = `changes-${deps.newId()}`;
    const end = deps.clock() + RUN_MS;
    const changed = await lookAtProjects(deps, end, correlation);
    await readBlockedTasksAgain(deps, end, correlation);
    await reportWrongLists(deps);
    deps.notify();
    return { changed };
  },
};

/** Looks for changed items in all projects with open items, those first that were read the longest ago. */
async function lookAtProjects(deps: Deps, end: Ms, correlation: string): Promise<number> {
  let changed = 0;
  for (const project of await listProjectsToLookAt(deps)) {
    const progress = await readWhileQuota(deps, end, () =>
      readWithIdleKeys(deps, { project: project.id }, workItemsApi.list.operation, async (plane) => {
        // The calls take only what other calls leave of the quota.
        const spare = { priority: "spare", waitBudget: { left: LOOK_WAIT_MS } } as const;
        const sparePlane = withCallOptions(plane, (options) => ({ ...options, ...spare }));
        changed += await lookAtProject(deps, project, sparePlane, correlation);
      }),
    );
    if (progress === "ended") break;
  }
  return changed;
}

async function listProjectsToLookAt(deps: Deps): Promise<ProjectRecord[]> {
  const known = (await listReadableProjects(deps)).filter(
    ({ baseline, doubt }) => baseline && (!doubt || doubt.reason === "shorter"),
  );
  const counts = await Promise.all(known.map(({ id }) => deps.store.count(observedSets.open(id))));
  const projects = known.filter((_, i) => counts[i] !== 0);
  return listDue<ProjectRecord, PassMark>(deps, projects, ({ id }) => observedKeys.mark(id), LOOK_AGAIN_MS);
}

/** Returns those last read `interval` ago or earlier, the longest ago first; `toKey`: of the record of the read. */
async function listDue<T, Read extends { at: Ms }>(
  { store }: Pick<Deps, "store">,
  all: readonly T[],
  toKey: (one: T) => StoreKey,
  interval: Ms,
) {
  const reads = await store.read<Read>(all.map(toKey));
  const readBefore = (await store.now()) - interval;
  return all
    .map((one, i) => ({ one, at: reads[i]?.value.at ?? 0 }))
    .filter(({ at }) => at <= readBefore)
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

/** Reads the relations of blocked tasks that an agent could start without their blockers, in turn. */
async function readBlockedTasksAgain(deps: Deps, end: Ms, correlation: string): Promise<void> {
  for (const item of await listBlockedTasks(deps)) {
    const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(item.snapshot.project)]);
    if (!project || !isReadableProject(project.value)) continue;
    const source = { project: project.value, correlation, cause: correlation };
    if ((await readWhileQuota(deps, end, () => readRelations(deps, item, source, "idle"))) === "ended") return;
  }
}

async function listBlockedTasks(deps: Pick<Deps, "store">): Promise<ItemRecord[]> {
  const tasks: ItemRecord[] = [];
  for await (const { value } of scanRows<ItemRecord>(deps, observedSets.waiting))
    if (isAgentTask(value) && !value.stopped && !value.review && !value.unread?.parts.relations) tasks.push(value);
  const toKey = ({ snapshot }: ItemRecord) => observedKeys.relations(snapshot.id);
  return listDue<ItemRecord, RelationsRecord>(deps, tasks, toKey, READ_AGAIN_MS);
}

/** Reads as soon as a key has quota; ends the run when that is after its end, or when Plane does not answer. */
async function readWhileQuota(deps: Deps, end: Ms, read: () => Promise<unknown>): Promise<"read" | "ended"> {
  while (deps.clock() < end && !deps.stopping.aborted) {
    try {
      await read();
      return "read";
    } catch (thrown) {
      // The next poll finds that the item is gone.
      if (thrown instanceof PlaneNotFoundError) return "read";
      if (!isTransientPlaneError(thrown)) throw thrown;
      const wait = thrown instanceof PlaneRateLimitedError ? thrown.retryAfter : Number.POSITIVE_INFINITY;
      if (deps.clock() + wait >= end) return "ended";
      await deps.wait(wait, deps.stopping);
    }
  }
  return "ended";
}
