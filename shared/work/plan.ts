import { GroundcrewError } from "../errors.ts";
import type { KeptProject } from "../observe/kept.ts";
import { PlaneRateLimitedError } from "../plane/errors.ts";
import type { Acting } from "./acting.ts";
import { alone } from "./alone.ts";
import { noteOnCard } from "./card.ts";
import { fieldsOf } from "./create.ts";
import { findProject, keptTask, type Task } from "./find.ts";
import { handTo, linesFor, makeItem, relate } from "./making.ts";
import { type Checked, checkPlan, type PlanCost, type PlannedTask } from "./plan-check.ts";
import { keepStep, nameOf, progressOf, type Step } from "./plan-progress.ts";
import { createProject, identifierProblem, isHalfMade } from "./project.ts";
import { nameProblem, plainName } from "./project-name.ts";

const MINUTE_MS = 60_000;

export interface Plan {
  /** The identifier or name of a project there is, or the name of one to be made. */
  project: string;
  /** Of a project to be made. */
  description?: string | undefined;
  identifier?: string | undefined;
  tasks: readonly PlannedTask[];
  dry_run?: boolean | undefined;
}

export interface Planned {
  /** `ONB`; absent while the project is still to be made. */
  project?: string;
  /** In the order in which they can be done. */
  tasks: { id: string; key?: string; title: string; assignee?: string; blocked_by: string[] }[];
  /** Keys of the tasks that are in Plane. */
  done: string[];
  /** Steps still to be made, about one a second; 0: the plan stands. */
  remaining: number;
  /** Seconds after which the same call goes on. */
  retry_after?: number;
  problems: string[];
  warnings: string[];
  cost: PlanCost;
}

/**
 * Makes a whole plan as the caller: project, tasks, what waits for what, and, when all of that stands, whose they are;
 * so nobody begins with half a plan. The same call goes on where it was cut off, or where Plane's quota ended it
 * (`remaining` above 0). A task is the same when project, id and title are. Throws `bad_request` with everything that is
 * wrong, with nothing written; `dry_run` answers it instead.
 */
export async function carryOut(acting: Acting, plan: Plan): Promise<Planned> {
  const { deps } = acting;
  const name = plainName(plan.project);
  const there = (await isHalfMade(acting, name)) ? undefined : await findProject(deps, name);
  const checked = await checkPlan(acting, plan.tasks);
  const { problems } = checked;
  if (!there) {
    const wrong = [nameProblem(name), identifierProblem(acting, plan.identifier)];
    problems.push(...wrong.filter((one) => one !== undefined));
  }
  if (plan.dry_run) return told(acting, checked, there);
  if (problems.length > 0)
    throw new GroundcrewError("bad_request", `Nothing was made, because: ${problems.join("; ")}.`);

  let project = there;
  try {
    project ??= await createProject(acting, { ...plan, name });
    const where = project;
    await alone(acting, `plan:${where.id}`, (renew) => makeAll({ acting, project: where, checked, renew }));
  } catch (thrown) {
    if (!(thrown instanceof PlaneRateLimitedError)) throw thrown;
    const retryAfter = Math.max(1, Math.ceil(thrown.retryAfter / 1000));
    return { ...(await told(acting, checked, project)), retry_after: retryAfter };
  }
  return told(acting, checked, project);
}

interface Making {
  acting: Acting;
  project: KeptProject;
  checked: Checked;
  renew: () => Promise<void>;
}

/** First everything is there, then it is tied together, then it is handed out: each step once, kept when it is done. */
async function makeAll(making: Making): Promise<void> {
  const { acting, checked } = making;
  for (const planned of checked.tasks) {
    await once(making, planned, "made", async (_, blockers) => {
      const fields = await fieldsOf(planned, await linesFor(acting, blockers));
      return (await makeItem(acting, making.project, await nameOf(planned), fields)).task;
    });
  }
  for (const planned of checked.tasks.filter(({ blocked_by = [] }) => blocked_by.length > 0))
    await once(making, planned, "related", async (task, blockers) => task && relate(acting, task, blockers));
  for (const planned of checked.tasks.filter(isHanded))
    await once(making, planned, "handed", async (task) => task && hand(making, planned, task));
}

async function hand({ acting, checked }: Making, planned: PlannedTask, task: Task): Promise<Task> {
  const to = checked.people.get(planned.assignee ?? "");
  const { task: handed, refused } = to ? await handTo(acting, task, to) : { task, refused: undefined };
  if (refused) checked.warnings.push(`${planned.id}: ${refused}`);
  const { minutes, cost } = planned.estimate ?? {};
  const estimate = { ...(cost !== undefined && { cost }), ...(minutes !== undefined && { ms: minutes * MINUTE_MS }) };
  if (Object.keys(estimate).length > 0) await noteOnCard(acting, handed, { estimate });
  return handed;
}

/** Does a step that is not kept as done. A task that people have deleted meanwhile is left out. */
async function once(
  { acting, project, checked, renew }: Making,
  planned: PlannedTask,
  step: Step,
  act: (task: Task | undefined, blockers: Task[]) => Promise<Task | undefined>,
): Promise<void> {
  const { deps } = acting;
  const progress = await progressOf(deps, project);
  const name = await nameOf(planned);
  const before = progress[name];
  if (before?.steps.includes(step)) return;
  await renew();
  const blockers = new Map<string, Task>();
  for (const other of planned.blocked_by ?? []) {
    const local = checked.tasks.find(({ id }) => id === other);
    const known = local && progress[await nameOf(local)];
    const task = known ? await keptTask(deps, known.item) : checked.outside.get(other);
    if (task && task.item.gone === undefined) blockers.set(task.id, task);
  }
  const task = before && (await keptTask(deps, before.item));
  const done = task?.item.gone === undefined ? await act(task, [...blockers.values()]) : undefined;
  await keepStep(deps, project, name, step, { title: planned.title, item: done?.id, key: done?.key });
}

function isHanded({ assignee, estimate }: PlannedTask): boolean {
  return assignee !== undefined || estimate !== undefined;
}

/** The plan as it is now. */
async function told(acting: Acting, checked: Checked, project: KeptProject | undefined): Promise<Planned> {
  const { problems, cost } = checked;
  const progress = project ? await progressOf(acting.deps, project) : {};
  const steps = await Promise.all(checked.tasks.map(async (task) => [task.id, progress[await nameOf(task)]] as const));
  const kept = new Map(steps);
  const has = (id: string, step: Step) => kept.get(id)?.steps.includes(step) ?? false;
  const left = checked.tasks.map((task) => {
    const wanted: Step[] = ["made", ...(task.blocked_by?.length ? (["related"] as const) : [])];
    return [...wanted, ...(isHanded(task) ? (["handed"] as const) : [])].filter((step) => !has(task.id, step)).length;
  });
  return {
    ...(project && { project: project.identifier }),
    tasks: checked.tasks.map(({ id, title, assignee, blocked_by = [] }) => ({
      id,
      ...(kept.get(id) && { key: kept.get(id)?.key ?? "" }),
      title,
      ...(assignee !== undefined && { assignee }),
      blocked_by: blocked_by.map((other) => kept.get(other)?.key ?? other),
    })),
    done: checked.tasks.flatMap(({ id }) => kept.get(id)?.key ?? []),
    remaining: left.reduce((sum, one) => sum + one, 0) + (project ? 0 : 1),
    problems,
    warnings: checked.warnings,
    cost,
  };
}
