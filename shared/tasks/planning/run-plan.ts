/**
 * Carries out the steps of a plan at the pace of its agent: the project, all tasks, then their relations and groups,
 * then the assignments, so that no agent starts what is incomplete. The last commit makes the tasks visible and wakes
 * agents.
 */

import type { Deps, TaskDeps } from "../../app/deps.ts";
import type { PlannedTask } from "../../config/sections-schema.ts";
import { GroundcrewError, getErrorMessage } from "../../errors.ts";
import { createObserveJob } from "../../jobs/internal-jobs.ts";
import { keepDefined, omitUndefined } from "../../omit-undefined.ts";
import { PlaneRateLimitedError, PlaneUnavailableError } from "../../plane/errors.ts";
import type { ProcedureFailure, ProcedureKind } from "../../procedure/procedure.ts";
import type { ProjectRecord, Task } from "../../records/plane-records.ts";
import { observedKeys, workKeys } from "../../records/store-keys.ts";
import { getRefusal, isRefusal } from "../../refusals/render-refusal.ts";
import type { JobResult, Revision } from "../../store/port.ts";
import { mergeUpdates, updateValue, type ValueUpdate } from "../../store/records.ts";
import type { PlanEvent } from "../../task/events.ts";
import type { ItemRecord } from "../../task/snapshot.ts";
import { cleanLine } from "../../text.ts";
import { MINUTE, type Ms, SECOND } from "../../time.ts";
import type { Assignee } from "../assignees.ts";
import { type CallContext, createCallContext, withLock } from "../call-context.ts";
import { addBlockers, renderBlockedByLine } from "../change-blockers.ts";
import { assignIfUnassigned } from "../change-task.ts";
import { addPlannedCard, createItem } from "../edit-task.ts";
import { findPresentTask, findProject } from "../find-task.ts";
import {
  findPlanRun,
  hashPlannedTask,
  isTaskComplete,
  PLAN_PROCEDURE,
  type PlanInput,
  type PlannedRecurrence,
  type PlanRun,
  readPlannedItems,
  readPlanProgress,
  savePlannedTask,
  toPlanRunPut,
} from "../plan-record.ts";
import { prepareWakeForStartable } from "../startable-tasks.ts";
import { addToGroup, toItemFields } from "../task-fields.ts";
import { findWish } from "../wishes.ts";
import { preparePlanEvent, toPlanEventFields } from "../work-events.ts";
import { resolveAssignees, resolveBlockers } from "./check-plan.ts";
import { createProject, isProjectIncomplete } from "./create-project.ts";

/** What the steps of a plan need. */
interface PlanSteps {
  context: CallContext;
  run: PlanRun;
  /** Assignees by the names the plan uses. */
  assignees: ReadonlyMap<string, Assignee>;
  /** Blockers outside the plan, by the names the plan uses. */
  externalTasks: ReadonlyMap<string, Task>;
}

/** The steps that concern its tasks, when no other call carries out a plan of their project. */
interface TaskSteps extends PlanSteps {
  project: ProjectRecord;
  /** Called before each step. Throws when another call carries the plan out. */
  renew: () => Promise<void>;
}

/** A planned task that is not complete, what is recorded of it, its work item, and its blockers that are not removed. */
interface OpenTask {
  planned: PlannedTask;
  known: { item: string; key: string } | undefined;
  task: Task | undefined;
  blockers: readonly Task[];
}

/** Makes the task with this id of Plane recur; shared/schedules, which is above this folder, knows how. */
type TemplateMaker = (context: CallContext, item: string, rule: PlannedRecurrence) => Promise<unknown>;

/** Delay of the next attempt after a failure that may pass: 15 s, so that a plan continues soon after Plane is back. */
const RETRY_MS: Ms = 15 * SECOND;

/** Limit of attempts at a plan that fails although Plane answers, for example with an unknown form: 5, over a minute. */
const MAX_ATTEMPTS = 5;

/** Limit of a failure's reason, in characters. */
const MAX_REASON_LENGTH = 1_000;

