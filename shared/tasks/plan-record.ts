/**
 * A plan and how far it is: what an agent planned, the run that carries it out, the steps that are done, and the tasks
 * that agents must not see before it is complete.
 */

import { z } from "zod";
import type { StoreDeps, TaskDeps } from "../app/deps.ts";
import { estimateSchema, type PlannedTask, plannedTaskSchema } from "../config/sections-schema.ts";
import { sha256Hex } from "../hashing.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { prepareQueuedProcedure } from "../procedure/procedure.ts";
import type { ProjectRecord } from "../records/plane-records.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import type { Put } from "../store/port.ts";
import { readAllRows, updateValue, type ValueUpdate } from "../store/records.ts";
import type { RequestRecord } from "../task/request.ts";
import { type ItemRecord, isOpenItem, PRIORITIES } from "../task/snapshot.ts";
import { DAY, type Ms } from "../time.ts";

/** The label of a task's part begins so; its number follows. */
export const TASK_LABEL = "Task ";

/** The input of a new task. */
export const newTaskSchema = z.object({
  project: z.string().describe("identifier or name"),
  title: z.string(),
  description: z.string().optional().describe("Markdown"),
  /** Or a display name. */
  assignee: z.string().optional().describe("agent name or a person's e-mail"),
  priority: z.enum(PRIORITIES).optional(),
  due_date: z.string().optional().describe("YYYY-MM-DD"),
  /** Its blockers. */
  blocked_by: z.array(z.string()).optional().describe("task keys"),
  estimate: estimateSchema.optional(),
  /** The name of its cycle and of its module; created when the project has none with that name. */
  cycle: z.string().optional(),
  module: z.string().optional(),
});

export type NewTask = Omit<z.infer<typeof newTaskSchema>, "project">;

/** A cycle that a plan creates. Either both dates or none; without dates it is a draft. */
const plannedCycleSchema = z.strictObject({
  name: z.string(),
  start_date: z.string().optional(),
  end_date: z.string().optional(),
});

export type PlannedCycle = z.infer<typeof plannedCycleSchema>;

/** A project with its tasks, as an agent plans it. */
export const planSchema = z.object({
  project: z.string().describe("an existing project or the name of a new one"),
  /** The description of a new project. */
  description: z.string().optional(),
  identifier: z.string().optional(),
  tasks: z.array(plannedTaskSchema),
  cycles: z.array(plannedCycleSchema).optional().describe("dates of new cycles"),
  wish: z.string().optional().describe("id of the wish; default: your open one"),
  dry_run: z.boolean().optional().describe("only check the plan and return its problems"),
});

export type Plan = z.infer<typeof planSchema> & {
  /** Its one task becomes the template of recurring work. */
  recurs?: PlannedRecurrence;
};

/** When the task of a plan recurs. */
export interface PlannedRecurrence {
  cron: string;
}

/** What a plan costs, as far as it can be estimated, and what of the month's budget is left for it. */
export const planCostSchema = z.object({
  /** Estimated cost of the tasks that can be estimated, in the budget's currency. */
  estimated: z.number(),
  /** Number of tasks that are not included, because their agents have too little history. */
  unknown: z.number(),
  /** Reported this calendar month, and estimated for open tasks, among them those of this plan that exist already. */
  spent: z.number().optional(),
  open: z.number().optional(),
  budget: z.number().optional(),
  currency: z.string().optional(),
});

export type PlanCost = z.infer<typeof planCostSchema>;

/**
 * `awaiting_approval`: a person has to approve it. `running`: its steps are carried out. `done`: everything exists in
 * Plane. `rejected`: a person declined it. `failed`: a step cannot be carried out; the same call tries again.
 */
export type PlanRunState = "awaiting_approval" | "running" | "done" | "rejected" | "failed";

/** A plan that Groundcrew carries out, and how far it is. The progress of its tasks is stored by project. */
export interface PlanRun {
  id: string;
  plan: Plan;
  /** SHA-256 of the plan as it was given: another one is another plan. */
  hash: string;
  /** The agent that made the plan, in whose name it is carried out. */
  agent: string;
  /** The id of the wish that the plan is for. */
  wish?: string;
  state: PlanRunState;
  /** Store time at which this plan was proposed or started. */
  at: Ms;
  /** The person who approved it; absent for a plan that needed no approval. */
  approvedBy?: string;
  /** Why it was rejected, or why it failed. */
  reason?: string;
  /** What its check found when it was proposed, which people are shown with it. */
  checked?: { warnings: string[]; cost: PlanCost };
  /** Problems that did not end it, such as an assignee whom Plane does not accept. */
  warnings?: string[];
  /** Plane's id of its project, once it exists. */
  project?: string;
  /** Names of the planned tasks that were complete before this run, so that agents may be working on them. */
  complete: string[];
  /** Store time of its end: done, rejected or failed. */
  endedAt?: Ms;
  /** Plane's ids of all its tasks, once it is done. */
  items?: string[];
  /** All its tasks were closed, and `plan_completed` was published. */
  completed?: true;
}

