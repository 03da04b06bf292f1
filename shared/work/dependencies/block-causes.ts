import { observedKeys, observedSets } from "../../observe/store-keys.ts";
import type { KeptEdge } from "../../observe/stored-records.ts";
import { readAllRows } from "../../store/scan-set.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { WorkDeps } from "../context/call-context.ts";
import type { KeptStuck } from "./block-state.ts";

/** Blockers, by Plane's id, that cannot be completed for now, and why. */
export type BlockCauses = Record<string, "cancelled" | "blocked">;

/**
 * Finds the blockers because of which a task must be blocked: those that were cancelled or are themselves in a blocked
 * state. A blocker that merely waits for an open task does not count. Neither does one that was blocked only because of
 * this task, directly or through others, or because of closed tasks: in a cycle they would keep each other blocked
 * forever.
 */
export async function findBlockCauses(deps: Pick<WorkDeps, "store">, id: string): Promise<BlockCauses> {
  const edges = await readAllRows<KeptEdge>(deps, observedSets.blockers(id));
  const causes: BlockCauses = {};
  for (const { value } of edges) {
    const cause = await findBlockCause(deps, value.blocker, new Set([id]));
    if (cause) causes[value.blocker] = cause;
  }
  return causes;
}

/** Why a blocker cannot be completed; tasks in `visited` do not count as causes for each other. */
async function findBlockCause(
  deps: Pick<WorkDeps, "store">,
  blocker: string,
  visited: Set<string>,
): Promise<BlockCauses[string] | undefined> {
  if (visited.has(blocker)) return undefined;
  visited.add(blocker);
  const [[item], [stuck]] = await Promise.all([
    deps.store.read<KeptItem>([observedKeys.item(blocker)]),
    deps.store.read<KeptStuck>([observedKeys.dependencyBlock(blocker)]),
  ]);
  if (!item || item.value.gone !== undefined) return undefined;
  const { word } = item.value.snapshot;
  if (word === "cancelled") return word;
  if (word !== "blocked" || stuck?.value.phase === "releasing") return undefined;
  // A person or an agent has blocked it, not Groundcrew because of its blockers.
  if (!stuck || stuck.value.phase === "excused") return word;
  for (const other of Object.keys(stuck.value.for)) if (await findBlockCause(deps, other, visited)) return word;
  return undefined;
}
