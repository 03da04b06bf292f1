import type { Commit } from "../../store/port.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { findPlanRun } from "../plan-runs/plan-run.ts";
import { readUnclosedWishes, toWishPut, type Wish } from "../wishes/wish-record.ts";

/**
 * Prepares the writes with which a message of this agent closes a wish: the oldest one whose plan is complete, because
 * the message is its summary. Without one nothing is written.
 */
export async function prepareSummarizedWish(
  deps: Pick<WorkDeps, "store">,
  agent: string,
): Promise<Required<Pick<Commit, "expect" | "put">> & { wish?: string }> {
  for (const { id, plan } of await readUnclosedWishes(deps, agent)) {
    const run = plan === undefined ? undefined : await findPlanRun(deps, plan);
    if (!run?.completed) continue;
    const [kept] = await deps.store.read<Wish>([workKeys.wish(id)]);
    if (kept?.value.state !== "planned") continue;
    const put = [toWishPut({ ...kept.value, state: "closed" })];
    return { expect: [[workKeys.wish(id), kept.rev]], put, wish: id };
  }
  return { expect: [], put: [] };
}
