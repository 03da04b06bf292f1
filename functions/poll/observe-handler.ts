import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import { isCommentsJob, type ObserveBody, observeBodySchema } from "../../shared/jobs/observe-jobs.ts";
import { observeBlockedByText } from "../../shared/observe/blocked-by-text.ts";
import { readCycles } from "../../shared/observe/cycles.ts";
import { dropItemEdges, readDependantIds } from "../../shared/observe/dependency-edges.ts";
import { evaluateBlockers } from "../../shared/observe/evaluate-blockers.ts";
import {
  checkProjectCompletion,
  isReadableProject,
  listReadableProjects,
  readProjects,
} from "../../shared/observe/projects.ts";
import { readIsolatedDetails, readNextDetails } from "../../shared/observe/read-details.ts";
import { readItemSince } from "../../shared/observe/read-item.ts";
import { requestItemDetails } from "../../shared/observe/request-details.ts";
import { observedKeys } from "../../shared/observe/store-keys.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import type { LeasedJob, Settlement } from "../../shared/store/port.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { queueResolveBlocked } from "../../shared/work/dependencies/block-dependants.ts";
import { pollProjects } from "./poll-tick.ts";

/** Interval between tries of a job for an unreadable project: 5 minutes, because an archived project may be restored. */
const UNREADABLE_RETRY_MS = 5 * MINUTE;

/** Limit of the time in which one job begins reads of details: 20 s, so that its last call ends within the lease. */
const DETAILS_TURN_MS: Ms = 20 * SECOND;

/** Handles the queue `observe`: reads of single items and their details, and evaluations of stored records. */
export const observeHandler: JobHandler = {
  queue: "observe",
  // Handling a job twice is harmless, so the lease only has to cover a call that waits 90 s for Plane's rate limit.
  leaseMs: 2 * MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const body = observeBodySchema.parse(job.body);
    switch (body.do) {
      case "read":
      case "details":
      case "fill":
        return handleItemJob(deps, body, job);
      case "next_details":
        return readMostNeededDetails(deps);
      default:
        await handleJob(deps, body);
        return { done: true };
    }
  },
};

type ItemBody = Extract<ObserveBody, { do: "read" | "details" | "fill" }>;

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
  }
}

async function handleJob(deps: Deps, body: Exclude<ObserveBody, ItemBody | { do: "next_details" }>): Promise<void> {
  const { correlation } = body;
  switch (body.do) {
    case "evaluate":
      await evaluateBlockers(deps, body.item, correlation);
      return queueResolveBlocked(deps, [body.item], correlation);
    case "lines":
      return observeBlockedByText(deps, body.item, correlation);
    case "fan": {
      const dependants = await readDependantIds(deps, body.item);
      const [kept] = await deps.store.read<KeptItem>([observedKeys.item(body.item)]);
      if (kept?.value.gone !== undefined) return dropItemEdges(deps, body.item, correlation);
      for (const dependant of dependants) await evaluateBlockers(deps, dependant, correlation);
      return queueResolveBlocked(deps, dependants, correlation);
    }
    case "project_check":
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

async function findProject(deps: Deps, id: string): Promise<KeptProject | undefined> {
  const [kept] = await deps.store.read<KeptProject>([observedKeys.project(id)]);
  return kept?.value;
}
