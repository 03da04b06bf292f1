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

/** Interval between tries of a job for an unreadable project: 5 minutes, as an archived project may be restored. */
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
    if (body.type === "next_details") return readMostNeededDetails(deps);
    const outcome = await ("item" in body && "project" in body ? readForItem(deps, body) : evaluate(deps, body));
    return outcome ?? { done: true };
  },
};

/** Reads details, those that are needed most first, until one item has all of them: each waiting item has one job. */
async function readMostNeededDetails(deps: Deps): Promise<JobResult> {
  const startedAt = deps.clock();
  while (deps.clock() - startedAt < DETAILS_TURN_MS)
    if ((await readNextDetails(deps)) !== "partial") return { done: true };
  return { retryAt: await deps.store.now() };
}

/** Reads something about an item, for which its project must be readable: else the job is tried again later. */
async function readForItem(deps: Deps, body: Extract<ObserveBody, { item: string; project: string }>) {
  const { item, correlation } = body;
  const project = await findProject(deps, body.project);
  if (!project || project.removed) return undefined;
  if (!isReadableProject(project))
    return body.type === "completed_again" ? undefined : retryLater(deps, UNREADABLE_RETRY_MS);
  switch (body.type) {
    case "read":
      await readItemSince(deps, item, { project, correlation }, body.queued);
      break;
    case "details":
      await readIsolatedDetails(deps, item, project);
      break;
    case "initial_changes":
      // Changes since the baseline began are reported when it has ended, as those of held webhooks are.
      if (!project.baseline) return retryLater(deps, BASELINE_RETRY_MS);
      await handleInitialChanges(deps, item, { project, correlation, cause: correlation });
      break;
    case "completed_again":
      await checkCompletedAgain(deps, project, body);
  }
  return undefined;
}

async function retryLater({ store }: Deps, delay: Ms): Promise<JobResult> {
  return { retryAt: (await store.now()) + delay };
}

/** Evaluates stored records of an item or a project, or reads the projects or a project's cycles. */
async function evaluate(
  deps: Deps,
  body: Exclude<ObserveBody, { item: string; project: string } | { type: "next_details" }>,
): Promise<undefined> {
  const { correlation } = body;
  switch (body.type) {
    case "evaluate_blockers":
      await evaluateItemBlockers(deps, body.item, correlation);
      break;
    case "blocked_by_text":
      await observeBlockedByText(deps, body.item, correlation);
      break;
    case "reevaluate_dependants":
      await reevaluateDependants(deps, body.item, correlation);
      break;
    case "check_project":
      await completePlans(deps, body.project, correlation);
      await checkProjectCompletion(deps, body.project, correlation);
      break;
    case "projects":
      await readNewProjects(deps, body);
      break;
    case "cycles": {
      const project = await findProject(deps, body.project);
      if (project && isReadableProject(project) && project.began !== "") await readCycles(deps, project, correlation);
    }
  }
}

async function evaluateItemBlockers(deps: Deps, item: string, correlation: string): Promise<void> {
  const unknownBefore = await deps.store.count(observedSets.unknownTasks);
  await evaluateBlockers(deps, item, correlation);
  await queueResolveBlocked(deps, [item], correlation);
  // A poll wakes the agents for the tasks that turned out to be startable, all at once.
  if (unknownBefore > 0 && (await deps.store.count(observedSets.unknownTasks)) === 0)
    deps.requestPoll("the blockers of all agents' tasks are known");
}

async function reevaluateDependants(deps: Deps, item: string, correlation: string): Promise<void> {
  const dependants = await readDependantIds(deps, item);
  const [stored] = await deps.store.read<ItemRecord>([observedKeys.item(item)]);
  if (stored?.value.removedAt !== undefined) return dropItemEdges(deps, item, correlation);
  for (const dependant of dependants) await evaluateBlockers(deps, dependant, correlation);
  await queueResolveBlocked(deps, dependants, correlation);
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