/**
 * A plan is carried out as the agent that made it and at its pace: the project, all tasks, then their relations, cycles
 * and modules, then the assignments, so that no agent starts with an incomplete plan. What was done for a task is
 * recorded and not repeated. A plan that cannot be completed fails with the reason, and the Concierge is woken.
 */
export function createPlanProcedure(makeTemplate: TemplateMaker): ProcedureKind<PlanInput, PlanSteps> {
  return {
    ...PLAN_PROCEDURE,
    steps: [
      { name: "project", run: setProject, does: "creates the project and sets it up; one of its name is found" },
      {
        name: "tasks",
        run: forEachTask(createPlannedTask),
        does: "creates the tasks; Plane refuses a second one with its external id",
      },
      { name: "relations", run: forEachTask(relateTask), does: "adds their dependencies; Plane keeps one of each" },
      { name: "groups", run: groupTasks, does: "adds them to cycles and modules; Plane keeps them once in each" },
      {
        name: "assignees",
        run: forEachTask(assignPlannedTask),
        does: "assigns them, adds cards; an assigned task is not written",
      },
      {
        name: "template",
        // The task is hidden until the plan is done, so no agent is woken for the template before it is one.
        async run({ context, run }) {
          const { recurs } = run.plan;
          if (recurs)
            for (const [, item] of await readPlannedItems(context.deps, run)) await makeTemplate(context, item, recurs);
          return undefined;
        },
        does: "makes its task recur, where it shall; it has one schedule",
      },
      { name: "finish", run: finishPlan, does: "shows the tasks and wakes agents; a plan that is done has done so" },
    ],
    // Lease of its job: 2 min, after which another process continues it.
    resumeAfterMs: 2 * MINUTE,
    // The run is what people and agents see of it afterwards.
    keptMs: MINUTE,
    createRun: createPlanSteps,
    handleFailure: handlePlanFailure,
  };
}

async function createPlanSteps(deps: TaskDeps, { subject }: { subject: string }, correlation: string) {
  const run = await findPlanRun(deps, subject);
  if (run?.state !== "running") return undefined;
  const { tasks } = run.plan;
  const context = createCallContext(deps, { name: run.agent, role: requirePlanner(deps, run) }, correlation);
  const problems: string[] = [];
  const assignees = await resolveAssignees(context, tasks, problems);
  if (problems.length > 0)
    throw new GroundcrewError("bad_request", `${problems.join("; ")}.`, { refusal: { name: "planAssignees" } });
  // A blocker outside the plan that was removed meanwhile blocks nothing.
  return { context, run, assignees, externalTasks: await resolveBlockers(context, tasks, []) };
}

/** Continues after what passes, for as long as it takes; everything else is tried a few times, and refusals once. */
async function handlePlanFailure(
  deps: TaskDeps,
  { subject: id, thrown, failures, correlation }: ProcedureFailure,
): Promise<"end" | JobResult> {
  const now = await deps.store.now();
  if (thrown instanceof PlaneRateLimitedError || thrown instanceof PlaneUnavailableError)
    return { retryAt: now + (thrown.retryAfter ?? RETRY_MS) };
  if (!isRefusal(thrown) && failures + 1 < MAX_ATTEMPTS) {
    deps.log.warn("plan interrupted", { correlation, plan: id, error: getErrorMessage(thrown) });
    return { retryAt: now + RETRY_MS, failed: true };
  }
  await failPlan(deps, id, thrown, correlation);
  return "end";
}

/** Throws `conflict` when the agent that made the plan may not plan any more. */
function requirePlanner({ settings }: Pick<Deps, "settings">, { agent }: PlanRun): "concierge" {
  const role = settings.agents.find(({ name }) => name === agent)?.role;
  if (role === "concierge") return role;
  const exists = settings.agents.some(({ name }) => name === agent);
  const reason = exists ? "is no longer a Concierge" : "is no longer an agent in the settings";
  throw new GroundcrewError("conflict", `${agent}, which made this plan, ${reason}. Let a Concierge repeat the plan.`, {
    refusal: { name: "planner", values: { agent } },
  });
}

async function setProject(steps: PlanSteps): Promise<undefined> {
  const { id: project } = await getOrCreateProject(steps.context, steps.run);
  steps.run = { ...steps.run, project };
}

