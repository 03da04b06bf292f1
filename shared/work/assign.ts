import { labelName } from "../observe/names.ts";
import type { Acting } from "./acting.ts";
import { changeTask } from "./change.ts";
import { readAfresh, type Task } from "./find.ts";
import { handing, withLabels } from "./making.ts";
import { type Assignee, assigneeCalled, letIn } from "./people.ts";

/**
 * Makes a task one agent's and nobody else's: its account is the only assignee, its label the only one of its kind; all
 * other labels stay. It is so already: no change. Throws `bad_request` for an agent there is not.
 */
export async function assignTask(acting: Acting, task: Task, agent: string): Promise<Task> {
  const to = await assigneeCalled(acting, agent);
  return withLabels(acting, task.project, () => giveTo(acting, task, to));
}

async function giveTo(acting: Acting, task: Task, to: Assignee): Promise<Task> {
  const { deps } = acting;
  const fresh = await readAfresh(acting, task);
  const { assignees, labels } = fresh.item.snapshot;
  const fields = await handing(acting, fresh.project, to);
  const names = await Promise.all(labels.map((id) => labelName(deps, fresh.project.id, id)));
  const kept = labels.filter((_, i) => !/^agent:/i.test(names[i]?.trim() ?? ""));
  const next = [...new Set([...kept, ...(fields.labels ?? [])])];
  const same = assignees.length === 1 && assignees[0] === to.id && isSame(labels, next);
  if (same) return fresh;
  const handed = await changeTask(acting, fresh, { assignees: [to.id], labels: next });
  if (handed.item.snapshot.assignees.includes(to.id)) return handed;
  // Plane leaves out who is no member any more, in silence.
  await letIn(acting, fresh.project, [to.id], { anew: true });
  return changeTask(acting, handed, { assignees: [to.id], labels: next });
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}
