/** Checks a plan and returns all its problems at once, with its cost as far as it can be estimated. Writes nothing. */

import { estimateTask, getTaskSize } from "../../accounting/history.ts";
import { roundAmount } from "../../accounting/spending.ts";
import type { PlannedTask } from "../../config/sections-schema.ts";
import { GroundcrewError } from "../../errors.ts";
import { MAX_MARKDOWN_LINES, MAX_MARKUP_LENGTH } from "../../markdown/limits.ts";
import { toHtml } from "../../markdown/to-html.ts";
import type { Task } from "../../records/plane-records.ts";
import { findDependencyCycles } from "../../sync/dependency-edges.ts";
import { type Assignee, getAssignee } from "../assignees.ts";
import type { CallContext } from "../call-context.ts";
import { findTask } from "../find-task.ts";
import { readBudget } from "../forecast.ts";
import type { Plan, PlanCost, PlannedCycle } from "../plan-record.ts";
import { findTaskProblems, isDay } from "../task-fields.ts";

/** A checked plan with its problems. */
export interface CheckedPlan {
  /** In topological order: blockers before their dependants. */
  tasks: PlannedTask[];
  /** Nothing is created while there are any. */
  problems: string[];
  warnings: string[];
  cost: PlanCost;
}

/** Limit of tasks in a plan; larger projects take several plans. */
const MAX_TASKS = 200;

const MAX_ID_LENGTH = 60;

/**
 * Checks a plan and returns all its problems at once. Writes nothing.
 * @param existing the ids of the tasks that have been created already
 */
export async function checkPlan(
  context: CallContext,
  { tasks, cycles = [] }: Pick<Plan, "tasks" | "cycles">,
  existing: ReadonlySet<string> = new Set(),
): Promise<CheckedPlan> {
  const problems: string[] = [];
  if (tasks.length === 0) problems.push("a plan needs at least one task");
  if (tasks.length > MAX_TASKS) {
    const problem = `a plan may have at most ${MAX_TASKS} tasks; this one has ${tasks.length}`;
    return { tasks: [], warnings: [], problems: [problem], cost: { estimated: 0, unknown: 0 } };
  }
  const ids = tasks.map(({ id }) => id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) < i))) problems.push(`two tasks have the id "${id}"`);
  for (const task of tasks) problems.push(...findTaskProblems(task).map(({ text }) => `${task.id}: ${text}`));
  problems.push(...cycles.flatMap(findCycleProblems));
  const badIds = ids.filter((id) => id.trim() === "" || id.length > MAX_ID_LENGTH);
  for (const id of badIds)
    problems.push(`"${id.slice(0, 20)}" is not a valid id: give 1 to ${MAX_ID_LENGTH} characters`);
  const tooLong = tasks.filter(isTooLong);
  for (const { id, description = "" } of tooLong) await collectProblem(problems, `${id}: `, () => toHtml(description));
  const titles = tasks.map(({ title }) => title.trim().toLowerCase());
  const warnings = tasks
    .filter((_, i) => titles.indexOf(titles[i] ?? "") < i)
    .map(({ id, title }) => `${id}: another task of the plan has the same title "${title}"`);

  const assignees = await resolveAssignees(context, tasks, problems);
  await resolveBlockers(context, tasks, problems);
  const listOwnBlockers = ({ blocked_by = [] }: PlannedTask) => blocked_by.filter((name) => ids.includes(name));
  const waitGraph = new Map(tasks.map((task) => [task.id, listOwnBlockers(task)]));
  for (const path of findDependencyCycles(waitGraph)) problems.push(`dependency cycle: ${path.join(" → ")}`);
  const readable = tasks.filter((task) => !tooLong.includes(task));
  const cost = await estimatePlanCost(context, readable, assignees, { warnings, existing });
  return { tasks: problems.length > 0 ? tasks : orderTasks(tasks, waitGraph), problems, warnings, cost };
}

function findCycleProblems({ name, start_date, end_date }: PlannedCycle): string[] {
  const cycle = `cycle "${name.slice(0, 40)}"`;
  if ((start_date === undefined) !== (end_date === undefined)) return [`${cycle}: give both dates or none`];
  if (start_date === undefined || end_date === undefined) return [];
  if (!isDay(start_date) || !isDay(end_date)) return [`${cycle}: write its dates as YYYY-MM-DD`];
  return start_date > end_date ? [`${cycle}: it ends before it starts`] : [];
}

