import { GroundcrewError } from "../../errors.ts";
import type { CallContext } from "../context/call-context.ts";
import { isAgent } from "../context/caller.ts";
import type { Task } from "./find-task.ts";

/** Throws `forbidden`, with the task's owners, unless the task belongs to the caller. Humans may change any task. */
export async function requireOwner({ caller }: CallContext, { key, item }: Task): Promise<void> {
  const owners = item.owners ?? [];
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
