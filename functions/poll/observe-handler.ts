import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import { parseJobBody } from "../../shared/jobs/job-body.ts";
import { type ObserveBody, observeBodySchema } from "../../shared/jobs/observe-jobs.ts";
import { PlaneNotFoundError } from "../../shared/plane/errors.ts";
import { isReadableProject, listReadableProjects, type ProjectRecord } from "../../shared/records/plane-records.ts";
import { observedKeys, observedSets } from "../../shared/records/store-keys.ts";
import type { JobResult } from "../../shared/store/port.ts";
import { evaluateBlockers } from "../../shared/sync/blockers.ts";
import { readCycles } from "../../shared/sync/cycles.ts";
import { dropItemEdges, observeBlockedByText, readDependantIds } from "../../shared/sync/dependency-edges.ts";
import { readIsolatedDetails, readNextDetails } from "../../shared/sync/details.ts";
import type { ObservationSource } from "../../shared/sync/event-facts.ts";
import { checkCompletedAgain, reportInitialChanges } from "../../shared/sync/missed-changes.ts";
import { readItem, readItemSince } from "../../shared/sync/observe-item.ts";
import { checkProjectCompletion, readProjects } from "../../shared/sync/projects.ts";
import type { ItemRecord } from "../../shared/task/snapshot.ts";
import { queueResolveBlocked } from "../../shared/tasks/dependency-blocks.ts";
import { completePlans } from "../../shared/tasks/planning/decide-plan.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { pollProjects } from "./poll-tick.ts";

/** Interval between tries of a job for an unreadable project: 5 minutes, because an archived project may be restored. */
const UNREADABLE_RETRY_MS = 5 * MINUTE;

/** Interval between checks whether a project's baseline has ended: 5 seconds. */
const BASELINE_RETRY_MS = 5 * SECOND;

/** Limit of the time in which one job begins reads of details: 20 s, so that its last call ends within the lease. */
const DETAILS_TURN_MS: Ms = 20 * SECOND;

/** Handles the queue `observe`: reads of single items and their details, and evaluations of stored records. */
export const observeHandler: JobHandler = {
  queue: "observe",
  // Handling a job twice is harmless, so the lease only has to cover a call that waits 90 s for Plane's rate limit.
  leaseMs: 2 * MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const body = parseJobBody(job, observeBodySchema);
    switch (body.type) {
      case "read":
      case "details":
      case "initial_changes":
        return handleItemJob(deps, body);
      case "next_details":
        return readMostNeededDetails(deps);
      default:
        await handleJob(deps, body);
        return { done: true };
    }
  },
};

type ItemBody = Extract<ObserveBody, { type: "read" | "details" | "initial_changes" }>;

/** Reads details, those that are needed most first, until one item has all of them: each waiting item has one job. */
async function readMostNeededDetails(deps: Deps): Promise<JobResult> {
  const startedAt = deps.clock();
  while (deps.clock() - startedAt < DETAILS_TURN_MS) {
    if ((await readNextDetails(deps)) !== "partial") return { done: true };
  }
  return { retryAt: await deps.store.now() };
}

async function handleItemJob(deps: Deps, body: ItemBody): Promise<JobResult> {
  const project = await findProject(deps, body.project);
  if (!project || project.removed) return { done: true };
  if (!isReadableProject(project)) return { retryAt: (await deps.store.now()) + UNREADABLE_RETRY_MS };
  // Changes since the baseline began are reported when it has ended, as those of held webhooks are.
  if (body.type === "initial_changes" && !project.baseline)
    return { retryAt: (await deps.store.now()) + BASELINE_RETRY_MS };
  await handleReadableItemJob(deps, body, project);
  return { done: true };
}

async function handleReadableItemJob(deps: Deps, body: ItemBody, project: ProjectRecord): Promise<void> {
  const { item, correlation } = body;
  const source = { project, correlation };
  switch (body.type) {
    case "read":
      return readItemSince(deps, item, source, body.queued);
    case "details":
      return readIsolatedDetails(deps, item, project);
    case "initial_changes":
      return handleInitialChanges(deps, item, { ...source, cause: correlation });
  }
}

async function handleJob(deps: Deps, body: Exclude<ObserveBody, ItemBody | { type: "next_details" }>): Promise<void> {
  const { correlation } = body;
  switch (body.type) {
    case "evaluate_blockers": {
      const unknownBefore = await deps.store.count(observedSets.unknownTasks);
      await evaluateBlockers(deps, body.item, correlation);
      await queueResolveBlocked(deps, [body.item], correlation);
      // A poll wakes the agents for the tasks that turned out to be startable, all at once.
      if (unknownBefore > 0 && (await deps.store.count(observedSets.unknownTasks)) === 0)
        deps.requestPoll("the blockers of all agents' tasks are known");
      return;
    }
    case "blocked_by_text":
      return observeBlockedByText(deps, body.item, correlation);
    case "reevaluate_dependants": {
      const dependants = await readDependantIds(deps, body.item);
      const [stored] = await deps.store.read<ItemRecord>([observedKeys.item(body.item)]);
      if (stored?.value.removedAt !== undefined) return dropItemEdges(deps, body.item, correlation);
      for (const dependant of dependants) await evaluateBlockers(deps, dependant, correlation);
      return queueResolveBlocked(deps, dependants, correlation);
    }
    case "completed_again": {
      const project = await findProject(deps, body.project);
      if (project && isReadableProject(project)) await checkCompletedAgain(deps, project, body);
      return;
    }
    case "check_project":
      await completePlans(deps, body.project, correlation);
      return checkProjectCompletion(deps, body.project, correlation);
    case "projects":
      return readNewProjects(deps, body);
    case "cycles": {
      const project = await findProject(deps, body.project);
      if (project && isReadableProject(project) && project.began !== "") await readCycles(deps, project, correlation);
    }
  }
}

/** Reads the items of new projects at once; known projects wait for the poll. */
async function readNewProjects(deps: Deps, body: Extract<ObserveBody, { type: "projects" }>): Promise<void> {
  const [last] = await deps.store.read<{ at: number }>([observedKeys.projectsRead]);
  if (!last || last.value.at <= body.queued) await readProjects(deps, body.correlation);
  const unread = (await listReadableProjects(deps)).filter((project) => !project.baseline);
  await pollProjects(deps, unread, body.correlation);
}

/** Reports the changes before an item's first read; when Plane no longer has the item, that is observed instead. */
async function handleInitialChanges(deps: Deps, id: string, source: ObservationSource): Promise<void> {
  const [stored] = await deps.store.read<ItemRecord>([observedKeys.item(id)]);
  if (!stored || stored.value.removedAt !== undefined) return;
  try {
    await reportInitialChanges(deps, stored.value, source);
  } catch (thrown) {
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    await readItem(deps, id, source);
  }
}

async function findProject(deps: Deps, id: string): Promise<ProjectRecord | undefined> {
  const [stored] = await deps.store.read<ProjectRecord>([observedKeys.project(id)]);
  return stored?.value;
}
