import type { Commit, Put } from "../../store/port.ts";
import { readAllRows } from "../../store/scan-set.ts";
import { updateValue } from "../../store/update.ts";
import { DAY, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";

/** What a person asked the Concierge for, in their own words. */
export interface Wish {
  /** `asked-for:<update id>`, so that a repeated update is the same wish. */
  id: string;
  text: string;
  /** The person's name. */
  by: string;
  /** Store time. */
  at: Ms;
  /** The Concierge that deals with it. */
  agent: string;
  /** `open`: it has no plan. `planned`: `plan` is proposed, under way or complete. `closed`: it is dealt with. */
  state: "open" | "planned" | "closed";
  /** The id of the plan's run. */
  plan?: string;
  /** The message in Telegram in which it was written, to which its answers reply; absent for one from the page. */
  message?: WishMessage;
  /** Free text, not a command: texts that follow at once are part of it. */
  freeText?: true;
  /** Store time of the last text that was added. */
  extendedAt?: Ms;
  /** Store time at which a message of the Concierge answered it. It can still get a plan, which is approved as any other. */
  answeredAt?: Ms;
}

/** A message in Telegram and its topic. */
export interface WishMessage {
  id: number;
  topic?: number;
}

/** Limit of a wish in UTF-16 units: the longest message in Telegram (4,096), and what it replies to. */
export const WISH_TEXT_LIMIT = 4_500;

const WISH_ID = /^asked-for:[\w:.-]{1,80}$/;

/** Retention of a wish that is answered or closed, or whose plan is complete: 30 days, far longer than a repeated update can arrive. */
export const CLOSED_WISH_MS: Ms = 30 * DAY;

/** Converts a wish to its stored record with its sets. `expires` is the retention of a wish whose plan is complete. */
export function toWishPut(wish: Wish, expires?: Ms): Put {
  const key = workKeys.wish(wish.id);
  const value = { ...wish };
  if (wish.state === "closed") return { key, value, sets: [], expires: CLOSED_WISH_MS };
  const isAnswered = wish.state === "open" && wish.answeredAt !== undefined;
  const retention = expires ?? (isAnswered ? CLOSED_WISH_MS : undefined);
  const sets = [workSets.wishesOf(wish.agent)];
  return { key, value, sets, ...(retention === undefined ? {} : { expires: retention }) };
}

/** Prepares the writes that create an open wish. They are stale when the wish exists, so a repeated one adds nothing. */
export function prepareWish(wish: Omit<Wish, "state" | "plan">): Required<Pick<Commit, "expect" | "put">> {
  return { expect: [[workKeys.wish(wish.id), 0]], put: [toWishPut({ ...wish, state: "open" })] };
}

/** Finds a wish; undefined also for a mark of version 0.2 and before, which kept no wishes. */
export async function findWish(deps: Pick<WorkDeps, "store">, id: string): Promise<Wish | undefined> {
  // Ids come from agents: only those of wishes are keys of the store.
  if (!WISH_ID.test(id)) return undefined;
  const [kept] = await deps.store.read<Wish | true>([workKeys.wish(id)]);
  return kept === undefined || kept.value === true ? undefined : kept.value;
}

/** Reads the wishes that an agent has not dealt with: open and planned ones, oldest first. */
export async function readUnclosedWishes(deps: Pick<WorkDeps, "store">, agent: string): Promise<Wish[]> {
  const rows = await readAllRows<Wish>(deps, workSets.wishesOf(agent));
  return rows.map(({ value }) => value).sort((a, b) => a.at - b.at);
}

/** Whether a wish has neither a plan nor an answer. */
export function isWishOpen({ state, answeredAt }: Wish): boolean {
  return state === "open" && answeredAt === undefined;
}

/** Reads the wishes of an agent that have neither a plan nor an answer, oldest first. */
export async function readOpenWishes(deps: Pick<WorkDeps, "store">, agent: string): Promise<Wish[]> {
  return (await readUnclosedWishes(deps, agent)).filter(isWishOpen);
}

/** Closes a wish because it is dealt with. `already`: it was closed before. */
export async function closeWish(deps: Pick<WorkDeps, "store">, id: string): Promise<"closed" | "already" | "unknown"> {
  if ((await findWish(deps, id)) === undefined) return "unknown";
  return updateValue<Wish, "closed" | "already" | "unknown">(deps, workKeys.wish(id), (wish) => {
    if (!wish) return { result: "unknown" };
    if (wish.state === "closed") return { result: "already" };
    return { put: [toWishPut({ ...wish, state: "closed" })], result: "closed" };
  });
}