/** Checks the length alone, because converting a description that fits takes time and finds no problem. */
function isTooLong({ description = "" }: PlannedTask): boolean {
  return description.length > MAX_MARKUP_LENGTH || description.split(/\r\n|\r|\n/).length > MAX_MARKDOWN_LINES;
}

/** Runs what may throw a refusal, which becomes a problem of the plan. */
async function collectProblem<T>(problems: string[], prefix: string, run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError)) throw thrown;
    problems.push(`${prefix}${thrown.message.replace(/\.$/, "")}`);
    return undefined;
  }
}

/**
 * Estimates the cost of a plan from its own estimates, else from its agents' finished tasks of the same size, and adds
 * the month's budget. Tasks that exist already are open tasks, so their cost is part of the budget's open estimates.
 */
async function estimatePlanCost(
  context: CallContext,
  tasks: readonly PlannedTask[],
  assignees: ReadonlyMap<string, Assignee>,
  { warnings, existing }: { warnings: string[]; existing: ReadonlySet<string> },
): Promise<PlanCost> {
  const { deps } = context;
  let [estimated, toCome] = [0, 0];
  const unknown: string[] = [];
  for (const { id, assignee = "", description = "", estimate } of tasks) {
    const agent = assignees.get(assignee)?.agent;
    const estimateFor = async (name: string) =>
      (await estimateTask(deps, name, getTaskSize({ description: await toHtml(description) }))).cost;
    const cost = estimate?.cost ?? (agent === undefined ? undefined : await estimateFor(agent));
    if (cost === undefined && agent !== undefined) unknown.push(id);
    estimated += cost ?? 0;
    if (!existing.has(id)) toCome += cost ?? 0;
  }
  const cost = { estimated: roundAmount(estimated), unknown: unknown.length };
  const budget = await readBudget(deps);
  if (!budget) return cost;
  const { spent, open, amount, currency } = budget;
  if (spent + open + toCome > amount)
    warnings.push(
      `over budget: the plan costs about ${cost.estimated} ${currency}, and of this month's ${amount} ${currency} ${spent} are spent and ${open} estimated for open tasks`,
    );
  if (unknown.length > 0)
    warnings.push(`not enough history to estimate the cost of ${unknown.slice(0, 20).join(", ")}; give an estimate`);
  return { ...cost, spent, open, budget: amount, currency };
}

/** Sorts tasks topologically and otherwise keeps their order. The graph must have no cycle. */
function orderTasks(tasks: readonly PlannedTask[], waits: ReadonlyMap<string, readonly string[]>): PlannedTask[] {
  const remaining = [...tasks];
  const ordered: PlannedTask[] = [];
  const placed = new Set<string>();
  while (remaining.length > 0) {
    const nextIndex = remaining.findIndex(({ id }) => (waits.get(id) ?? []).every((other) => placed.has(other)));
    const [task] = remaining.splice(Math.max(0, nextIndex), 1);
    if (!task) break;
    ordered.push(task);
    placed.add(task.id);
  }
  return ordered;
}

/** Finds the assignees of a plan by the names it uses, and adds the problems of those that cannot be found. */
export async function resolveAssignees(context: CallContext, tasks: readonly PlannedTask[], problems: string[]) {
  const names = tasks.flatMap(({ assignee }) => assignee ?? []);
  return resolveNames(context, names, getAssignee, problems);
}

async function resolveNames<T>(
  context: CallContext,
  names: readonly string[],
  resolve: (context: CallContext, name: string) => Promise<T>,
  problems: string[],
): Promise<Map<string, T>> {
  const resolved = new Map<string, T>();
  for (const name of new Set(names)) {
    const found = await collectProblem(problems, "", () => resolve(context, name));
    if (found !== undefined) resolved.set(name, found);
  }
  return resolved;
}

/** Finds the blockers outside a plan by the names it uses, and adds the problems of those that cannot be found. */
export async function resolveBlockers(context: CallContext, tasks: readonly PlannedTask[], problems: string[]) {
  const ids = new Set(tasks.map(({ id }) => id));
  const keys = tasks.flatMap(({ blocked_by = [] }) => blocked_by.filter((name) => !ids.has(name)));
  return resolveNames(context, keys, getBlocker, problems);
}

async function getBlocker(context: CallContext, name: string): Promise<Task> {
  try {
    return await findTask(context, name);
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError)) throw thrown;
    const message = `blocked_by "${name.slice(0, 60)}" is neither an id of this plan nor the key of an existing task`;
    throw new GroundcrewError("bad_request", message, { cause: thrown });
  }
}
