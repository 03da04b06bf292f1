import type { Deps } from "../../app/deps.ts";
import { cleanText } from "../../clean-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Put, Revision, StoreKey } from "../../store/port.ts";
import { isRecent, type Ms, SECOND } from "../../time.ts";
import { addWakeTasks } from "../../wake/pending-wake.ts";
import type { WakeTask } from "../../wake/wake-record.ts";
import { workKeys } from "../context/work-keys.ts";
import {
  CLOSED_WISH_MS,
  isWishOpen,
  prepareWish,
  readUnclosedWishes,
  toWishPut,
  WISH_TEXT_LIMIT,
  type Wish,
  type WishMessage,
} from "../wishes/wish-record.ts";

/** What a person wrote to the Concierge. */
export interface NewWish {
  /** Id of the update, so that a repeated update has one effect. */
  update: string;
  text: string;
  /** The person's name. */
  by: string;
  /** The message in Telegram, to which the answers reply. */
  message?: WishMessage | undefined;
  /** Free text: it becomes part of a wish that the same person wrote a moment ago. */
  isFreeText: boolean;
}

type SubmitDeps = Pick<Deps, "store" | "kick">;

/** Time after a text in which the next one belongs to it: 20 s, in which people send a sentence in pieces. */
const BURST_MS: Ms = 20 * SECOND;

/**
 * Stores what a person wrote as a wish and wakes the Concierge with it, once even when this is repeated. `joined`: it
 * became part of the wish that the person wrote just before.
 */
export async function submitWish(deps: SubmitDeps, agent: string, newWish: NewWish): Promise<"added" | "joined"> {
  const id = `asked-for:${newWish.update}`;
  const [stored] = await deps.store.read<Wish | true>([workKeys.wish(id)]);
  if (stored) return stored.value === true ? "joined" : "added";
  const text = cleanText(newWish.text, WISH_TEXT_LIMIT);
  if (newWish.isFreeText && (await joinPreviousWish(deps, agent, { ...newWish, text }, id))) return "joined";
  const { by, message, isFreeText } = newWish;
  const now = await deps.store.now();
  const freeText = isFreeText ? { freeText: true as const } : {};
  const wish = { id, text, by, at: now, agent, ...omitUndefined({ message }), ...freeText };
  await addWakeTasks(deps, agent, [toWakeTask(wish)], prepareWish(wish));
  return "added";
}

/**
 * Adds a text to the wish that the same person wrote just before; false when there is none. The id of the text's own
 * wish is stored as a mark, so that a repeated update is not added twice.
 */
async function joinPreviousWish(
  deps: SubmitDeps,
  agent: string,
  { text, by, message }: NewWish,
  id: string,
): Promise<boolean> {
  const now = await deps.store.now();
  const previous = (await readUnclosedWishes(deps, agent)).findLast(
    (wish) => wish.by === by && wish.freeText && isWishOpen(wish) && wish.message?.topic === message?.topic,
  );
  if (!previous || !isRecent(previous.extendedAt ?? previous.at, BURST_MS, now)) return false;
  const key = workKeys.wish(previous.id);
  const [kept] = await deps.store.read<Wish>([key]);
  if (!kept || !isWishOpen(kept.value)) return false;
  const extended: Wish = { ...kept.value, text: `${kept.value.text}\n${text}`, extendedAt: now };
  if (extended.text.length > WISH_TEXT_LIMIT) return false;
  const mark: Put = { key: workKeys.wish(id), value: true, expires: CLOSED_WISH_MS };
  const expect: [StoreKey, Revision][] = [
    [mark.key, 0],
    [key, kept.rev],
  ];
  await addWakeTasks(deps, agent, [toWakeTask(extended)], { expect, put: [mark, toWishPut(extended)] });
  // The wish was answered or planned meanwhile, so the text is a wish of its own.
  const [marked] = await deps.store.read([mark.key]);
  return marked !== undefined;
}

function toWakeTask({ id, text }: Pick<Wish, "id" | "text">): WakeTask {
  return { id, key: "new", reason: "asked_for", text };
}
