import { GroundcrewError } from "../../errors.ts";
import { MAX_MARKDOWN_LINES, MAX_MARKUP_LENGTH } from "../../markdown/limits.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { type Assignee, getAssignee } from "../changes/assignees.ts";
import type { CallContext } from "../context/call-context.ts";
import { findDependencyCycles } from "../dependencies/find-cycles.ts";
import { findTask, type Task } from "../tasks/find-task.ts";
import { estimateTask } from "../time/estimates.ts";
import { readMonthlySpending, roundAmount } from "../time/spending.ts";
import { getTaskSize } from "../time/task-size.ts";
import { findTaskProblems, type NewTask } from "./create-task.ts";

/** A task of a plan. */
export interface PlannedTask extends NewTask {
  /** Names it within the plan. */
  id: string;
  /** What it waits for: ids of this plan, or keys of tasks there are. */
  blocked_by?: readonly string[] | undefined;
  estimate?: { minutes?: number | undefined; cost?: number | undefined } | undefined;
}

/** A plan that was looked through, and what is wrong with it. */
export interface CheckedPlan {
  /** Each after what it waits for. */
  tasks: readonly PlannedTask[];
  /** By what the plan calls them. */
  people: ReadonlyMap<string, Assignee>;
  /** Tasks outside the plan that it waits for, by what the plan calls them. */
  outside: ReadonlyMap<string, Task>;
  /** While there are any, nothing is made. */
  problems: string[];
  warnings: string[];
  cost: PlanCost;
}

export interface PlanCost {
  /** What the tasks will cost as far as it can be told, in the budget's currency. */
  estimated: number;
  /** How many tasks are not in it: too little is known of their agents. */
  unknown: number;
  /** Reported this calendar month. */
  spent?: number;
  budget?: number;
  currency?: string;
}

/** So many tasks are one plan; more are several. */
const MAX_TASKS = 200;
const MAX_ID_LENGTH = 60;

/** Looks through a whole plan and tells everything that is wrong at once. Writes nothing. */
export async function checkPlan(context: CallContext, tasks: readonly PlannedTask[]): Promise<CheckedPlan> {
  const problems: string[] = [];
  if (tasks.length === 0) problems.push("a plan needs at least one task");
  if (tasks.length > MAX_TASKS) {
    const problem = `a plan has at most ${MAX_TASKS} tasks, this one has ${tasks.length}`;
    const nothing = { tasks: [], people: new Map(), outside: new Map(), warnings: [] };
    return { ...nothing, problems: [problem], cost: { estimated: 0, unknown: 0 } };
  }
  const ids = tasks.map(({ id }) => id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) < i))) problems.push(`two tasks have the id "${id}"`);
  for (const task of tasks) problems.push(...findTaskProblems(task).map((problem) => `${task.id}: ${problem}`));
  for (const { id } of tasks) {
    if (id.trim() === "" || id.length > MAX_ID_LENGTH)
      problems.push(`"${id.slice(0, 20)}" is no id: 1 to ${MAX_ID_LENGTH} characters`);
  }
  const tooLong = tasks.filter(isTooLong);
  problems.push(...(await findTextProblems(tooLong)));
  const titles = tasks.map(({ title }) => title.trim().toLowerCase());
  const warnings = tasks
    .filter((_, i) => titles.indexOf(titles[i] ?? "") < i)
    .map(({ id, title }) => `${id}: another task of the plan is called "${title}" too`);

  const assignees = await resolveNames(
    context,
    tasks.flatMap(({ assignee }) => assignee ?? []),
    getAssignee,
    problems,
  );
  const externalKeys = tasks.flatMap(({ blocked_by = [] }) => blocked_by.filter((name) => !ids.includes(name)));
  const externalTasks = await resolveNames(context, externalKeys, getBlocker, problems);
  const waitGraph = new Map(
    tasks.map(({ id, blocked_by = [] }) => [id, blocked_by.filter((name) => ids.includes(name))]),
  );
  for (const path of findDependencyCycles(waitGraph))
    problems.push(`these wait for each other in a circle: ${path.join(" → ")}`);
  const cost = await estimatePlanCost(
    context,
    tasks.filter((task) => !tooLong.includes(task)),
    assignees,
    warnings,
  );
  return {
    tasks: problems.length > 0 ? tasks : orderTasks(tasks, waitGraph),
    people: assignees,
    outside: externalTasks,
    problems,
    warnings,
    cost,
  };
}

/** Reading a description that fits takes time, and tells nothing: so only its length is looked at. */
function isTooLong({ description = "" }: PlannedTask): boolean {
  return description.length > MAX_MARKUP_LENGTH || description.split(/\r\n|\r|\n/).length > MAX_MARKDOWN_LINES;
}

/** What is wrong with descriptions that are too long. */
async function findTextProblems(tasks: readonly PlannedTask[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { id, description = "" } of tasks) {
    try {
      await toHtml(description);
    } catch (thrown) {
      if (!(thrown instanceof GroundcrewError)) throw thrown;
      problems.push(`${id}: ${thrown.message.replace(/\.$/, "")}`);
    }
  }
  return problems;
}

async function resolveNames<T>(
  context: CallContext,
  names: readonly string[],
  resolve: (context: CallContext, name: string) => Promise<T>,
  problems: string[],
): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for (const name of new Set(names)) {
    try {
      found.set(name, await resolve(context, name));
    } catch (thrown) {
      if (!(thrown instanceof GroundcrewError)) throw thrown;
      problems.push(thrown.message.replace(/\.$/, ""));
    }
  }
  return found;
}

async function getBlocker(context: CallContext, name: string): Promise<Task> {
  try {
    return await findTask(context, name);
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError)) throw thrown;
    const message = `blocked_by "${name.slice(0, 60)}" is neither an id of this plan nor the key of a task there is`;
    throw new GroundcrewError("bad_request", message, { cause: thrown });
  }
}

/** What the plan will cost: as it says itself, else from what its agents' finished tasks of like size cost. */
async function estimatePlanCost(
  context: CallContext,
  tasks: readonly PlannedTask[],
  assignees: ReadonlyMap<string, Assignee>,
  warnings: string[],
): Promise<PlanCost> {
  const { deps } = context;
  let estimated = 0;
  const unknown: string[] = [];
  for (const { id, assignee = "", description = "", estimate } of tasks) {
    const agent = assignees.get(assignee)?.agent;
    if (estimate?.cost !== undefined) estimated += estimate.cost;
    else if (agent !== undefined) {
      const expected = await estimateTask(deps, agent, getTaskSize({ description: await toHtml(description) }));
      if (expected.cost === undefined) unknown.push(id);
      else estimated += expected.cost;
    }
  }
  const cost = { estimated: roundAmount(estimated), unknown: unknown.length };
  const { cost: spent, budget } = await readMonthlySpending(deps);
  if (!budget) return cost;
  const { amount, currency } = budget;
  if (spent + estimated > amount)
    warnings.push(
      `over the budget: the plan costs about ${cost.estimated} ${currency}, and ${spent} of this month's ${amount} are spent`,
    );
  if (unknown.length > 0)
    warnings.push(`too little history to tell what these cost: ${unknown.slice(0, 20).join(", ")}; give an estimate`);
  return { ...cost, spent, budget: amount, currency };
}

/** Each task after what it waits for; else as they were given. There is no circle. */
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
