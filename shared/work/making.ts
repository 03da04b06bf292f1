import { GroundcrewError } from "../errors.ts";
import { OUR_SOURCE } from "../observe/comments.ts";
import { observed, snapshotOf } from "../observe/door.ts";
import { observeItem } from "../observe/item.ts";
import type { KeptProject } from "../observe/kept.ts";
import { observeLines } from "../observe/lines.ts";
import { evaluate, observeMade } from "../observe/relations.ts";
import { PlaneConflictError, PlaneNotFoundError } from "../plane/errors.ts";
import { relations } from "../plane/relations.ts";
import { workItems } from "../plane/work-items.ts";
import type { Acting } from "./acting.ts";
import { changeTask, type Fields } from "./change.ts";
import { keptTask, readNow, type Task } from "./find.ts";
import { labelCalled } from "./labels.ts";
import { type Assignee, letIn } from "./people.ts";
import { escaped } from "./say.ts";

const create = { ...workItems.create, answer: observed };

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
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
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

/** Hands a task that is nobody's to somebody. One that people have given away, moved on or ended stays as it is. */
export async function handTo(acting: Acting, task: Task, to: Assignee): Promise<Task> {
  const { snapshot } = task.item;
  if (snapshot.assignees.includes(to.id)) return task;
  if (snapshot.assignees.length > 0 || snapshot.word === "done" || snapshot.word === "cancelled") return task;
  const fields = await handing(acting, task.project, to);
  const labels = [...new Set([...snapshot.labels, ...(fields.labels ?? [])])];
  const handed = await changeTask(acting, task, { ...fields, labels });
  if (handed.item.snapshot.assignees.includes(to.id)) return handed;
  // Plane leaves out who is no member any more, in silence.
  await letIn(acting, task.project, [to.id], { anew: true });
  return changeTask(acting, handed, { ...fields, labels });
}
