/**
 * The ticks that read Plane without a webhook: changed items of all projects, what agents are to work on, cycles, and
 * between two polls, by what the quotas have to spare, changes of the projects in which people and agents work, and
 * dependencies that people removed by hand; and the tick that handles due jobs.
 */

import type { Deps, SyncDeps, TaskDeps, Tick } from "../../shared/app/deps.ts";
import { DEFAULT_POLL_CRON } from "../../shared/config/environment.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { type PlaneClient, withCallOptions } from "../../shared/plane/endpoint.ts";
import {
  isTransientPlaneError,
  PlaneError,
  PlaneNotFoundError,
  PlaneRateLimitedError,
  REFUSAL_CODES,
} from "../../shared/plane/errors.ts";
import { workItemsApi } from "../../shared/plane/work-items.ts";
import { queueInterruptedProcedures } from "../../shared/procedure/procedure.ts";
import {
  isReadableProject,
  listReadableProjects,
  type PassMark,
  type ProjectDoubt,
  type ProjectRecord,
  type RelationsRecord,
} from "../../shared/records/plane-records.ts";
import { observedKeys, observedSets } from "../../shared/records/store-keys.ts";
import type { Job, StoreKey } from "../../shared/store/port.ts";
import { scanRows, updateValue } from "../../shared/store/records.ts";
import { evaluateAllBlockers, readRelations } from "../../shared/sync/blockers.ts";
import { advanceCycles, readCycles } from "../../shared/sync/cycles.ts";
import { observeAllBlockedByText } from "../../shared/sync/dependency-edges.ts";
import { computeOwnership } from "../../shared/sync/event-facts.ts";
import { requestItemDetails, toItemPut } from "../../shared/sync/item-record.ts";
import { recordDoubt } from "../../shared/sync/missing-items.ts";
import { refreshNames, refreshProjectNames } from "../../shared/sync/names.ts";
import { readItemSince } from "../../shared/sync/observe-item.ts";
import { type ProjectPollResult, pollProject, reconcileIds } from "../../shared/sync/poll-project.ts";
import { pollPeople, readProjects, refreshPeople } from "../../shared/sync/projects.ts";
import { readWithIdleKeys } from "../../shared/sync/spare-reads.ts";
import { CONFIRM_LOSS_AFTER_MS } from "../../shared/task/merge-observation.ts";
import { type ItemRecord, isStartable } from "../../shared/task/snapshot.ts";
import { isAgentTask, needsBackfill } from "../../shared/task/unread-details.ts";
import { createMirrorJob, readAgentAccounts } from "../../shared/tasks/agent-labels.ts";
import { queueResolveAllBlocked, reportDependencyCycles } from "../../shared/tasks/dependencies.ts";
import { queueUnsettledReviews } from "../../shared/tasks/lifecycle/reviews.ts";
import { readHiddenTasks } from "../../shared/tasks/plan-record.ts";
import { isHeldInBacklog, wakeForStartableTasks } from "../../shared/tasks/startable-tasks.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";

type PollDeps = SyncDeps & Pick<Deps, "health">;

/** An agent's open tasks at the last tick: item id to the store time since which the agent has it. */
interface AgentTasksRecord {
  tasks: Record<string, number>;
}

/** Time in which a project that Plane denies is asked for again before that is reported: 2 minutes. */
const DENIED_QUIET_MS: Ms = 2 * MINUTE;

/** Limit of those for items that existed before: 10, about 30 requests, so that they never use a minute's quota. */
const EXISTING_MIRROR_LIMIT = 10;

/** Limit of jobs that synchronize labels with assignees at one tick: 20; further items follow with the next ticks. */
const MIRROR_LIMIT = 20;

/** The run ends before the next one is due: 13 of 15 s. */
const RUN_MS: Ms = 13 * SECOND;

/** A project is looked at again after 14 s, so that each run looks at it and a process beside this one does not. */
const LOOK_AGAIN_MS: Ms = 14 * SECOND;

