import type { Tick } from "../../shared/app/deps.ts";
import { observeAllBlockedByText } from "../../shared/observe/blocked-by-text.ts";
import { advanceCycles } from "../../shared/observe/cycles.ts";
import { evaluateAllBlockers } from "../../shared/observe/evaluate-blockers.ts";
import { refreshNames } from "../../shared/observe/name-cache.ts";
import type { ObserveDeps } from "../../shared/observe/observe-item.ts";
import { type ProjectPollResult, pollProject } from "../../shared/observe/poll-project.ts";
import { isReadableProject } from "../../shared/observe/project-record.ts";
import { readItemSince } from "../../shared/observe/read-item.ts";
import { readProjects } from "../../shared/observe/read-projects.ts";
import { reconcileIds } from "../../shared/observe/reconcile-ids.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import { PlaneError } from "../../shared/plane/errors.ts";
import type { StoreKey } from "../../shared/store/port.ts";
import { CONFIRM_LOSS_AFTER_MS } from "../../shared/task/merge-observation.ts";
import { queueResolveAllBlocked } from "../../shared/work/dependencies/queue-resolve-blocked.ts";
import { reportDependencyCycles } from "../../shared/work/dependencies/report-cycles.ts";
import { getPollCron } from "./poll-cron.ts";
import { updateAgentTasks } from "./update-agent-tasks.ts";

/**
 * Polls Plane: reads the projects and the changed items of each, confirms losses, and evaluates blockers and agents'
 * tasks from the stored state. It does not depend on webhooks, so it finds the changes that they miss.
 */
export const pollTick: Tick = {
  name: "poll",
  cron: getPollCron,
  async run(deps) {
    const correlation = `poll-${deps.newId()}`;
    const read = await readProjects(deps, correlation);
    await refreshNames(deps);
    const counts = await pollProjects(deps, read.projects, correlation);
    for (const project of read.projects.filter(isReadableProject))
      await advanceCycles(deps, project, read.date, correlation);
    await observeAllBlockedByText(deps, correlation);
    await evaluateAllBlockers(deps, correlation);
    await queueResolveAllBlocked(deps, correlation);
    await reportDependencyCycles(deps, correlation);
    const agents = await updateAgentTasks(deps, correlation);
    deps.kick();
    return { ...counts, ...agents };
  },
};

/**
 * Duration of a pass's lease: 20 s, so that a crash delays other processes only briefly. It is not renewed, because
 * overlapping passes only cost requests.
 */
const PASS_LEASE_MS = 20_000;
/** Interval between checks whether another process's pass has ended: 250 ms. */
const LEASE_CHECK_MS = 250;

/** Runs a pass over every readable project. A project that Plane refuses is logged and does not stop the others. */
export async function pollProjects(
  deps: ObserveDeps,
  projects: readonly KeptProject[],
  correlation: string,
): Promise<{ projects: number; pages: number; changed: number; removed: number }> {
  const counts = { projects: 0, pages: 0, changed: 0, removed: 0 };
  const unconfirmed: ProjectPollResult["unconfirmed"] = [];
  for (const project of projects.filter(isReadableProject)) {
    const pass = await pollProjectWithLock(deps, project, correlation);
    if (!pass) continue;
    counts.projects += 1;
    counts.pages += pass.pages;
    counts.changed += pass.changed;
    unconfirmed.push(...pass.unconfirmed);
    counts.removed += pass.removed;
  }
  if (unconfirmed.length > 0) {
    const requestedAt = await deps.store.now();
    // A read counts as later than its request only from the next millisecond on.
    await deps.wait(CONFIRM_LOSS_AFTER_MS + 1);
    for (const { project, item } of unconfirmed) await readItemSince(deps, item, { project, correlation }, requestedAt);
  }
  return counts;
}

async function pollProjectWithLock(
  deps: ObserveDeps,
  project: KeptProject,
  correlation: string,
): Promise<ProjectPollResult | undefined> {
  const lease = `pass:${project.id}`;
  const fence = await acquirePassLease(deps, lease);
  try {
    const pass = await pollProject(deps, project, correlation);
    if (!pass.hasCountMismatch) return pass;
    return { ...pass, removed: (await reconcileIds(deps, pass.project, correlation)).removed };
  } catch (thrown) {
    if (!isProjectError(thrown)) throw thrown;
    deps.log.warn("project poll failed", { correlation, project: project.identifier, error: thrown.message });
    return undefined;
  } finally {
    await deps.store.release(lease, fence);
  }
}

/**
 * Waits for another process's pass but does not replace this one by it: it may have begun too early, or never finish.
 */
async function acquirePassLease(deps: ObserveDeps, key: StoreKey): Promise<number> {
  const owner = deps.newId();
  for (;;) {
    const lease = await deps.store.lease(key, owner, PASS_LEASE_MS);
    if ("fence" in lease) return lease.fence;
    await deps.wait(LEASE_CHECK_MS);
  }
}

/** Whether the error concerns this project only, so that other projects can still be read. */
function isProjectError(thrown: unknown): thrown is PlaneError {
  return thrown instanceof PlaneError && ["auth", "not_found", "invalid", "unexpected"].includes(thrown.code);
}
