import { getNewSince } from "../../observe/project-record.ts";
import type { Put } from "../../store/port.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "./find-task.ts";

type ManagedTask = Pick<Task, "id" | "item" | "project">;

/**
 * Whether Groundcrew may write to a task by itself: synchronize its labels, enforce its dependencies. It may when
 * Groundcrew created the task, when the task is newer than the first complete read of its project, and once an agent has
 * worked on it or somebody has changed it through Groundcrew. All other tasks belong to the people who were there
 * before, and are only read. Makes no request to Plane.
 */
export async function isManaged(deps: Pick<WorkDeps, "store">, task: ManagedTask): Promise<boolean> {
  if (!isExisting(task)) return true;
  // Versions before 0.3 stored no mark, but the agent card of each task on which an agent had worked.
  const [mark, card] = await deps.store.read([workKeys.managed(task.id), workKeys.card(task.id)]);
  return mark !== undefined || card !== undefined;
}

/** Records that somebody changes a task through Groundcrew, so that Groundcrew may write to it by itself from then on. */
export async function markManaged({ deps, caller }: CallContext, task: ManagedTask): Promise<void> {
  if (caller.role === "system" || !isExisting(task)) return;
  const put = toManagedPut(task.id);
  const [mark] = await deps.store.read([put.key]);
  if (!mark) await deps.store.commit({ put: [put] });
}

/** The mark of a managed task, for a commit that begins an agent's work. */
export function toManagedPut(item: string): Put {
  return { key: workKeys.managed(item), value: true };
}

/** Whether the task was there before the first complete read of its project, and is not one that Groundcrew created. */
function isExisting({ item: { snapshot }, project }: Pick<Task, "item" | "project">): boolean {
  if (snapshot.ours) return false;
  return project.began === "" || snapshot.createdAt < getNewSince(project);
}