/** The relations of a blocked task are read again after a minute. */
const READ_AGAIN_MS: Ms = MINUTE;

/** Limit of the time that one look waits for the quota of its key: 2 s, about two turns of an agent. */
const LOOK_WAIT_MS: Ms = 2 * SECOND;

/**
 * Polls Plane: reads the projects and the changed items of each, confirms losses, and evaluates blockers and agents'
 * tasks from the stored state. It does not depend on webhooks, so it finds the changes that they miss.
 */
export const pollTick: Tick = {
  name: "poll",
  cron: getPollCron,
  async run(deps) {
    const correlation = `poll-${deps.newId()}`;
    const read = await readProjects(deps, correlation).catch((thrown: unknown) => reportFailedPoll(deps, thrown));
    await pollPeople(deps);
    await refreshNames(deps);
    const counts = await pollProjects(deps, read.projects, correlation);
    if (counts.unasked > 0) deps.requestPoll("Plane has not been asked for all items that its lists lack");
    const isRefused = counts.projects === 0 && read.projects.some(isReadableProject);
    const problem = isRefused ? { values: { reason: "Plane refuses to list the tasks of every project" } } : undefined;
    await deps.notices.report("polls_failing", problem);
    await reportWrongLists(deps);
    for (const project of read.projects.filter(isReadableProject))
      await advanceCycles(deps, project, read.date, correlation);
    await observeAllBlockedByText(deps, correlation);
    await evaluateAllBlockers(deps, correlation);
    await queueResolveAllBlocked(deps, correlation);
    await reportDependencyCycles(deps, correlation);
    const agents = await updateAgentTasks(deps, correlation);
    await queueInterruptedProcedures(deps, correlation);
    deps.notify();
    return { ...counts, ...agents };
  },
};

/**
 * Reads the cycles, states, labels and members of every project once an hour: Plane sends no webhook when a cycle
 * starts or ends by its dates, when a state or label is renamed or deleted, or when somebody comes or leaves.
 */
export const cyclesTick: Tick = {
  name: "cycles",
  cron: () => "7 * * * *",
  async run(deps) {
    const correlation = `cycles-${deps.newId()}`;
    const { projects } = await readProjects(deps, correlation);
    const readable = projects.filter((project) => isReadableProject(project) && project.began !== "");
    await refreshProjectNames(deps, readable);
    await refreshPeople(deps, { isComplete: true });
    const watched = readable.filter((project) => project.cycles);
    for (const project of watched) await readCycles(deps, project, correlation);
    deps.notify();
    return { projects: watched.length };
  },
};

/**
 * Handles all due jobs until none is left: every minute, and on demand for hosts with their own cron. Between ticks,
 * `deps.notify` starts the same work at once. Job leases separate the work of several processes.
 */
export const jobsTick: Tick = {
  name: "jobs",
  cron: () => "* * * * *",
  sideBySide: true,
  async run(deps) {
    return { settled: await deps.drain() };
  },
};

/** Reports a poll that Plane refuses; a Plane that gives no answer, or refuses the key, is another notice. */
async function reportFailedPoll(deps: Pick<Deps, "notices">, thrown: unknown): Promise<never> {
  if (thrown instanceof PlaneError && !isTransientPlaneError(thrown))
    await deps.notices.report("polls_failing", { values: { reason: thrown.message } });
  throw thrown;
}

/**
 * Reports the projects whose lists are in doubt; that Plane refuses those of all projects is reported as failing polls.
 * A project that Plane denies is probably deleted, so it is not reported at once, and asked for again soon.
 */
