import { GroundcrewError } from "../errors.ts";
import { LINES, LONGEST } from "../markdown/bounds.ts";
import { toHtml } from "../markdown/to-html.ts";
import type { Acting } from "./acting.ts";
import { circlesIn } from "./circles.ts";
import { type NewTask, problemsOf } from "./create.ts";
import { estimateFor } from "./estimates.ts";
import { findTask, type Task } from "./find.ts";
import { type Assignee, assigneeCalled } from "./people.ts";
import { sizeOf } from "./size.ts";
import { exact, spentThisMonth } from "./spent.ts";

/** A task of a plan. */
export interface PlannedTask extends NewTask {
  /** Names it within the plan. */
  id: string;
  /** What it waits for: ids of this plan, or keys of tasks there are. */
  blocked_by?: readonly string[] | undefined;
  estimate?: { minutes?: number | undefined; cost?: number | undefined } | undefined;
}

/** A plan that was looked through, and what is wrong with it. */
export interface Checked {
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
const MOST = 200;
const LONGEST_ID = 60;

/** Looks through a whole plan and tells everything that is wrong at once. Writes nothing. */
export async function checkPlan(acting: Acting, tasks: readonly PlannedTask[]): Promise<Checked> {
  const problems: string[] = [];
  if (tasks.length === 0) problems.push("a plan needs at least one task");
  if (tasks.length > MOST) {
    const problem = `a plan has at most ${MOST} tasks, this one has ${tasks.length}`;
    const nothing = { tasks: [], people: new Map(), outside: new Map(), warnings: [] };
    return { ...nothing, problems: [problem], cost: { estimated: 0, unknown: 0 } };
  }
  const ids = tasks.map(({ id }) => id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) < i))) problems.push(`two tasks have the id "${id}"`);
  for (const task of tasks) problems.push(...problemsOf(task).map((problem) => `${task.id}: ${problem}`));
  for (const { id } of tasks) {
    if (id.trim() === "" || id.length > LONGEST_ID)
      problems.push(`"${id.slice(0, 20)}" is no id: 1 to ${LONGEST_ID} characters`);
  }
  const long = tasks.filter(isTooLong);
  problems.push(...(await textProblems(long)));
  const titles = tasks.map(({ title }) => title.trim().toLowerCase());
  const warnings = tasks
    .filter((_, i) => titles.indexOf(titles[i] ?? "") < i)
    .map(({ id, title }) => `${id}: another task of the plan is called "${title}" too`);

  const people = await gather(
    acting,
    tasks.flatMap(({ assignee }) => assignee ?? []),
    assigneeCalled,
    problems,
  );
  const others = tasks.flatMap(({ blocked_by = [] }) => blocked_by.filter((name) => !ids.includes(name)));
  const outside = await gather(acting, others, blockerCalled, problems);
  const waits = new Map(tasks.map(({ id, blocked_by = [] }) => [id, blocked_by.filter((name) => ids.includes(name))]));
  for (const path of circlesIn(waits)) problems.push(`these wait for each other in a circle: ${path.join(" → ")}`);
  const cost = await costOf(
    acting,
    tasks.filter((task) => !long.includes(task)),
    people,
    warnings,
  );
  return { tasks: problems.length > 0 ? tasks : inOrder(tasks, waits), people, outside, problems, warnings, cost };
}

/** Reading a description that fits takes time, and tells nothing: so only its length is looked at. */
function isTooLong({ description = "" }: PlannedTask): boolean {
  return description.length > LONGEST || description.split(/\r\n|\r|\n/).length > LINES;
}

/** What is wrong with descriptions that are too long. */
async function textProblems(tasks: readonly PlannedTask[]): Promise<string[]> {
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

async function gather<T>(
  acting: Acting,
  names: readonly string[],
  look: (acting: Acting, name: string) => Promise<T>,
  problems: string[],
): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for (const name of new Set(names)) {
    try {
      found.set(name, await look(acting, name));
    } catch (thrown) {
      if (!(thrown instanceof GroundcrewError)) throw thrown;
      problems.push(thrown.message.replace(/\.$/, ""));
    }
  }
  return found;
}

async function blockerCalled(acting: Acting, name: string): Promise<Task> {
  try {
    return await findTask(acting, name);
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError)) throw thrown;
    const message = `blocked_by "${name.slice(0, 60)}" is neither an id of this plan nor the key of a task there is`;
    throw new GroundcrewError("bad_request", message, { cause: thrown });
  }
}

/** What the plan will cost: as it says itself, else from what its agents' finished tasks of like size cost. */
async function costOf(
  acting: Acting,
  tasks: readonly PlannedTask[],
  people: ReadonlyMap<string, Assignee>,
  warnings: string[],
): Promise<PlanCost> {
  const { deps } = acting;
  let estimated = 0;
  const unknown: string[] = [];
  for (const { id, assignee = "", description = "", estimate } of tasks) {
    const agent = people.get(assignee)?.agent;
    if (estimate?.cost !== undefined) estimated += estimate.cost;
    else if (agent !== undefined) {
      const told = await estimateFor(deps, agent, sizeOf({ description: await toHtml(description) }));
      if (told.cost === undefined) unknown.push(id);
      else estimated += told.cost;
    }
  }
  const cost = { estimated: exact(estimated), unknown: unknown.length };
  const { cost: spent, budget } = await spentThisMonth(deps);
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
function inOrder(tasks: readonly PlannedTask[], waits: ReadonlyMap<string, readonly string[]>): PlannedTask[] {
  const left = [...tasks];
  const ordered: PlannedTask[] = [];
  const there = new Set<string>();
  while (left.length > 0) {
    const next = left.findIndex(({ id }) => (waits.get(id) ?? []).every((other) => there.has(other)));
    const [task] = left.splice(Math.max(0, next), 1);
    if (!task) break;
    ordered.push(task);
    there.add(task.id);
  }
  return ordered;
}
