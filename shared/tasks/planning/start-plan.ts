/**
 * An agent's plan is checked, stored, and started or proposed to the person whose wish it is for. The same call again
 * shows the progress.
 */

import { z } from "zod";
import type { StoreDeps, TaskDeps } from "../../app/deps.ts";
import type { PlannedTask } from "../../config/sections-schema.ts";
import { listNextTimes } from "../../cron.ts";
import { GroundcrewError } from "../../errors.ts";
import { explainRefusedWords, parseScheduleCommand } from "../../i18n/parse-schedule.ts";
import { describeSchedule } from "../../i18n/schedule-words.ts";
import { keepDefined, omitUndefined } from "../../omit-undefined.ts";
import type { ProjectRecord } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import { findRequest, prepareClosure, prepareNewRequest } from "../../requests/requests.ts";
import { mergeUpdates, updateValue, type ValueUpdate } from "../../store/records.ts";
import { isRequestOpen } from "../../task/request.ts";
import { formatIsoTime } from "../../time.ts";
import { type CallContext, isAgent } from "../call-context.ts";
import { findProject, getProjectByName } from "../find-task.ts";
import {
  countSteps,
  getPlanRunId,
  hashPlan,
  hashPlannedTask,
  isTaskComplete,
  newTaskSchema,
  type Plan,
  type PlanRun,
  queuePlan,
  readPlanProgress,
  startRun,
  toPlanRequestId,
  toPlanRunPut,
} from "../plan-record.ts";
import { chooseWish, createClosedWishError, readOpenWishes, toWishPut, type Wish } from "../wishes.ts";
import { type CheckedPlan, checkPlan } from "./check-plan.ts";
import {
  cleanProjectName,
  createProject,
  findIdentifierProblem,
  findProjectNameProblem,
  isProjectIncomplete,
} from "./create-project.ts";
import { createPlanRequest } from "./decide-plan.ts";

/** Work that recurs; its wish is the open one. */
export const scheduledWorkSchema = newTaskSchema.pick({ title: true }).extend({
  project: z.string(),
  description: z.string().optional(),
  assignee: z.string().optional(),
  when: z.string().max(200).describe("every monday 9:00, or cron"),
});

/** What people read with a plan that no stored wish asks for. */
const NOBODY_ASKED = "no stored request of a person asks for this plan";

/** Number of next times in the answer. */
const NEXT_TIMES = 3;

/** Limit of `retry_after`: 60 s, after which the same call shows the progress. */
const MAX_RETRY_AFTER_S = 60;

/**
 * Checks a plan and starts it: Groundcrew then creates its project, tasks and dependencies in the background and sets
 * the assignees last, so that no agent sees a part of it. A plan for a person's wish first waits for their approval
 * (setting `plan.approve`), and one that no stored wish asks for always does, whoever calls. Repeating the call returns
 * its present state (`remaining`), and continues a plan that has failed. Tasks with the same project, id and title are
 * the same task. Throws `bad_request` with all problems before anything is stored; `dry_run` returns them instead.
 */
export async function planProject(context: CallContext, given: Plan) {
  return (await planTasks(context, given)).answer;
}

/**
 * Creates a project for a person's wish. One that no open wish asks for is a plan without tasks, which waits for a
 * person's approval; undefined until it exists.
 */
export async function requestProject(context: CallContext, { name, ...given }: Parameters<typeof createProject>[1]) {
  const { deps, caller } = context;
  const cleanName = cleanProjectName(name);
  // A project is also found by its identifier, which the name of another one may be.
  const isRepeated =
    (await findProject(deps, cleanName))?.name.toLowerCase() === cleanName.toLowerCase() ||
    (await isProjectIncomplete(context, cleanName));
  if (!isAgent(caller) || isRepeated || (await readOpenWishes(deps, caller.name)).length > 0)
    return { project: await createProject(context, { name, ...given }), isProposed: false };
  const { run, project } = await planTasks(context, { ...given, project: name, tasks: [] }, true);
  const isProposed = run?.state === "awaiting_approval";
  return { isProposed, ...omitUndefined({ project: isProposed ? undefined : project }) };
}