async function reportWrongLists(deps: Pick<Deps, "store" | "notices" | "requestPoll">): Promise<void> {
  const now = await deps.store.now();
  const readable = await listReadableProjects(deps);
  const areAllRefused = readable.every(({ doubt }) => doubt?.reason === "refused");
  if (readable.some(({ doubt }) => doubt?.deniedUpTo !== undefined))
    deps.requestPoll("Plane denies a project that it had listed");
  const isReported = ({ reason, since, deniedUpTo }: ProjectDoubt) =>
    !(areAllRefused && reason === "refused") && (deniedUpTo === undefined || now - since >= DENIED_QUIET_MS);
  const names = readable
    .flatMap(({ identifier, doubt }) => (doubt && isReported(doubt) ? [identifier] : []))
    .join(", ");
  const values = { projects: names, reason: `what Plane lists of ${names} cannot be right` };
  await deps.notices.report("plane_list_wrong", names === "" ? undefined : { values });
}

/** Runs a pass over every readable project. A project that Plane refuses is logged and does not stop the others. */
export async function pollProjects(
  deps: PollDeps,
  projects: readonly ProjectRecord[],
  correlation: string,
): Promise<Record<"projects" | "pages" | "changed" | "removed" | "unasked", number>> {
  const counts = { projects: 0, pages: 0, changed: 0, removed: 0, unasked: 0 };
  const unconfirmed: ProjectPollResult["unconfirmed"] = [];
  for (const project of projects.filter(isReadableProject)) {
    const pass = await pollUnlessRefused(deps, project, correlation);
    if (!pass) continue;
    counts.projects += 1;
    for (const count of ["pages", "changed", "removed", "unasked"] as const) counts[count] += pass[count];
    unconfirmed.push(...pass.unconfirmed);
  }
  await confirmLosses(deps, unconfirmed, correlation);
  return counts;
}

async function pollUnlessRefused(deps: PollDeps, project: ProjectRecord, correlation: string) {
  try {
    return await runPass(deps, project, correlation, deps.plane);
  } catch (thrown) {
    // A refusal concerns this project only, so that other projects can still be read.
    const isRefusal = thrown instanceof PlaneError && REFUSAL_CODES.has(thrown.code);
    if (!isRefusal) throw thrown;
    deps.log.warn("project poll failed", { correlation, project: project.identifier, error: thrown.message });
    await recordDoubt(deps, project.id, "refused");
    return undefined;
  }
}

/** One pass over a project; one of another process at the same time only costs requests. */
async function runPass(deps: PollDeps, project: ProjectRecord, correlation: string, plane: PlaneClient) {
  const pass = await pollProject({ ...deps, plane }, project, correlation);
  // A change that a webhook has reported is stored already, so a pass does not find it.
  if (pass.isUnreported && project.baseline) deps.health.recordMissedDelivery();
  // A look does not ask again for items that a wrong list lacks; the poll does.
  if (pass.hasCountMismatch && project.doubt && plane !== deps.plane) return pass;
  const check = pass.hasCountMismatch ? await reconcileIds(deps, pass.project, correlation) : pass;
  if (project.doubt || check.isDoubtful) await recordDoubt(deps, project.id, check.isDoubtful ? "shorter" : undefined);
  return { ...pass, ...check };
}

/** Reads items with a loss again, which counts from the second read on. */
async function confirmLosses(deps: SyncDeps, unconfirmed: ProjectPollResult["unconfirmed"], correlation: string) {
  if (unconfirmed.length === 0) return;
  const requestedAt = await deps.store.now();
  // A read counts as later than its request only from the next millisecond on.
  await deps.wait(CONFIRM_LOSS_AFTER_MS + 1);
  for (const { project, item } of unconfirmed) await readItemSince(deps, item, { project, correlation }, requestedAt);
}

/**
 * When Plane is polled: POLL_CRON. Without it, tickets poll every `tickets.poll_seconds`, because people wait for them
 * where webhooks do not arrive.
 */
function getPollCron({ pollCron, tickets }: Pick<Settings, "pollCron" | "tickets">): string {
  if (!tickets || pollCron !== DEFAULT_POLL_CRON) return pollCron;
  const seconds = tickets.poll_seconds;
  return seconds < 60 ? `*/${seconds} * * * * *` : `*/${seconds / 60} * * * *`;
}