/** Returns the plan's project; a new one is created, and recorded before it gets tasks. */
async function getOrCreateProject(context: CallContext, { id, plan, project, wish }: PlanRun): Promise<ProjectRecord> {
  const { deps } = context;
  if (project !== undefined) {
    const [stored] = await deps.store.read<ProjectRecord>([observedKeys.project(project)]);
    if (stored) return stored.value;
  }
  const isIncomplete = await isProjectIncomplete(context, plan.project);
  const existing = isIncomplete ? undefined : await findProject(deps, plan.project);
  const found =
    existing ?? (await createProject(context, { ...plan, name: plan.project }, await findWish(deps, wish ?? "")));
  await updateRunningRun(deps, id, async (run) => ({ put: [toPlanRunPut({ ...run, project: found.id })] }));
  return found;
}

/** Updates a run as `updateValue` does, unless it has ended meanwhile. */
async function updateRunningRun(
  deps: TaskDeps,
  id: string,
  compute: (run: PlanRun, rev: Revision) => Promise<ValueUpdate | undefined>,
): Promise<void> {
  await updateValue<PlanRun>(deps, workKeys.planRun(id), async (run, rev) =>
    run?.state === "running" ? compute(run, rev) : undefined,
  );
}

/** Records a problem that does not end the plan. */
async function addWarning({ context: { deps }, run: { id } }: PlanSteps, text: string): Promise<void> {
  await updateRunningRun(deps, id, async ({ warnings = [], ...run }) =>
    warnings.includes(text) ? undefined : { put: [toPlanRunPut({ ...run, warnings: [...warnings, text] })] },
  );
}

/** Runs an action on the plan's tasks while no other call carries out a plan of their project. */
async function withTasks(steps: PlanSteps, action: (steps: TaskSteps) => Promise<void>): Promise<undefined> {
  const project = await getOrCreateProject(steps.context, steps.run);
  await withLock(steps.context, "plan", project.id, (renew) => action({ ...steps, project, renew }));
}

/** Takes a step of each task that is not complete, blockers before their dependants. */
function forEachTask(action: (steps: TaskSteps, open: OpenTask) => Promise<void>) {
  return (run: PlanSteps): Promise<undefined> =>
    withTasks(run, async (steps) => {
      for (const planned of steps.run.plan.tasks) {
        const open = await findOpenTask(steps, planned);
        if (open) await action(steps, open);
      }
    });
}

/** Undefined for a task of which nothing is left to do. One that people have deleted has no work item. */
async function findOpenTask(steps: TaskSteps, planned: PlannedTask): Promise<OpenTask | undefined> {
  const { context, project, run, externalTasks } = steps;
  const progress = await readPlanProgress(context.deps, project.id);
  const find = async (one: PlannedTask) => findPresentTask(context.deps, progress[await hashPlannedTask(one)]?.item);
  const known = progress[await hashPlannedTask(planned)];
  if (isTaskComplete(planned, known)) return undefined;
  const blockers = new Map<string, Task>();
  for (const other of planned.blocked_by ?? []) {
    const local = run.plan.tasks.find(({ id }) => id === other);
    const blocker = (local && (await find(local))) ?? externalTasks.get(other);
    if (blocker && blocker.item.removedAt === undefined) blockers.set(blocker.id, blocker);
  }
  return { planned, known, task: await find(planned), blockers: [...blockers.values()] };
}

async function createPlannedTask(steps: TaskSteps, { planned, known, blockers }: OpenTask): Promise<void> {
  if (known) return;
  const { context, project, renew } = steps;
  await renew();
  const fields = await toItemFields(planned, await renderBlockedByLine(context, blockers));
  const { id: item, key } = await createItem(context, project, await hashPlannedTask(planned), fields);
  await savePlannedTask(context.deps, project, planned, { item, key }, false);
}

async function relateTask({ context, renew }: TaskSteps, { task, blockers }: OpenTask): Promise<void> {
  if (!task || blockers.length === 0) return;
  await renew();
  await addBlockers(context, task, blockers);
}

