/**
 * Who may do what: whose tasks a caller may change, comment on and read, and which tasks Groundcrew may write to by
 * itself.
 */

import type { StoreDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { getNewSince, type Task } from "../records/plane-records.ts";
import { observedKeys, workKeys } from "../records/store-keys.ts";
import type { Put } from "../store/port.ts";
import { readDependantIds } from "../sync/dependency-edges.ts";
import { type ItemRecord, isOpenAndOwned } from "../task/snapshot.ts";
import { type CallContext, isAgent } from "./call-context.ts";
import { isMentioned } from "./remark-record.ts";

type ManagedTask = Pick<Task, "id" | "item" | "project">;

/** Throws `forbidden`, with the task's owners, unless the task belongs to the caller. Humans may change any task. */
export async function requireOwner({ caller }: CallContext, { key, item }: Task): Promise<void> {
  const owners = item.owners ?? [];
  if (!caller.ticket && (!isAgent(caller) || owners.includes(caller.name))) return;
  const ownership = owners.length > 0 ? `belongs to ${owners.join(", ")}` : "is not assigned to an agent";
  throw new GroundcrewError(
    "forbidden",
    caller.ticket
      ? `This session is for ${caller.ticket.key} only: it may read its ticket and the tasks that block it, not ${key}.`
      : item.template
        ? `${key} is the template of recurring work, which is nobody's task. Its occurrences are listed by list_my_tasks.`
        : `${key} ${ownership}; only its own agent may do this, not ${caller.name}. List your tasks with list_my_tasks.`,
  );
}

/**
 * Allows commenting on a task to its own agents, the Concierge, humans, and an agent that a person has mentioned in it
 * lately. Throws `forbidden` for others.
 */
export async function requireCommenter(context: CallContext, task: Task): Promise<void> {
  const { deps, caller } = context;
  // The Concierge plans the work of all agents.
  if (caller.role === "concierge") return;
  if (caller.role === "worker" && (await isMentioned(deps, task.id, caller.name))) return;
  await requireOwner(context, task);
}

/**
 * Allows reading a task to those whom it concerns: its own agents, its own session, the Concierge, humans, an agent
 * that a person has mentioned in it lately, and the agent of an open task that waits or waited for it, because the
 * result of a blocker is the input of its dependants. Throws `forbidden` for others.
 */
export async function requireReader(context: CallContext, task: Task): Promise<void> {
  const { deps, caller } = context;
  const { ticket } = caller;
  const dependants = ticket || caller.role === "worker" ? await readDependantIds(deps, task.id) : [];
  if (ticket && [task.id, ...dependants].includes(ticket.item)) return;
  const items = ticket ? [] : await deps.store.read<ItemRecord>(dependants.map(observedKeys.item));
  if (items.some((item) => item && isOpenAndOwned(item.value, caller.name))) return;
  await requireCommenter(context, task);
}

/**
 * Whether Groundcrew may write to a task by itself: synchronize its labels, enforce its dependencies. It may when
 * Groundcrew created the task, when the task is newer than the first complete read of its project, and once an agent
 * has worked on it or somebody has changed it through Groundcrew. All other tasks belong to the people who were there
 * before, and are only read. Makes no request to Plane.
 */
export async function isManaged(deps: StoreDeps, task: ManagedTask): Promise<boolean> {
  if (!isExisting(task)) return true;
  const [mark] = await deps.store.read([workKeys.managed(task.id)]);
  return mark !== undefined;
}

/** Whether the task was there before the first complete read of its project, and is not one that Groundcrew created. */
function isExisting({ item: { snapshot }, project }: Pick<Task, "item" | "project">): boolean {
  if (snapshot.ours) return false;
  return project.began === "" || snapshot.createdAt < getNewSince(project);
}

/** Records that somebody changes a task through Groundcrew, so that Groundcrew may write to it by itself from then on. */
export async function markManaged({ deps, caller }: CallContext, task: ManagedTask): Promise<void> {
  if (caller.role === "system" || !isExisting(task)) return;
  const put = toManagedPut(task.id);
  const [mark] = await deps.store.read([put.key]);
  if (!mark) await deps.store.commit({ put: [put] });
}

/** The mark of a managed task, for a commit that begins an agent's work. */
export const toManagedPut = (item: string): Put => ({ key: workKeys.managed(item), value: true });
