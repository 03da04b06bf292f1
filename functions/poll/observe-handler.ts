/**
 * The handler of the queue `observe`. Some changes no observation showed, and an item's activities tell them
 * afterwards: what happened between the beginning of a baseline and the item's first read, and a task that was reopened
 * and completed again.
 */

import type { Deps, JobHandler, SyncDeps } from "../../shared/app/deps.ts";
import {
  createObserveJob,
  type ObserveBody,
  observeBodySchema,
  parseJobBody,
} from "../../shared/jobs/internal-jobs.ts";
import { keepDefined, omitUndefined } from "../../shared/omit-undefined.ts";
import { PlaneNotFoundError } from "../../shared/plane/errors.ts";
import type { PlaneActivity } from "../../shared/plane/work-items.ts";
import {
  getNewSince,
  isReadableProject,
  listReadableProjects,
  type ProjectRecord,
} from "../../shared/records/plane-records.ts";
import { observedKeys, observedSets } from "../../shared/records/store-keys.ts";
import type { JobResult } from "../../shared/store/port.ts";
import { updateValue } from "../../shared/store/records.ts";
import { evaluateBlockers } from "../../shared/sync/blockers.ts";
import { readCycles } from "../../shared/sync/cycles.ts";
import { dropItemEdges, observeBlockedByText, readDependantIds } from "../../shared/sync/dependency-edges.ts";
import { readIsolatedDetails, readNextDetails } from "../../shared/sync/details.ts";
import {
  isActivitySince,
  type ObservationSource,
  prepareChange,
  readItemFacts,
  toChangedField,
} from "../../shared/sync/event-facts.ts";
import { toUnobservedPut } from "../../shared/sync/item-record.ts";
import { findManagedLabelName, findNamedState } from "../../shared/sync/names.ts";
import { prepareItemUpdate, readItem, readItemSince } from "../../shared/sync/observe-item.ts";
import { checkProjectCompletion, prepareUnreportedCompletion, readProjects } from "../../shared/sync/projects.ts";
import { readActivities } from "../../shared/sync/spare-reads.ts";
import { diff, type TaskEvent, toEventId } from "../../shared/task/events.ts";
import { type ItemRecord, PRIORITIES, type Snapshot, toStatus } from "../../shared/task/snapshot.ts";
import { queueResolveBlocked } from "../../shared/tasks/dependencies.ts";
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

/**
 * Duration for which each observation of such an item reads its activities again: 10 minutes. The worker changes
 * `updated_at` when it writes an activity, so a late activity is followed by an observation.
 */
const LATE_ACTIVITIES_MS: Ms = 10 * MINUTE;

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

/**
 * Reports what changed on an existing item between the beginning of its project's baseline and its first read: the
 * item's activities since then are undone, and the result is compared with the state at the first read. Every event is
 * decided once, however often this runs. Costs one request.
 */
async function reportInitialChanges(deps: SyncDeps, item: ItemRecord, source: ObservationSource) {
  if (!item.initial) return;
  const { id } = item.snapshot;
  const { project } = source;
  const since = getNewSince(project);
  const { rows } = await readActivities(deps, { id, project: project.id });
  const activities = rows.filter((activity) => isActivitySince(activity, since));

  await updateValue<ItemRecord>(deps, observedKeys.item(id), async (stored, rev) => {
    if (!stored?.initial || stored.removedAt !== undefined) return undefined;
    const { initial, ...rest } = stored;
    const first: ItemRecord = { snapshot: initial.snapshot, blockers: [] };
    const before = await undoActivities(deps, first.snapshot, activities);
    const events = diff({ snapshot: before, blockers: [] }, first).filter(
      (event) => !initial.reported.includes(toEventId(event)),
    );
    const isOver = (await deps.store.now()) - initial.at > LATE_ACTIVITIES_MS;
    if (events.length === 0 && !isOver) return undefined;
    const hasKind = (...kinds: TaskEvent["kind"][]) => events.some(({ kind }) => kinds.includes(kind));
    const next: ItemRecord = {
      ...rest,
      ...omitUndefined({
        startedAt: stored.startedAt ?? (hasKind("started") ? first.snapshot.updatedAt : undefined),
        initial: isOver ? undefined : { ...initial, reported: [...initial.reported, ...events.map(toEventId)] },
      }),
    };
    const completion = hasKind("completed", "cancelled")
      ? await prepareUnreportedCompletion(deps, project.id)
      : undefined;
    const check = createObserveJob({ type: "check_project", project: project.id }, `initial:${id}`);
    const update = await prepareChange(deps, {
      key: observedKeys.item(id),
      // These are events of the first read, which replaced nothing.
      rev: 0,
      events,
      correlation: source.correlation,
      via: "read",
      facts: (event) =>
        readItemFacts(deps, project, { ...stored, snapshot: first.snapshot }, event, { hint: source.hint }),
      put: [toUnobservedPut(next, rev), ...(completion?.put ?? [])],
      jobs: completion ? [check] : [],
    });
    return { ...update, expect: completion?.expect ?? [] };
  });
}

