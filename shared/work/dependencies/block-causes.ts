import { observedKeys, observedSets } from "../../observe/store-keys.ts";
import type { KeptEdge } from "../../observe/stored-records.ts";
import { readAllRows } from "../../store/scan-set.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { KeptStuck } from "./block-dependants.ts";

/** Blockers, by Plane's id, that will not be done for now, and why. */
export type BlockCauses = Record<string, "cancelled" | "blocked">;

/**
 * Why a task cannot go on by itself: its blockers that were cancelled, or are blocked by their own state. One that
 * merely waits is no reason, and neither is one that was blocked only for this very task, by way of others or not, or
 * for what is over: in a circle they would keep each other blocked for ever.
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

/** What is the matter with a blocker by itself; `seen` are no reason for each other. */
async function findBlockCause(
  deps: Pick<WorkDeps, "store">,
  blocker: string,
  visited: Set<string>,
): Promise<BlockCauses[string] | undefined> {
  if (visited.has(blocker)) return undefined;
  visited.add(blocker);
  const [[item], [stuck]] = await Promise.all([
    deps.store.read<KeptItem>([observedKeys.item(blocker)]),
    deps.store.read<KeptStuck>([workKeys.stuck(blocker)]),
  ]);
  if (!item || item.value.gone !== undefined) return undefined;
  const { word } = item.value.snapshot;
  if (word === "cancelled") return word;
  if (word !== "blocked" || stuck?.value.phase === "releasing") return undefined;
  // Blocked by somebody, not for what it waits for.
  if (!stuck || stuck.value.phase === "excused") return word;
  for (const other of Object.keys(stuck.value.for)) if (await findBlockCause(deps, other, visited)) return word;
  return undefined;
}
