import { toUnobservedPut } from "../../observe/item-put.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import { updateValue } from "../../store/update.ts";
import { isOpenItem } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { endClaim } from "../claims/end-claim.ts";
import { findClaim } from "../claims/find-claim.ts";
import type { WorkDeps } from "../context/call-context.ts";

/**
 * Stops the work on an open task: its claim is revoked, and no agent may start it until a person acts. The mark comes
 * first: the claims tick ends a claim that remains on a marked task. Repeating it has no effect.
 */
export async function stopTask(
  deps: WorkDeps,
  { item, by }: { item: string; by: string },
  correlation: string,
): Promise<void> {
  const [at, held] = await Promise.all([deps.store.now(), findClaim(deps, item)]);
  await updateValue<KeptItem>(deps, observedKeys.item(item), (kept, rev) => {
    if (!kept || !isOpenItem(kept) || kept.stopped) return undefined;
    // Only a claimed task in progress is returned to todo, which is not the change of a person.
    const isReturning = held !== undefined && kept.snapshot.word === "in_progress";
    const returned = isReturning ? {} : { returned: true as const };
    return { put: [toUnobservedPut({ ...kept, stopped: { by, at, ...returned } }, rev)] };
  });
  const claim = await findClaim(deps, item);
  if (claim) await endClaim(deps, claim, "stopped", correlation, { by });
}

/** Lets agents start a stopped task again. */
export async function releaseStoppedTask(deps: WorkDeps, item: string): Promise<void> {
  await updateValue<KeptItem>(deps, observedKeys.item(item), (kept, rev) => {
    if (!kept?.stopped) return undefined;
    const { stopped: _, ...released } = kept;
    return { put: [toUnobservedPut(released, rev)] };
  });
}
