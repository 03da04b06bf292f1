import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import { type ObserveBody, observeBodySchema } from "../../shared/jobs/observe-jobs.ts";
import { observeBlockedByText } from "../../shared/observe/blocked-by-text.ts";
import { checkProjectCompletion } from "../../shared/observe/check-project-completion.ts";
import { readComments } from "../../shared/observe/comments.ts";
import { checkCompletedAgain } from "../../shared/observe/completed-again.ts";
import { readCycles } from "../../shared/observe/cycles.ts";
import { dropItemEdges, readDependantIds } from "../../shared/observe/dependency-edges.ts";
import { evaluateBlockers } from "../../shared/observe/evaluate-blockers.ts";
import type { ObservationSource } from "../../shared/observe/observe-item.ts";
import { isReadableProject, listReadableProjects } from "../../shared/observe/project-record.ts";
import { markDetailsRead, readItem, readItemSince } from "../../shared/observe/read-item.ts";
import { readProjects } from "../../shared/observe/read-projects.ts";
import { readRelations } from "../../shared/observe/relations.ts";
import { observedKeys } from "../../shared/observe/store-keys.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import { PlaneNotFoundError } from "../../shared/plane/errors.ts";
import type { Settlement } from "../../shared/store/port.ts";
import { isOpen } from "../../shared/task/diff.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { MINUTE } from "../../shared/time.ts";
import { queueResolveBlocked } from "../../shared/work/dependencies/queue-resolve-blocked.ts";
import { pollProjects } from "./poll-tick.ts";

/** Interval between tries of a job for an unreadable project: 5 minutes, because an archived project may be restored. */
const UNREADABLE_RETRY_MS = 5 * MINUTE;

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
        return handleItemJob(deps, body);
      default:
        await handleJob(deps, body);
        return { done: true };
    }
  },
};

type ItemBody = Extract<ObserveBody, { do: "read" | "details" | "fill" }>;

async function handleItemJob(deps: Deps, body: ItemBody): Promise<Settlement> {
  const project = await findProject(deps, body.project);
  if (!project || project.gone) return { done: true };
  if (!isReadableProject(project)) return { retryAt: (await deps.store.now()) + UNREADABLE_RETRY_MS };
  await readItemParts(deps, body, project);
  return { done: true };
}

async function readItemParts(deps: Deps, body: ItemBody, project: KeptProject): Promise<void> {
  const { correlation } = body;
  switch (body.do) {
    case "read":
      return readItemSince(deps, body.item, { project, correlation }, body.queued);
    case "details":
      return withKeptItem(deps, body, project, async (item, source) => {
        await readComments(deps, item, source);
        await readRelations(deps, item, source);
        await markDetailsRead(deps, item);
      });
    case "fill":
      return withKeptItem(deps, body, project, async (item, source) => {
        if (isOpen(item.snapshot.word)) await readRelations(deps, item, source);
      });
  }
}

async function handleJob(deps: Deps, body: Exclude<ObserveBody, ItemBody>): Promise<void> {
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
    case "completed_again": {
      const project = await findProject(deps, body.project);
      if (project && isReadableProject(project)) await checkCompletedAgain(deps, project, body);
      return;
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

async function withKeptItem(
  deps: Deps,
  body: ItemBody,
  project: KeptProject,
  read: (item: KeptItem, source: ObservationSource) => Promise<void>,
): Promise<void> {
  const [item] = await deps.store.read<KeptItem>([observedKeys.item(body.item)]);
  if (!item || item.value.gone !== undefined) return;
  const source = { project, correlation: body.correlation, cause: body.correlation };
  try {
    await read(item.value, source);
  } catch (thrown) {
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    await readItem(deps, body.item, source);
  }
}

async function findProject(deps: Deps, id: string): Promise<KeptProject | undefined> {
  const [kept] = await deps.store.read<KeptProject>([observedKeys.project(id)]);
  return kept?.value;
}
