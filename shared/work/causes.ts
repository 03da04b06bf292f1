import type { KeptEdge } from "../observe/kept.ts";
import { keys, sets } from "../observe/keys.ts";
import { all } from "../store/walk.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { WorkDeps } from "./acting.ts";
import { workKeys } from "./keys.ts";
import type { KeptStuck } from "./stuck.ts";

/** Blockers, by Plane's id, that will not be done for now, and why. */
export type Causes = Record<string, "cancelled" | "blocked">;

/**
 * Why a task cannot go on by itself: its blockers that were cancelled, or are blocked by their own state. One that
 * merely waits is no reason, and neither is one that was blocked only for this very task, by way of others or not, or
 * for what is over: in a circle they would keep each other blocked for ever.
 */
export async function causesOf(deps: Pick<WorkDeps, "store">, id: string): Promise<Causes> {
  const edges = await all<KeptEdge>(deps, sets.blockers(id));
  const causes: Causes = {};
  for (const { value } of edges) {
    const why = await whyVain(deps, value.blocker, new Set([id]));
    if (why) causes[value.blocker] = why;
  }
  return causes;
}

/** What is the matter with a blocker by itself; `seen` are no reason for each other. */
async function whyVain(
  deps: Pick<WorkDeps, "store">,
  blocker: string,
  seen: Set<string>,
): Promise<Causes[string] | undefined> {
  if (seen.has(blocker)) return undefined;
  seen.add(blocker);
  const [[item], [stuck]] = await Promise.all([
    deps.store.read<KeptItem>([keys.item(blocker)]),
    deps.store.read<KeptStuck>([workKeys.stuck(blocker)]),
  ]);
  if (!item || item.value.gone !== undefined) return undefined;
  const { word } = item.value.snapshot;
  if (word === "cancelled") return word;
  if (word !== "blocked" || stuck?.value.phase === "releasing") return undefined;
  // Blocked by somebody, not for what it waits for.
  if (!stuck || stuck.value.phase === "excused") return word;
  for (const other of Object.keys(stuck.value.for)) if (await whyVain(deps, other, seen)) return word;
  return undefined;
}
