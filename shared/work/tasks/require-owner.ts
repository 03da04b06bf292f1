import { GroundcrewError } from "../../errors.ts";
import { readDependantIds } from "../../observe/dependency-edges.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import { isOpenItem } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { CallContext } from "../context/call-context.ts";
import { isAgent } from "../context/caller.ts";
import { isMentioned } from "../remarks/remark-record.ts";
import type { Task } from "./find-task.ts";

/** Throws `forbidden`, with the task's owners, unless the task belongs to the caller. Humans may change any task. */
export async function requireOwner({ caller }: CallContext, { key, item }: Task): Promise<void> {
  const owners = item.owners ?? [];
  if (caller.ticket)
    throw new GroundcrewError(
      "forbidden",
      `This session is for ${caller.ticket.key} only: it may read its ticket and the tasks that block it, not ${key}.`,
    );
  if (!isAgent(caller) || owners.includes(caller.name)) return;
  const ownership = owners.length > 0 ? `belongs to ${owners.join(", ")}` : "is not assigned to an agent";
  throw new GroundcrewError(
    "forbidden",
    `${key} ${ownership}; only its own agent may do this, not ${caller.name}. List your tasks with list_my_tasks.`,
  );
}

/** Does the same, but also allows the Concierge, which plans the work of all agents. */
export async function requireOwnerOrConcierge(context: CallContext, task: Task): Promise<void> {
  if (context.caller.role !== "concierge") await requireOwner(context, task);
}

/**
 * Allows commenting on a task to its own agents, the Concierge, humans, and an agent that a person has mentioned in it
 * lately. Throws `forbidden` for others.
 */
export async function requireCommenter(context: CallContext, task: Task): Promise<void> {
  const { deps, caller } = context;
  if (caller.role === "worker" && (await isMentioned(deps, task.id, caller.name))) return;
  await requireOwnerOrConcierge(context, task);
}

/**
 * Allows reading a task to those whom it concerns: its own agents, its own session, the Concierge, humans, an agent that
 * a person has mentioned in it lately, and the agent of an open task that waits or waited for it, because the result of a blocker is
 * the input of its dependants. Throws `forbidden` for others.
 */
export async function requireReader(context: CallContext, task: Task): Promise<void> {
  if (await isOwnerOfDependant(context, task)) return;
  await requireCommenter(context, task);
}

async function isOwnerOfDependant({ deps, caller }: CallContext, { id }: Task): Promise<boolean> {
  if (caller.ticket)
    return id === caller.ticket.item || (await readDependantIds(deps, id)).includes(caller.ticket.item);
  if (caller.role !== "worker") return false;
  const dependants = await deps.store.read<KeptItem>((await readDependantIds(deps, id)).map(observedKeys.item));
  return dependants.some((item) => item && isOpenItem(item.value) && item.value.owners?.includes(caller.name));
}