/** The last step of a task. */
async function assignPlannedTask(steps: TaskSteps, { planned, known, task }: OpenTask): Promise<void> {
  const { context, assignees, project, renew } = steps;
  await renew();
  const assignee = assignees.get(planned.assignee ?? "");
  if (task) {
    const { task: assigned, refused } = await assignIfUnassigned(context, task, assignee);
    if (refused) await addWarning(steps, `${planned.id}: ${refused}`);
    await addPlannedCard(context, assigned, assignee, planned.estimate);
  }
  if (known) await savePlannedTask(context.deps, project, planned, known, true);
}

/** Adds the tasks of each cycle or module with one request, because Plane takes several at once. */
function groupTasks(run: PlanSteps): Promise<undefined> {
  return withTasks(run, async (steps) => {
    const { context, project } = steps;
    const { tasks, cycles = [] } = run.run.plan;
    const open = keepDefined(await Promise.all(tasks.map((planned) => findOpenTask(steps, planned))));
    for (const kind of ["cycle", "module"] as const)
      for (const name of new Set(open.flatMap(({ planned }) => planned[kind] ?? []))) {
        const members = open.filter(({ planned }) => planned[kind] === name);
        const items = members.flatMap(({ task }) => task?.id ?? []);
        const dates = cycles.find((cycle) => cycle.name === name);
        await steps.renew();
        if (items.length > 0) await addToGroup(context, project.id, { kind, name, dates }, items);
      }
  });
}

/**
 * Ends a plan of which everything exists: in one commit its tasks become visible and the agents that can start one are
 * woken, each once.
 */
async function finishPlan({ context: { deps, correlation }, run: { id } }: PlanSteps): Promise<undefined> {
  await updateRunningRun(deps, id, async (run, rev) => {
    const items = [...(await readPlannedItems(deps, run)).values()];
    // The texts of its tasks are not needed any more.
    const tasks = run.plan.tasks.map(({ description: _, ...task }) => task);
    const done = { state: "done" as const, items, endedAt: await deps.store.now() };
    // A run that found everything complete reports no completion.
    const isReported = run.complete.length === tasks.length ? { completed: true as const } : {};
    const put = [toPlanRunPut({ ...run, plan: { ...run.plan, tasks }, ...done, ...isReported })];
    // All its tasks may have been closed while it was under way.
    const jobs = keepDefined([run.project]).map((project) =>
      createObserveJob({ type: "check_project", project }, `plan:${id}:${rev}`),
    );
    const afterCommit = () => {
      deps.log.info("plan complete", { correlation, plan: id, agent: run.agent, tasks: items.length });
      deps.notify();
    };
    return mergeUpdates([{ put, jobs, afterCommit }, ...(await prepareWakes(deps, items))]);
  });
}

async function prepareWakes(deps: Pick<Deps, "store" | "settings">, items: readonly string[]) {
  const rows = items.length === 0 ? [] : await deps.store.read<ItemRecord>(items.map(observedKeys.item));
  const wakes = deps.settings.agents.map((agent) => {
    const owned = rows.flatMap((row) => (row?.value.owners?.includes(agent.name) ? [row.value.snapshot.id] : []));
    return owned.length > 0 ? prepareWakeForStartable(deps, agent, owned) : undefined;
  });
  return keepDefined(await Promise.all(wakes));
}

async function failPlan(deps: TaskDeps, id: string, thrown: unknown, correlation: string): Promise<void> {
  await updateRunningRun(deps, id, async (run, rev) => {
    const reason = cleanLine(getErrorMessage(thrown), MAX_REASON_LENGTH);
    const put = [toPlanRunPut({ ...run, state: "failed", reason, endedAt: await deps.store.now() })];
    const refusal = omitUndefined({ refusal: getRefusal(thrown) });
    const event: PlanEvent = { kind: "plan_failed", ...toPlanEventFields(run), text: reason, ...refusal };
    deps.log.warn("plan failed", { correlation, plan: id, agent: run.agent, reason });
    const record = { record: workKeys.planRun(id), rev };
    return mergeUpdates([{ put }, await preparePlanEvent(deps, run.project, record, event, correlation)]);
  });
}
