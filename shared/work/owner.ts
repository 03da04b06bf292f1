import { GroundcrewError } from "../errors.ts";
import type { Acting } from "./acting.ts";
import type { Task } from "./find.ts";

/** Throws `forbidden`, with whose it is, unless the task is the caller's. The human may do everything. */
export async function mustBeMine({ caller }: Acting, { key, item }: Task): Promise<void> {
  const owners = item.owners ?? [];
  if (caller.role === "human" || owners.includes(caller.name)) return;
  const whose = owners.length > 0 ? `is ${owners.join(", ")}'s` : "is assigned to no agent";
  throw new GroundcrewError(
    "forbidden",
    `${key} ${whose}, not ${caller.name}'s: only its own agent may do this. list_my_tasks shows yours.`,
  );
}

/** The same for what the Concierge, who plans everybody's work, may do as well. */
export async function mustBeMineOrPlanned(acting: Acting, task: Task): Promise<void> {
  if (acting.caller.role !== "concierge") await mustBeMine(acting, task);
}
