import { GroundcrewError } from "../../errors.ts";
import type { CallContext } from "../context/call-context.ts";
import { isAgent } from "../context/caller.ts";
import type { Task } from "./find-task.ts";

/** Throws `forbidden`, with whose it is, unless the task is the caller's. The human may do everything. */
export async function requireOwner({ caller }: CallContext, { key, item }: Task): Promise<void> {
  const owners = item.owners ?? [];
  if (!isAgent(caller) || owners.includes(caller.name)) return;
  const ownership = owners.length > 0 ? `is ${owners.join(", ")}'s` : "is assigned to no agent";
  throw new GroundcrewError(
    "forbidden",
    `${key} ${ownership}, not ${caller.name}'s: only its own agent may do this. list_my_tasks shows yours.`,
  );
}

/** The same for what the Concierge, who plans everybody's work, may do as well. */
export async function requireOwnerOrConcierge(context: CallContext, task: Task): Promise<void> {
  if (context.caller.role !== "concierge") await requireOwner(context, task);
}
