import { omitUndefined } from "../../omit-undefined.ts";
import { readCard } from "../card/card-record.ts";
import { findCard, restoreCard } from "../card/find-card.ts";
import { createClaim, leaseClaim, readClaimState, toClaimPut } from "../claims/claim-lease.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { findKeptTask } from "../tasks/find-task.ts";
import { prepareTimerStart } from "../time/timer-changes.ts";

/**
 * Restores the claim of a task in progress after the store was lost, for the agent named on its card, as if that agent
 * had just renewed it. An active agent continues; the claim of an inactive one expires.
 */
export async function restoreClaim(
  deps: WorkDeps,
  { item, correlation }: { item: string; correlation: string },
): Promise<void> {
  const task = await findKeptTask(deps, item);
  if (!task || task.item.gone !== undefined || task.item.snapshot.word !== "in_progress") return;
  // A task in review, or one that a person stopped, has no holder.
  if (task.item.review || task.item.stopped) return;
  if (!(await readCard(deps, item))?.comment) {
    const found = await findCard(deps, task);
    if (found) await restoreCard(deps, task, found);
  }
  const { agent, since } = (await readCard(deps, item)) ?? {};
  if (agent === undefined || !task.item.owners?.includes(agent)) return;
  const key = workKeys.claim(item);
  const { kept: current, expect } = await readClaimState(deps, item);
  if (current) return;
  const lease = await leaseClaim(deps, { item, agent });
  if (!("fence" in lease)) return;
  const claim = { ...createClaim(task, agent, lease), ...omitUndefined({ since }) };
  // What was spent before is on the card.
  const time = await prepareTimerStart(deps, task, { ...claim, since: lease.renewed });
  const outcome = await deps.store.commit({
    expect: [...expect, ...time.expect],
    fence: [key, lease.fence],
    put: [toClaimPut(claim), ...time.put],
  });
  if (outcome !== "kept") return;
  deps.log.info("claim restored from the agent card", { correlation, item: task.key, agent });
}
