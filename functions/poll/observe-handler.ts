import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import { isCommentsJob, type ObserveBody, observeBodySchema } from "../../shared/jobs/observe-jobs.ts";
import { parseJobBody } from "../../shared/jobs/parse-job-body.ts";
import { observeBlockedByText } from "../../shared/observe/blocked-by-text.ts";
import { checkProjectCompletion } from "../../shared/observe/check-project-completion.ts";
import { checkCompletedAgain } from "../../shared/observe/completed-again.ts";
import { readCycles } from "../../shared/observe/cycles.ts";
import { dropItemEdges, readDependantIds } from "../../shared/observe/dependency-edges.ts";
import { evaluateBlockers } from "../../shared/observe/evaluate-blockers.ts";
import { reportInitialChanges } from "../../shared/observe/initial-changes.ts";
import type { ObservationSource } from "../../shared/observe/observe-item.ts";
import { isReadableProject, listReadableProjects } from "../../shared/observe/project-record.ts";
import { readIsolatedDetails, readNextDetails } from "../../shared/observe/read-details.ts";
import { readItem, readItemSince } from "../../shared/observe/read-item.ts";
import { readProjects } from "../../shared/observe/read-projects.ts";
import { requestItemDetails } from "../../shared/observe/request-details.ts";
import { observedKeys, observedSets } from "../../shared/observe/store-keys.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import { PlaneNotFoundError } from "../../shared/plane/errors.ts";
import type { LeasedJob, Settlement } from "../../shared/store/job-operations.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { queueResolveBlocked } from "../../shared/work/dependencies/queue-resolve-blocked.ts";
import { completePlans } from "../../shared/work/plan-runs/complete-plans.ts";
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
    switch (body.do) {
      case "read":
      case "details":
      case "fill":
      case "initial_changes":
        return handleItemJob(deps, body, job);
      case "next_details":
        return readMostNeededDetails(deps);
      default:
        await handleJob(deps, body);
        return { done: true };
    }
  },
};

type ItemBody = Extract<ObserveBody, { do: "read" | "details" | "fill" | "initial_changes" }>;

/** Reads details, those that are needed most first, until one item has all of them: each waiting item has one job. */
async function readMostNeededDetails(deps: Deps): Promise<Settlement> {
  const startedAt = deps.clock();
  while (deps.clock() - startedAt < DETAILS_TURN_MS) {
    if ((await readNextDetails(deps)) !== "partial") return { done: true };
  }
  return { retryAt: await deps.store.now() };
}

async function handleItemJob(deps: Deps, body: ItemBody, job: LeasedJob): Promise<Settlement> {
  const project = await findProject(deps, body.project);
  if (!project || project.gone) return { done: true };
  if (!isReadableProject(project)) return { retryAt: (await deps.store.now()) + UNREADABLE_RETRY_MS };
  // Changes since the baseline began are reported when it has ended, as those of held webhooks are.
  if (body.do === "initial_changes" && !project.baseline)
    return { retryAt: (await deps.store.now()) + BASELINE_RETRY_MS };
  await handleReadableItemJob(deps, body, job, project);
  return { done: true };
}

async function handleReadableItemJob(deps: Deps, body: ItemBody, job: LeasedJob, project: KeptProject): Promise<void> {
  const { item, correlation } = body;
  const source = { project, correlation };
  switch (body.do) {
    case "read":
      return readItemSince(deps, item, source, body.queued);
    case "details":
      if (body.isolated) return readIsolatedDetails(deps, item, project);
      return requestItemDetails(deps, item, source, isCommentsJob(job) ? "comments" : "changes");
    case "fill":
      return requestItemDetails(deps, item, source, "backfill");
    case "initial_changes":
      return handleInitialChanges(deps, item, { ...source, cause: correlation });
  }
}

async function handleJob(deps: Deps, body: Exclude<ObserveBody, ItemBody | { do: "next_details" }>): Promise<void> {
  const { correlation } = body;
  switch (body.do) {
    case "evaluate": {
      const unknownBefore = await deps.store.count(observedSets.unknownTasks);
      await evaluateBlockers(deps, body.item, correlation);
      await queueResolveBlocked(deps, [body.item], correlation);
      // A poll wakes the agents for the tasks that turned out to be startable, all at once.
      if (unknownBefore > 0 && (await deps.store.count(observedSets.unknownTasks)) === 0)
        deps.requestPoll("the blockers of all agents' tasks are known");
      return;
    }
    case "lines":
      return observeBlockedByText(deps, body.item, correlation);
    case "fan": {
      const dependants = await readDependantIds(deps, body.item);
      const [kept] = await deps.store.read<KeptItem>([observedKeys.item(body.item)]);
      if (kept?.value.gone !== undefined) return dropItemEdges(deps, body.item, correlation);
      for (const dependant of dependants) await evaluateBlockers(deps, dependant, correlation);
      return queueResolveBlocked(deps, dependants, correlation);
    }
    case "completed_again": {
      const project = await findProject(deps, body.project);
      if (project && isReadableProject(project)) await checkCompletedAgain(deps, project, body);
      return;
    }
    case "project_check":
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
async function readNewProjects(deps: Deps, body: Extract<ObserveBody, { do: "projects" }>): Promise<void> {
  const [last] = await deps.store.read<{ at: number }>([observedKeys.projectsRead]);
  if (!last || last.value.at <= body.queued) await readProjects(deps, body.correlation);
  const unread = (await listReadableProjects(deps)).filter((project) => !project.baseline);
  await pollProjects(deps, unread, body.correlation);
}

/** Reports the changes before an item's first read; when Plane no longer has the item, that is observed instead. */
async function handleInitialChanges(deps: Deps, id: string, source: ObservationSource): Promise<void> {
  const [kept] = await deps.store.read<KeptItem>([observedKeys.item(id)]);
  if (!kept || kept.value.gone !== undefined) return;
  try {
    await reportInitialChanges(deps, kept.value, source);
  } catch (thrown) {
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    await readItem(deps, id, source);
  }
}

async function findProject(deps: Deps, id: string): Promise<KeptProject | undefined> {
  const [kept] = await deps.store.read<KeptProject>([observedKeys.project(id)]);
  return kept?.value;
}
