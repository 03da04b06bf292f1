import { findLabelName } from "../../observe/name-cache.ts";
import type { CallContext } from "../context/call-context.ts";
import { readFreshTask, type Task } from "../tasks/find-task.ts";
import { type Assignee, ensureMembers, getAssignee } from "./assignees.ts";
import { changeTask, type ItemFields } from "./change-task.ts";
import { createAssignFields, retryWithFreshLabels } from "./create-item.ts";

/**
 * Assigns a task to one agent alone: its account becomes the only assignee and its label the only `agent:` label. Other
 * labels stay. Makes no change when this is already so. Throws `bad_request` for an unknown agent.
 */
export async function assignTask(context: CallContext, task: Task, agent: string): Promise<Task> {
  const to = await getAssignee(context, agent);
  return retryWithFreshLabels(context, task.project, () => makeSoleAssignee(context, task, to));
}

async function makeSoleAssignee(context: CallContext, task: Task, assignee: Assignee): Promise<Task> {
  const fresh = await readFreshTask(context, task);
  const fields = await createSoleAssigneeFields(context, fresh, assignee);
  return fields ? changeAssignee(context, fresh, assignee, fields) : fresh;
}

/**
 * Writes fields that contain a new assignee, and repeats the write when Plane has ignored the assignee: it does so
 * silently when the user is no longer a member of the project.
 */
export async function changeAssignee(
  context: CallContext,
  task: Task,
  { id }: Assignee,
  fields: ItemFields,
): Promise<Task> {
  const assigned = await changeTask(context, task, fields);
  if (assigned.item.snapshot.assignees.includes(id)) return assigned;
  await ensureMembers(context, task.project, [id], { refresh: true });
  return changeTask(context, assigned, fields);
}

/**
 * The fields that make this user the only assignee and its label the only `agent:` label of a task; undefined when that
 * is already so. Other labels stay.
 */
export async function createSoleAssigneeFields(
  context: CallContext,
  task: Task,
  assignee: Assignee,
): Promise<ItemFields | undefined> {
  const { assignees, labels } = task.item.snapshot;
  const fields = await createAssignFields(context, task.project, assignee);
  const newLabels = [...new Set([...(await listOtherLabels(context, task)), ...(fields.labels ?? [])])];
  const isUnchanged = assignees.length === 1 && assignees[0] === assignee.id && hasSameMembers(labels, newLabels);
  return isUnchanged ? undefined : { assignees: [assignee.id], labels: newLabels };
}

/** The fields that remove all assignees and the labels `agent:<name>`. */
export async function createUnassignFields(context: CallContext, task: Task): Promise<ItemFields> {
  return { assignees: [], labels: await listOtherLabels(context, task) };
}

/** Lists the labels of a task without the labels `agent:<name>`. */
async function listOtherLabels({ deps }: CallContext, { item, project }: Task): Promise<string[]> {
  const { labels } = item.snapshot;
  const names = await Promise.all(labels.map((id) => findLabelName(deps, project.id, id)));
  return labels.filter((_, i) => !/^agent:/i.test(names[i]?.trim() ?? ""));
}

function hasSameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member) => b.includes(member));
}
