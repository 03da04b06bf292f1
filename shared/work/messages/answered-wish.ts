import { GroundcrewError } from "../../errors.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Commit } from "../../store/port.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { findPlanRun } from "../plan-runs/plan-run.ts";
import {
  findWish,
  isWishOpen,
  readUnclosedWishes,
  toWishPut,
  type Wish,
  type WishMessage,
} from "../wishes/wish-record.ts";

/** The writes with which a message answers or closes a wish, and where it belongs in the chat. */
type AnsweredWish = Required<Pick<Commit, "expect" | "put">> & { wish?: string; message?: WishMessage };

const NO_WISH: AnsweredWish = { expect: [], put: [] };

/**
 * Prepares what a message of this agent changes of a wish. `id` names the wish that it answers. Without it, the message
 * is the summary of the oldest wish whose plan is complete, and closes it; else it only replies to the wish, when one
 * alone is open. Throws `not_found` for an unknown id.
 */
export async function prepareAnsweredWish(
  deps: Pick<WorkDeps, "store">,
  agent: string,
  id: string | undefined,
): Promise<AnsweredWish> {
  if (id !== undefined) return prepareNamedWish(deps, id);
  const wishes = await readUnclosedWishes(deps, agent);
  for (const wish of wishes) if (await isPlanComplete(deps, wish)) return prepareClosedWish(deps, wish.id);
  const message = findOnlyMessage(wishes);
  return { ...NO_WISH, ...omitUndefined({ message }) };
}

/** Finds the message of the wish that an agent writes about: the named one, else the only one that is open. */
export async function findWishMessage(
  deps: Pick<WorkDeps, "store">,
  agent: string,
  id: string | undefined,
): Promise<WishMessage | undefined> {
  if (id !== undefined) return (await getWish(deps, id)).message;
  return findOnlyMessage(await readUnclosedWishes(deps, agent));
}

function findOnlyMessage(wishes: readonly Wish[]): WishMessage | undefined {
  const open = wishes.filter(isWishOpen);
  return open.length === 1 ? open[0]?.message : undefined;
}

async function getWish(deps: Pick<WorkDeps, "store">, id: string): Promise<Wish> {
  const wish = await findWish(deps, id);
  if (wish) return wish;
  throw new GroundcrewError("not_found", `There is no wish "${id.slice(0, 60)}". Omit wish, or give the id of a wish.`);
}

/** An open wish is answered: it can still get a plan. One whose plan is complete is closed. */
async function prepareNamedWish(deps: Pick<WorkDeps, "store">, id: string): Promise<AnsweredWish> {
  const wish = await getWish(deps, id);
  if (await isPlanComplete(deps, wish)) return prepareClosedWish(deps, id);
  const named = { wish: id, ...omitUndefined({ message: wish.message }) };
  const [kept] = await deps.store.read<Wish>([workKeys.wish(id)]);
  if (!kept || !isWishOpen(kept.value)) return { ...NO_WISH, ...named };
  const put = [toWishPut({ ...kept.value, answeredAt: await deps.store.now() })];
  return { expect: [[workKeys.wish(id), kept.rev]], put, ...named };
}

async function isPlanComplete(deps: Pick<WorkDeps, "store">, { state, plan }: Wish): Promise<boolean> {
  if (state !== "planned" || plan === undefined) return false;
  return (await findPlanRun(deps, plan))?.completed === true;
}

async function prepareClosedWish(deps: Pick<WorkDeps, "store">, id: string): Promise<AnsweredWish> {
  const [kept] = await deps.store.read<Wish>([workKeys.wish(id)]);
  if (kept?.value.state !== "planned") return NO_WISH;
  const put = [toWishPut({ ...kept.value, state: "closed" })];
  const { message } = kept.value;
  return { expect: [[workKeys.wish(id), kept.rev]], put, wish: id, ...omitUndefined({ message }) };
}
