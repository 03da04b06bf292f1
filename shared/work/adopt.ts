import type { WorkDeps } from "./acting.ts";
import { readCard } from "./card.ts";
import { findCard, takeBack } from "./card-find.ts";
import { claimPut, claimUnder, lookUp } from "./claim-lease.ts";
import { keptTask } from "./find.ts";
import { CLAIM_MS, workKeys } from "./keys.ts";

/**
 * After the store was lost: a task in progress is held by the agent its card names, as if that had just renewed its
 * claim. An agent that is still at it goes on; the claim of one that is not runs out.
 */
export async function adoptClaim(
  deps: WorkDeps,
  { item, correlation }: { item: string; correlation: string },
): Promise<void> {
  const task = await keptTask(deps, item);
  if (!task || task.item.gone !== undefined || task.item.snapshot.word !== "in_progress") return;
  // Who waits for a review holds nothing.
  if (task.item.review) return;
  if (!(await readCard(deps, item))?.comment) {
    const found = await findCard(deps, task);
    if (found) await takeBack(deps, task, found);
  }
  const { agent, since } = (await readCard(deps, item)) ?? {};
  if (agent === undefined || !task.item.owners?.includes(agent)) return;
  const key = workKeys.claim(item);
  const { kept, expect } = await lookUp(deps, item);
  if (kept) return;
  const lease = await deps.store.lease(key, agent, CLAIM_MS);
  if (!("fence" in lease)) return;
  const claim = { ...claimUnder(task, agent, lease), ...(since !== undefined && { since }) };
  if ((await deps.store.commit({ expect, fence: [key, lease.fence], put: [claimPut(claim)] })) !== "kept") return;
  deps.log.info("claim found on the agent card", { correlation, item: task.key, agent });
}