/** The work item of a planned task. */
interface PlannedTaskProgress {
  item: string;
  /** `ONB-12` */
  key: string;
  /** What the task needed when all of it was done: what people change afterwards, the same plan does not change back. */
  complete?: string;
}

/** All planned tasks of a project, by their external ids in Plane. */
interface PlannedTasksRecord {
  tasks: Record<string, PlannedTaskProgress>;
}

/** What is known of a plan that is carried out: the rest is in its run. */
export interface PlanInput {
  agent: string;
}

/** Retention of a run that has ended and waits for nothing: 30 days, as long as the progress of its tasks. */
const ENDED_MS: Ms = 30 * DAY;

/** Retention of a finished plan with open tasks: 365 days, so that abandoned projects do not collect records. */
const OPEN_TASKS_MS: Ms = 365 * DAY;

/** Retention of a plan's progress: 30 days after the last step; Plane still knows what was created. */
const KEPT_MS: Ms = 30 * DAY;

/** Time for which the tasks of a failed plan stay hidden: 1 day, in which it can be repeated or its tasks be changed. */
const FAILED_HIDDEN_MS: Ms = DAY;

/**
 * The plans of one agent share a lane, because they share its pace: one after the other is as fast, and a long plan
 * occupies one place of the queue only.
 */
export const PLAN_PROCEDURE = { name: "plan", getLane: ({ agent }: PlanInput) => `plan:${agent}` };

/** Finds the run of a plan by its id. */
export async function findPlanRun(deps: StoreDeps, id: string): Promise<PlanRun | undefined> {
  return (await deps.store.read<PlanRun>([workKeys.planRun(id)]))[0]?.value;
}

/** Reads the progress of all planned tasks of a project, by Plane's id of it. */
export async function readPlanProgress(deps: StoreDeps, project: string): Promise<PlannedTasksRecord["tasks"]> {
  const [stored] = await deps.store.read<PlannedTasksRecord>([workKeys.plan(project)]);
  return stored?.value.tasks ?? {};
}

/**
 * Reads which tasks agents must not see yet, because the plan that they belong to is incomplete: its dependencies or
 * assignments may be missing. A task that somebody has started is visible. Makes no request to Plane.
 */
export async function readHiddenTasks(deps: StoreDeps): Promise<(item: ItemRecord) => boolean> {
  const rows = await readAllRows<PlanRun>(deps, workSets.unfinishedPlanRuns);
  if (rows.length === 0) return () => false;
  const now = await deps.store.now();
  const items = new Set<string>();
  for (const { value: run } of rows) {
    const { state, endedAt = 0 } = run;
    const isHiding = state === "running" || (state === "failed" && now < endedAt + FAILED_HIDDEN_MS);
    // A task that was complete before this run stays visible.
    if (isHiding)
      for (const [name, item] of await readPlannedItems(deps, run)) if (!run.complete.includes(name)) items.add(item);
  }
  return (item) => isOpenItem(item) && item.snapshot.status !== "in_progress" && items.has(item.snapshot.id);
}

/**
 * The id of a plan's run. A wish has one run, whatever is planned for it, so it cannot get two plans. Without a wish,
 * the same plan of the same agent is the same run.
 */
export async function getPlanRunId(agent: string, hash: string, wish: string | undefined): Promise<string> {
  return (await sha256Hex(JSON.stringify(wish === undefined ? ["plan", agent, hash] : ["wish", wish]))).slice(0, 16);
}

/**
 * The hash of everything in a plan that a person is shown or that is created: 32 characters of its SHA-256. The schema
 * gives its fields one order.
 */
export async function hashPlan({ project, description, identifier, tasks, cycles, recurs }: Plan): Promise<string> {
  const content = { project: project.trim(), description, identifier, tasks, cycles, recurs };
  return (await sha256Hex(JSON.stringify(content))).slice(0, 32);
}

