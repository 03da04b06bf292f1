import { GroundcrewError } from "../../errors.ts";
import { DAY, isRecent } from "../../time.ts";
import { type KeptWake, wakeKeys } from "../../wake/wake-record.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Plan } from "../plan-runs/plan.ts";
import { findPlanRun, getPlanRunId, type PlanRun } from "../plan-runs/plan-run.ts";
import { findWish, isWishOpen, readUnclosedWishes, type Wish } from "../wishes/wish-record.ts";

/**
 * Chooses the wish that a plan is for; undefined when it is for none. `plan.wish` names it. Otherwise it is the wish
 * for which the same plan, or one of the same project, was proposed before; else the oldest open wish, those first that
 * a wake or an answer has named; else one whose plan is not approved or has failed, or the last one that a message has
 * answered within a day, so that no plan for it escapes the approval. Throws `not_found` for an unknown wish, `conflict` for a closed one.
 */
export async function chooseWish({ deps, caller }: CallContext, plan: Plan, hash: string): Promise<Wish | undefined> {
  if (plan.wish !== undefined) {
    const wish = await findWish(deps, plan.wish);
    const name = plan.wish.slice(0, 60);
    if (!wish)
      throw new GroundcrewError("not_found", `There is no wish "${name}". Omit wish, or give the id of a wish.`);
    if (wish.state === "closed") throw createClosedWishError(wish.id);
    return wish;
  }
  const wishes = await readUnclosedWishes(deps, caller.name);
  if (wishes.length === 0) return undefined;
  const runs = await Promise.all(
    wishes.map(async ({ id }) => findPlanRun(deps, await getPlanRunId(caller.name, hash, id))),
  );
  const find = (matches: (run: PlanRun) => boolean) => wishes.find((_, i) => runs[i] && matches(runs[i]));
  const same = find((run) => run.hash === hash);
  if (same) return same;
  // The same plan was made before there was a wish: it is no plan for the wish.
  if (await findPlanRun(deps, await getPlanRunId(caller.name, hash, undefined))) return undefined;
  const isChangeable = ({ state }: PlanRun) => state !== "running" && state !== "done";
  const changed = find((run) => isChangeable(run) && run.plan.project === plan.project);
  if (changed) return changed;
  const open = wishes.filter(isWishOpen);
  const [wake] = await deps.store.read<KeptWake>([wakeKeys.wake(caller.name)]);
  const pending = new Set(wake?.value.pending.map(({ id }) => id));
  const unfinished = find(({ state }) => state === "awaiting_approval" || state === "failed");
  const now = await deps.store.now();
  const answered = wishes.findLast(
    ({ state, answeredAt }) => state === "open" && answeredAt !== undefined && isRecent(answeredAt, DAY, now),
  );
  return open.find(({ id }) => !pending.has(id)) ?? open[0] ?? unfinished ?? answered;
}

export function createClosedWishError(id: string): GroundcrewError {
  return new GroundcrewError("conflict", `The wish "${id}" is closed. Omit wish to plan without one.`);
}
