import { findLabelName } from "../../observe/name-cache.ts";
import type { CallContext } from "../context/call-context.ts";
import { readFreshTask, type Task } from "../tasks/find-task.ts";
import { type Assignee, ensureMembers, getAssignee } from "./assignees.ts";
import { changeTask } from "./change-task.ts";
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
  const { deps } = context;
  const fresh = await readFreshTask(context, task);
  const { assignees, labels } = fresh.item.snapshot;
  const fields = await createAssignFields(context, fresh.project, assignee);
  const names = await Promise.all(labels.map((id) => findLabelName(deps, fresh.project.id, id)));
  const otherLabels = labels.filter((_, i) => !/^agent:/i.test(names[i]?.trim() ?? ""));
  const newLabels = [...new Set([...otherLabels, ...(fields.labels ?? [])])];
  const isUnchanged = assignees.length === 1 && assignees[0] === assignee.id && hasSameMembers(labels, newLabels);
  if (isUnchanged) return fresh;
  const assigned = await changeTask(context, fresh, { assignees: [assignee.id], labels: newLabels });
  if (assigned.item.snapshot.assignees.includes(assignee.id)) return assigned;
  // Plane silently ignores assignees who are no longer members of the project.
  await ensureMembers(context, fresh.project, [assignee.id], { refresh: true });
  return changeTask(context, assigned, { assignees: [assignee.id], labels: newLabels });
}

function hasSameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member) => b.includes(member));
}