/** Starts a run: also one that was rejected or failed, and then is carried out from where it stopped. */
export function startRun({ reason: _, endedAt: __, ...run }: PlanRun, approvedBy?: string): PlanRun {
  return { ...run, state: "running", ...omitUndefined({ approvedBy }) };
}

/** Prepares the writes after which the queue carries out a plan whose run is stored with them. */
export async function queuePlan(
  deps: Pick<TaskDeps, "store" | "newId">,
  { id: subject, agent }: PlanRun,
  correlation: string,
): Promise<ValueUpdate> {
  const plan = { subject, id: deps.newId(), input: { agent } };
  return prepareQueuedProcedure(PLAN_PROCEDURE, plan, { step: "project", now: await deps.store.now(), correlation });
}

/** Converts a run to its stored record with its sets. */
export function toPlanRunPut(run: PlanRun): Put {
  const { id, state, project, completed } = run;
  const isUnderWay = state === "awaiting_approval" || state === "running";
  const hasOpenTasks = state === "done" && project !== undefined && !completed;
  const sets = keepDefined([
    workSets.planRuns,
    isUnderWay || state === "failed" ? workSets.unfinishedPlanRuns : undefined,
    hasOpenTasks ? workSets.planRunsOf(project) : undefined,
  ]);
  const expires = isUnderWay ? undefined : hasOpenTasks ? OPEN_TASKS_MS : ENDED_MS;
  return { key: workKeys.planRun(id), value: run, sets, ...omitUndefined({ expires }) };
}

/** The external id of a planned task: the same id and title in the same project are the same task. */
export async function hashPlannedTask({ id, title }: PlannedTask): Promise<string> {
  return `plan:${(await sha256Hex(JSON.stringify([id, title.trim()]))).slice(0, 32)}`;
}

/** Whether everything that a planned task needs is done. */
export function isTaskComplete(task: PlannedTask, progress: PlannedTaskProgress | undefined): boolean {
  return progress?.complete === describeNeeds(task);
}

const describeNeeds = ({ blocked_by = [], cycle, module, assignee, estimate }: PlannedTask) =>
  JSON.stringify({ blocked_by, cycle, module, assignee, estimate });

/** Counts the steps of a plan's tasks, and those that are done: each is created, and then completed. */
export async function countSteps(tasks: readonly PlannedTask[], progress: PlannedTasksRecord["tasks"]) {
  let done = 0;
  for (const task of tasks) {
    const found = progress[await hashPlannedTask(task)];
    done += Number(found !== undefined) + Number(isTaskComplete(task, found));
  }
  return { done, total: 2 * tasks.length };
}

/** Records the work item of a planned task; `isComplete`: with everything that it needs. */
export async function savePlannedTask(
  deps: StoreDeps,
  project: ProjectRecord,
  task: PlannedTask,
  { item, key }: PlannedTaskProgress,
  isComplete: boolean,
): Promise<void> {
  const record = workKeys.plan(project.id);
  const name = await hashPlannedTask(task);
  const progress = { item, key, ...(isComplete ? { complete: describeNeeds(task) } : {}) };
  await updateValue<PlannedTasksRecord>(deps, record, (current) => {
    const value: PlannedTasksRecord = { tasks: { ...current?.tasks, [name]: progress } };
    return { put: [{ key: record, value, expires: KEPT_MS }] };
  });
}

/** Reads Plane's ids of all existing tasks of a plan, by the names of the planned tasks. */
export async function readPlannedItems(deps: StoreDeps, { project, plan }: PlanRun): Promise<Map<string, string>> {
  if (project === undefined) return new Map();
  const progress = await readPlanProgress(deps, project);
  const names = await Promise.all(plan.tasks.map(hashPlannedTask));
  return new Map(names.flatMap((name) => (progress[name]?.item ? [[name, progress[name].item]] : [])));
}

/** The id of the request for the present proposal of a run. */
export function toPlanRequestId({ id, hash, at }: Pick<PlanRun, "id" | "hash" | "at">): string {
  return `${id}-${hash.slice(0, 8)}${Math.floor(at).toString(36)}`;
}

/** Whether an id is one of a request for a plan. */
export function isPlanRequestId(id: string): boolean {
  return /^[0-9a-f]{16}-[0-9a-f]{8}[0-9a-z]+$/.test(id);
}

/** The number of tasks of a proposed plan. */
export function countPlannedTasks({ input }: RequestRecord): number {
  return input.filter(({ label }) => label.startsWith(TASK_LABEL)).length;
}