async function findProject(deps: Deps, id: string): Promise<ProjectRecord | undefined> {
  const [stored] = await deps.store.read<ProjectRecord>([observedKeys.project(id)]);
  return stored?.value;
}

/**
 * Returns the item as it was before these activities. The earliest activity of a field contains the value before all of
 * them, so it does not matter which of them the snapshot already shows.
 */
async function undoActivities(deps: SyncDeps, snapshot: Snapshot, activities: readonly PlaneActivity[]) {
  const before = { ...snapshot };
  const newestFirst = [...activities].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  for (const activity of newestFirst) undoActivity(before, activity);
  for (const field of ["assignees", "labels"] as const) before[field] = [...before[field]].sort();
  const state = before.state === "" ? undefined : await findNamedState(deps, before.project, before.state);
  const labels = await Promise.all(before.labels.map((label) => findManagedLabelName(deps, before.project, label)));
  const named = state ?? { name: "", group: "unstarted" };
  return { ...before, status: toStatus(named, keepDefined(labels), deps.settings.states) };
}

function undoActivity(before: Snapshot, activity: PlaneActivity): void {
  const { old_value, old_identifier, new_identifier } = activity;
  const field = toChangedField(activity.field);
  if (field === "assignees" || field === "labels") {
    const others = before[field].filter((id) => id !== new_identifier && id !== old_identifier);
    before[field] = old_identifier ? [...others, old_identifier] : others;
  } else if (field === "state") before.state = old_identifier ?? "";
  else if (field === "name") before.name = old_value ?? "";
  else if (field === "priority") before.priority = PRIORITIES.find((one) => one === old_value) ?? "none";
  else if (field === "due") before.due = old_value || null;
}

/**
 * Creates the `completed` event of an item that was done at two observations, if its activities show that it was
 * reopened and completed again between them. It is created once for each `completed_at`. `since`: Plane's time of the
 * last observation before.
 */
async function checkCompletedAgain(
  deps: SyncDeps,
  project: ProjectRecord,
  completion: Pick<Extract<ObserveBody, { type: "completed_again" }>, "item" | "since" | "completed" | "correlation">,
): Promise<void> {
  const { item: id, correlation } = completion;
  const { rows } = await readActivities(deps, { id, project: project.id });
  if (!(await hasReopenedSince(deps, project.id, rows, completion.since))) return;
  await updateValue<ItemRecord>(deps, observedKeys.item(id), async (stored, rev) => {
    const isCurrent = stored?.removedAt === undefined && stored?.snapshot.completedAt === completion.completed;
    if (!stored || !isCurrent || stored.completedAgainAt === completion.completed) return undefined;
    return prepareItemUpdate(deps, {
      before: stored,
      rev,
      next: { ...stored, completedAgainAt: completion.completed },
      events: [{ kind: "completed" }],
      source: { project, correlation, cause: correlation },
      via: "read",
    });
  });
}

/** Whether the state was changed to one that is not done, and then changed again. */
async function hasReopenedSince(deps: SyncDeps, project: string, activities: readonly PlaneActivity[], since: string) {
  const changes = activities.filter(({ field, created_at }) => toChangedField(field) === "state" && created_at > since);
  for (const { new_identifier } of changes.slice(0, -1)) {
    const state = new_identifier === null ? undefined : await findNamedState(deps, project, new_identifier);
    if (state && toStatus(state, [], deps.settings.states) !== "done") return true;
  }
  return false;
}