async function planTasks(context: CallContext, given: Plan, isProjectOnly = false) {
  const { deps } = context;
  const name = cleanProjectName(given.project);
  const existing = (await isProjectIncomplete(context, name)) ? undefined : await findProject(deps, name);
  // Tasks that exist already, because the call is repeated.
  const { rows } = await readTaskProgress(deps, given.tasks, existing);
  const created = new Set(rows.flatMap(({ task, progress }) => (progress ? [task.id] : [])));
  const checkedPlan = await checkPlan(context, given, created);
  const problems = isProjectOnly ? [] : checkedPlan.problems;
  if (!existing)
    problems.push(...keepDefined([findProjectNameProblem(name), findIdentifierProblem(context, given.identifier)]));
  if (given.dry_run) return { answer: await readPlanAnswer(deps, checkedPlan, existing) };
  const list = problems.map((text) => text.replace(/\.$/, "")).join("; ");
  if (list !== "") throw new GroundcrewError("bad_request", `Nothing was created. Fix these problems: ${list}.`);
  const run = await startPlan(context, { ...given, project: name, tasks: checkedPlan.tasks }, existing, checkedPlan);
  const project = existing ?? (run.project === undefined ? undefined : await findProject(deps, run.project));
  return { answer: await readPlanAnswer(deps, checkedPlan, project, run), run, project };
}

/**
 * Creates the template of recurring work, or proposes it like a plan. Repeating the call shows
 * how far it is. Throws `bad_request` for words that are no schedule.
 */
export async function scheduleWork(
  context: CallContext,
  { project: name, when, ...task }: z.output<typeof scheduledWorkSchema>,
) {
  const { deps } = context;
  const parsed = parseScheduleCommand(when);
  if ("problem" in parsed || parsed.rest !== "") {
    const refused = "problem" in parsed ? parsed : ({ problem: "unclear", words: when } as const);
    throw new GroundcrewError("bad_request", explainRefusedWords(refused, "en"));
  }
  const { cron } = parsed;
  const existing = await getProjectByName(context, name);
  const { done, remaining, awaiting_approval } = await planProject(context, {
    project: existing.name,
    tasks: [{ id: "template", ...omitUndefined(task) }],
    recurs: { cron },
  });
  const { timezone } = deps.settings;
  const times = listNextTimes({ cron, timeZone: timezone }, await deps.store.now(), NEXT_TIMES);
  const next = times.map((at) => formatIsoTime(at, timezone));
  return omitUndefined({ key: done[0], recurs: describeSchedule(cron, "en"), next, remaining, awaiting_approval });
}

/** The plan's tasks with their names in the progress of the project, and how far each is. */
async function readTaskProgress(deps: StoreDeps, tasks: readonly PlannedTask[], project: ProjectRecord | undefined) {
  const projectProgress = project ? await readPlanProgress(deps, project.id) : {};
  const names = await Promise.all(tasks.map(hashPlannedTask));
  const rows = tasks.map((task, i) => ({ task, name: names[i] ?? "", progress: projectProgress[names[i] ?? ""] }));
  return { rows, projectProgress };
}

/** Returns the present state of a plan. Without a run nothing has been created for it. */
async function readPlanAnswer(
  deps: StoreDeps,
  { tasks, problems, warnings, cost }: CheckedPlan,
  project: ProjectRecord | undefined,
  run?: PlanRun,
) {
  const { rows, projectProgress } = await readTaskProgress(deps, tasks, project);
  const keys = new Map(rows.flatMap(({ task, progress }) => (progress?.key ? [[task.id, progress.key]] : [])));
  const steps = await countSteps(tasks, projectProgress);
  const left = steps.total - steps.done + (project ? 0 : 1);
  const remaining = run?.state === "done" ? 0 : run ? Math.max(1, left) : left;
  return omitUndefined({
    project: project?.identifier,
    tasks: tasks.map(({ id, title, assignee, blocked_by = [] }) => {
      return {
        id,
        key: keys.get(id),
        title,
        assignee,
        blocked_by: blocked_by.map((other) => keys.get(other) ?? other),
      };
    }),
    done: tasks.flatMap(({ id }) => keys.get(id) ?? []),
    remaining,
    awaiting_approval: run?.state === "awaiting_approval" ? (true as const) : undefined,
    retry_after: run?.state === "running" ? Math.min(remaining, MAX_RETRY_AFTER_S) : undefined,
    problems,
    warnings: warnings.concat(run?.warnings ?? []),
    cost,
  });
}

/**
 * Stores a checked plan and starts it, or proposes it to the person whose wish it is for. The same plan again is the
 * same run. Throws `conflict` for another plan for a wish whose plan is under way or complete, and for a plan that was
 * rejected.
 */
