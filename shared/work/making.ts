import { z } from "zod";
import { GroundcrewError } from "../errors.ts";
import { OUR_SOURCE } from "../observe/comments.ts";
import { observed, snapshotOf } from "../observe/door.ts";
import { observeItem } from "../observe/item.ts";
import type { KeptProject } from "../observe/kept.ts";
import { observeLines } from "../observe/lines.ts";
import { evaluate, observeMade } from "../observe/relations.ts";
import { PlaneConflictError, PlaneInvalidError } from "../plane/errors.ts";
import { projects } from "../plane/projects.ts";
import { relations } from "../plane/relations.ts";
import { id as planeId } from "../plane/schema.ts";
import { workItems } from "../plane/work-items.ts";
import type { Acting } from "./acting.ts";
import { changeTask, type Fields } from "./change.ts";
import { keptTask, readAfresh, readNow, type Task } from "./find.ts";
import { forgetLabels, labelCalled } from "./labels.ts";
import { type Assignee, letIn } from "./people.ts";
import { escaped } from "./say.ts";

const create = { ...workItems.create, answer: observed };
const byDefault = { ...projects.get, answer: z.object({ default_assignee: planeId.nullish() }) };

/** Makes a work item as the caller and observes it; the one there is when Plane knows it by `id` already. */
export async function makeItem(
  acting: Acting,
  project: KeptProject,
  id: string,
  fields: Fields & { name: string },
): Promise<{ task: Task; made: boolean }> {
  const { deps, plane, correlation } = acting;
  const began = await deps.store.now();
  const json = { ...fields, external_source: OUR_SOURCE, external_id: id };
  let item: string;
  let made = true;
  try {
    const { data } = await plane.call(create, { params: { project: project.id }, json });
    const snapshot = await snapshotOf(deps, data);
    const seen = { via: "read", snapshot, since: 0, began, ended: await deps.store.now() } as const;
    await observeItem(deps, data.id, seen, { project, correlation, cause: `${correlation}:${data.id}` });
    deps.kick();
    item = data.id;
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError) || thrown.id === undefined) throw thrown;
    item = await known(acting, project, thrown.id, fields.name);
    made = false;
  }
  const task = await keptTask(deps, item);
  if (!task)
    throw new GroundcrewError("internal", `"${fields.name}" was made in ${project.identifier}, but is not kept.`);
  return { task, made };
}

async function known(acting: Acting, project: KeptProject, id: string, name: string): Promise<string> {
  try {
    await readNow(acting, { id, project });
    return id;
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "not_found") throw thrown;
    const message = `"${name.slice(0, 80)}" was made in ${project.identifier} before, and people have archived or deleted it since: give it another title to make it anew.`;
    throw new GroundcrewError("conflict", message, { cause: thrown });
  }
}

/** The line that stands for relations in descriptions before Plane 1.3; "" where there are relations. */
export async function linesFor({ deps }: Acting, blockers: readonly Pick<Task, "key">[]): Promise<string> {
  if (blockers.length === 0 || (await deps.plane.capabilities()).relations) return "";
  return `<p>Blocked by: ${blockers.map(({ key }) => escaped(key)).join(", ")}</p>`;
}

/**
 * Says in Plane that a task of our making waits for these, where Plane has relations; where its description says so it
 * is taken from there. Saying it twice is saying it once.
 */
export async function relate(acting: Acting, task: Task, blockers: readonly Task[]): Promise<Task> {
  const { deps, plane, correlation } = acting;
  if (blockers.length === 0) return task;
  if (!(await deps.plane.capabilities()).relations) {
    await observeLines(deps, task.id, correlation);
    await evaluate(deps, task.id, correlation);
    return (await keptTask(deps, task.id)) ?? task;
  }
  const began = await deps.store.now();
  const json = { relation_type: "blocked_by", issues: blockers.map(({ id }) => id) };
  await plane.call(relations.create, { params: { project: task.project.id, item: task.id }, json });
  const edges = new Map(blockers.map(({ id, project }) => [id, project.id]));
  await observeMade(deps, task.id, edges, began, correlation);
  return (await keptTask(deps, task.id)) ?? task;
}

/** The fields of a create or PATCH that hand a task to somebody: the assignee, and the label `agent:<name>` in step. */
export async function handing(acting: Acting, project: KeptProject, to: Assignee): Promise<Fields> {
  const { deps, main } = acting;
  await letIn(acting, project, [to.id]);
  const label = to.agent && (await labelCalled({ ...deps, plane: main }, project.id, `agent:${to.agent}`));
  return { assignees: [to.id], ...(label && { labels: [label] }) };
}

/**
 * Does what writes labels; where Plane knows one of them no more (people deleted it since they were listed), once again
 * with labels listed and made anew.
 */
export async function withLabels<T>(
  { deps }: Acting,
  project: Pick<KeptProject, "id">,
  act: (again: boolean) => Promise<T>,
): Promise<T> {
  try {
    return await act(false);
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError) || thrown.fields["labels"] === undefined) throw thrown;
    await forgetLabels(deps, project.id);
    return act(true);
  }
}

/**
 * Hands a task that is nobody's to somebody. One that people have given away, moved on or ended stays as it is.
 * `refused`: Plane does not take them, and why, for people.
 */
export async function handTo(acting: Acting, task: Task, to: Assignee): Promise<{ task: Task; refused?: string }> {
  const { word } = task.item.snapshot;
  if (isTheirs(task, to) || word === "done" || word === "cancelled" || !(await isNobodys(acting, task)))
    return { task };
  const handed = await give(acting, task, to);
  if (isTheirs(handed, to)) return { task: handed };
  // Plane leaves out who is no member any more, in silence.
  await letIn(acting, task.project, [to.id], { anew: true });
  const again = await give(acting, handed, to);
  if (isTheirs(again, to)) return { task: again };
  const { identifier } = task.project;
  const refused = `Plane does not take ${to.name} as the assignee of ${task.key}: only a guest of ${identifier}, or removed from it; a person must make them a member of that project`;
  return { task: again, refused };
}

const isTheirs = ({ item }: Task, { id }: Assignee) => item.snapshot.assignees.includes(id);

/** Assigned to nobody; or only to whom Plane gives what is made for nobody in this project. */
async function isNobodys({ main }: Acting, { item, project }: Task): Promise<boolean> {
  const [one, ...others] = item.snapshot.assignees;
  if (one === undefined) return true;
  if (others.length > 0) return false;
  const { data } = await main.call(byDefault, { params: { project: project.id } });
  return data.default_assignee === one;
}

async function give(acting: Acting, given: Task, to: Assignee): Promise<Task> {
  return withLabels(acting, given.project, async (again) => {
    const task = again ? await readAfresh(acting, given) : given;
    const fields = await handing(acting, task.project, to);
    const labels = [...new Set([...task.item.snapshot.labels, ...(fields.labels ?? [])])];
    return changeTask(acting, task, { ...fields, labels });
  });
}