/**
 * Updates which agent has which open tasks, and since when, from the stored snapshots alone, so that lost jobs and a
 * lost store are repaired (observation rule 10). Sends no request to Plane, so an idle workspace costs nothing. Only
 * the ids are kept in memory, because the items of a large workspace do not fit into the heap.
 */
async function updateAgentTasks(deps: TaskDeps, correlation: string) {
  if (deps.settings.agents.length === 0) return { assigned: 0, new: 0, woken: 0 };
  const accounts = await readAgentAccounts(deps);
  const tasksByAgent = new Map(deps.settings.agents.map((agent) => [agent.name, new Map<string, boolean>()]));
  const isHidden = await readHiddenTasks(deps);
  const jobs: Job[] = [];
  // The labels of existing items wait until agents' lists are right.
  let existingLeft = (await deps.store.count(observedSets.unknownTasks)) === 0 ? EXISTING_MIRROR_LIMIT : 0;
  const inReview: string[] = [];
  for await (const { project, key, value, rev } of walkOpenItems(deps)) {
    const item = await computeOwnership(deps, value);
    if (JSON.stringify([value.owners, value.review]) !== JSON.stringify([item.owners, item.review]))
      await deps.store.commit({ expect: [[key, rev]], put: [toItemPut(item)] });
    // Agents that were added to the settings, or labels whose names were unknown, need blockers that nothing has read.
    if (needsBackfill(item)) await requestItemDetails(deps, value.snapshot.id, { project, correlation }, "backfill");
    if (item.review) inReview.push(value.snapshot.id);
    for (const owner of item.owners ?? []) {
      const isReady = isStartable(item, owner) && !isHidden(item) && !(await isHeldInBacklog(deps, item));
      tasksByAgent.get(owner)?.set(value.snapshot.id, isReady);
    }
    if (jobs.length >= MIRROR_LIMIT) continue;
    const mirror = await createMirrorJob(deps, { project, item, rev, accounts }, correlation);
    if (!mirror || (mirror.isExisting && existingLeft === 0)) continue;
    if (mirror.isExisting) existingLeft -= 1;
    jobs.push(mirror.job);
  }
  if (jobs.length > 0) await deps.store.commit({ jobs });
  await queueUnsettledReviews(deps, inReview);
  const counts = { assigned: 0, new: 0, woken: 0 };
  for (const agent of deps.settings.agents) {
    const tasks = tasksByAgent.get(agent.name) ?? new Map<string, boolean>();
    const startable = [...tasks].filter(([, isReady]) => isReady).map(([id]) => id);
    counts.assigned += tasks.size;
    counts.new += await commitAgentTasks(deps, agent.name, [...tasks.keys()]);
    counts.woken += await wakeForStartableTasks(deps, agent, startable);
  }
  return counts;
}

async function* walkOpenItems(deps: TaskDeps) {
  for (const project of await listReadableProjects(deps))
    for await (const row of scanRows<ItemRecord>(deps, observedSets.open(project.id))) yield { project, ...row };
}

async function commitAgentTasks(deps: TaskDeps, agent: string, ids: readonly string[]): Promise<number> {
  const key = observedKeys.agent(agent);
  return updateValue<AgentTasksRecord, number>(deps, key, async (stored) => {
    const before = stored?.tasks ?? {};
    const now = await deps.store.now();
    const next = { tasks: Object.fromEntries(ids.toSorted().map((id) => [id, before[id] ?? now])) };
    if (stored && JSON.stringify(stored) === JSON.stringify(next)) return { result: 0 };
    const added = ids.filter((id) => before[id] === undefined);
    const afterCommit = () => {
      if (added.length > 0) deps.log.info("agent has new tasks", { agent, tasks: added });
    };
    return { put: [{ key, value: next }], result: added.length, afterCommit };
  });
}

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
        // What this key does not list is not gone: Groundcrew's own decides.
        const pass = await runPass(deps, project, correlation, sparePlane);
        await confirmLosses(deps, pass.unconfirmed, correlation);
        changed += pass.changed + pass.removed;
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