async function startPlan(
  context: CallContext,
  plan: Plan,
  existing: ProjectRecord | undefined,
  { warnings, cost }: Pick<CheckedPlan, "warnings" | "cost">,
): Promise<PlanRun> {
  const { deps, caller, correlation } = context;
  const hash = await hashPlan(plan);
  const chosen = await chooseWish(context, plan, hash);
  const id = await getPlanRunId(caller.name, hash, chosen?.id);
  const { rows } = await readTaskProgress(deps, plan.tasks, existing);
  const complete = rows.filter(({ task, progress }) => isTaskComplete(task, progress)).map(({ name }) => name);
  return updateValue<PlanRun, PlanRun>(deps, workKeys.planRun(id), async (before) => {
    const isSame = before?.hash === hash;
    if (before && !isSame) await throwIfDecided(context, before);
    if (isSame && before.state === "rejected") throw createRejectedError(before);
    if (isSame && before.state !== "failed") return { result: before };
    const now = await deps.store.now();
    // Who carries a request is no proof that a person asked: only a stored wish is. A plan that failed was approved.
    const isWished = !isAgent(caller) || chosen !== undefined;
    const isApproved = isSame || (isWished && !(chosen && deps.settings.plan.approve));
    const fresh: PlanRun = {
      ...{ id, plan, hash, agent: caller.name, at: now, complete, state: "awaiting_approval" },
      ...omitUndefined({ wish: chosen?.id, project: existing?.id }),
      checked: { warnings: isWished ? warnings : [...warnings, NOBODY_ASKED], cost },
    };
    const stored = isSame ? before : fresh;
    const run = isApproved ? startRun({ ...stored, agent: caller.name }) : stored;
    const afterCommit = () => {
      deps.log.info(isApproved ? "plan started" : "plan proposed", { correlation, plan: id, agent: caller.name });
      deps.notify();
    };
    const update = mergeUpdates([
      { put: [toPlanRunPut(run)], afterCommit },
      await prepareLinkedWish(context, chosen, run),
      before ? await prepareReplacement(deps, before, correlation) : {},
      isApproved
        ? await queuePlan(deps, run, correlation)
        : await prepareNewRequest(deps, await createPlanRequest(run, chosen), correlation),
    ]);
    return { ...update, result: run };
  });
}

/** Prepares the end of the request for an earlier proposal, which another plan replaces. */
async function prepareReplacement(deps: TaskDeps, before: PlanRun, correlation: string): Promise<ValueUpdate> {
  const stored = await findRequest(deps, toPlanRequestId(before));
  if (!stored || !isRequestOpen(stored.value)) return {};
  const expect: ValueUpdate = { expect: [[workKeys.request(stored.value.id), stored.rev]] };
  return mergeUpdates([await prepareClosure(deps, stored, "replaced", correlation), expect]);
}

async function throwIfDecided({ deps }: CallContext, { state, project: id, plan }: PlanRun): Promise<void> {
  if (state !== "running" && state !== "done") return;
  const project = id === undefined ? undefined : await findProject(deps, id);
  const name = project ? `${project.name} (${project.identifier})` : plan.project;
  const progress = state === "done" ? "complete" : "being carried out";
  const reason = `The plan for this wish is ${progress}: the project ${name}.`;
  const advice = "A wish has one plan. Change its tasks, or add some with create_task.";
  throw new GroundcrewError("conflict", `${reason} ${advice}`);
}

function createRejectedError({ reason }: PlanRun): GroundcrewError {
  const because = reason === undefined ? "" : `: ${reason}`;
  return new GroundcrewError(
    "conflict",
    `A person rejected this plan${because}. Change it before you propose it again.`,
  );
}

/** Prepares the writes after which the wish has this plan. */
async function prepareLinkedWish(
  { deps, caller }: CallContext,
  chosen: Wish | undefined,
  run: PlanRun,
): Promise<ValueUpdate> {
  if (!chosen) return {};
  const key = workKeys.wish(chosen.id);
  const [stored] = await deps.store.read<Wish>([key]);
  if (stored?.value.state === "closed") throw createClosedWishError(chosen.id);
  const { answeredAt: _, ...current } = stored?.value ?? chosen;
  const wish: Wish = { ...current, agent: caller.name, state: "planned", plan: run.id };
  return { expect: [[key, stored?.rev ?? 0]], put: [toWishPut(wish)] };
}
