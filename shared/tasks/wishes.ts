/**
 * A wish is what a person asked the Concierge for, in their own words. It is open until the Concierge answers it or
 * makes a plan for it. Texts in quick succession are one wish, until the Concierge names one of them as a wish of its
 * own.
 */

import type { Deps, StoreDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import type { Commit, Put, StoredRow, StoredValue } from "../store/port.ts";
import { mergeUpdates, readAllRows, updateValue, type ValueUpdate } from "../store/records.ts";
import { cleanText } from "../text.ts";
import { DAY, isRecent, type Ms, SECOND } from "../time.ts";
import type { CallContext } from "./call-context.ts";
import { findPlanRun, getPlanRunId, type Plan, type PlanRun } from "./plan-record.ts";
import { addWakeTasks, type WakeRecord, type WakeTask, wakeKeys } from "./wakes.ts";

/** What a person asked the Concierge for, in their own words. */
export interface Wish {
  /** `asked-for:<update id>`, so that a repeated update is the same wish. */
  id: string;
  text: string;
  /** The texts that followed at once. Each can become a wish of its own, under its own id. */
  parts?: WishPart[];
  /** The person's name. */
  by: string;
  /** The person's Telegram user number; absent for a wish from the page. */
  user?: number;
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

/** A text that followed a wish at once. */
type WishPart = Pick<Wish, "id" | "text" | "message">;

/** A message in Telegram, its topic, and the number of who wrote it. */
export interface WishMessage {
  id: number;
  topic?: number;
  user?: number;
  /** The person's own chat with the bot, when it was written there; absent: TELEGRAM_CHAT_ID. */
  chat?: number;
}

/** What a person wrote to the Concierge. */
interface NewWish {
  /** Id of the update, so that a repeated update has one effect. */
  update: string;
  text: string;
  /** The person's name. */
  by: string;
  /** The person's Telegram user number. */
  user?: number | undefined;
  /** The message in Telegram, to which the answers reply. */
  message?: WishMessage | undefined;
  /** Free text: it becomes part of a wish that the same person wrote a moment ago. */
  isFreeText: boolean;
}

/** Stored under the id of a text that became part of an earlier wish: the id of that wish. */
interface JoinedText {
  joined: string;
}

type SubmitDeps = Pick<Deps, "store" | "notify">;

/** The writes with which a message answers or closes wishes, and where it belongs in the chat. */
type AnsweredWish = ValueUpdate & { message?: WishMessage };

/** Limit of a wish in UTF-16 units: the longest message in Telegram (4,096), and what it replies to. */
export const WISH_TEXT_LIMIT = 4_500;

const WISH_ID = /^asked-for:[\w:.-]{1,80}$/;

/** Retention of a wish that is answered or closed, or whose plan is complete: 30 days, far longer than a repeated update can arrive. */
export const CLOSED_WISH_MS: Ms = 30 * DAY;

/** Time after a text in which the next one belongs to it: 20 s, in which people send a sentence in pieces. */
const BURST_MS: Ms = 20 * SECOND;
/**
 * Stores what a person wrote as a wish and wakes the Concierge with it, once even when this is repeated. `joined`: it
 * became part of the wish that the person wrote just before.
 */
export async function submitWish(deps: SubmitDeps, agent: string, newWish: NewWish): Promise<"added" | "joined"> {
  const id = `asked-for:${newWish.update}`;
  const [stored] = await deps.store.read<Wish | JoinedText>([workKeys.wish(id)]);
  if (stored) return "joined" in stored.value ? "joined" : "added";
  const text = cleanText(newWish.text, WISH_TEXT_LIMIT);
  if (newWish.isFreeText && (await joinPreviousWish(deps, agent, { ...newWish, text }, id))) return "joined";
  const { by, user, message, isFreeText } = newWish;
  const optional = omitUndefined({ user, message, freeText: isFreeText || undefined });
  const wish = { id, text, by, at: await deps.store.now(), agent, ...optional };
  await addWakeTasks(deps, agent, [toWakeTask(wish)], prepareWish(wish));
  return "added";
}

/**
 * Adds a text to the wish that the same person wrote just before; false when there is none. The id of the text's own
 * wish is stored as a mark, so that a repeated update is not added twice.
 */
async function joinPreviousWish(deps: SubmitDeps, agent: string, { text, by, user, message }: NewWish, id: string) {
  const now = await deps.store.now();
  // First names are no names of one person only; in another chat, answers belong to another place.
  const toAuthor = (wish: Pick<NewWish, "by" | "user" | "message">) =>
    JSON.stringify([wish.by, wish.user, wish.message?.chat, wish.message?.topic]);
  const author = toAuthor({ by, user, message });
  const previous = (await readWishRows(deps, agent)).findLast(
    ({ value: wish }) => wish.freeText && isWishOpen(wish) && toAuthor(wish) === author,
  );
  if (!previous || !isRecent(previous.value.extendedAt ?? previous.value.at, BURST_MS, now)) return false;
  const { key, rev, value: wish } = previous;
  const part: WishPart = { id, text, ...omitUndefined({ message }) };
  const extended: Wish = { ...wish, parts: [...(wish.parts ?? []), part], extendedAt: now };
  if (getWishText(extended).length > WISH_TEXT_LIMIT) return false;
  const value: JoinedText = { joined: wish.id };
  const mark: Put = { key: workKeys.wish(id), value, expires: CLOSED_WISH_MS };
  const expect: Commit["expect"] = [
    [mark.key, 0],
    [key, rev],
  ];
  await addWakeTasks(deps, agent, [toWakeTask(extended)], { expect, put: [mark, toWishPut(extended)] });
  // The wish was answered or planned meanwhile, so the text is a wish of its own.
  const [marked] = await deps.store.read([mark.key]);
  return marked !== undefined;
}

/** The task of a wake with a wish: its texts as the person wrote them, of which those that followed have ids. */
export function toWakeTask({ id, text, parts }: Pick<Wish, "id" | "text" | "parts">): WakeTask {
  const texts = (parts ?? []).map((part) => ({ id: part.id, text: part.text }));
  return { id, key: "new", reason: "asked_for", text, ...(texts.length > 0 ? { parts: texts } : {}) };
}

/** All that the person wrote, one text a line. */
export function getWishText({ text, parts = [] }: Wish): string {
  return [text, ...parts.map((part) => part.text)].join("\n");
}

/** Finds a wish by its id; undefined also for a text that is part of another one. */
export async function findWish(deps: StoreDeps, id: string): Promise<Wish | undefined> {
  const value = (await readText(deps, id))?.value;
  return value === undefined || "joined" in value ? undefined : value;
}

/** Ids come from agents: only those of wishes are keys of the store. */
async function readText({ store }: StoreDeps, id: string): Promise<StoredValue<Wish | JoinedText> | undefined> {
  return WISH_ID.test(id) ? (await store.read<Wish | JoinedText>([workKeys.wish(id)]))[0] : undefined;
}

/**
 * Chooses the wish that a plan is for; undefined when it is for none. `plan.wish` names it. Otherwise it is the wish
 * for which the same plan, or one of the same project, was proposed before; else the oldest open wish, those first that
 * a wake or an answer has named; else one whose plan is not approved or has failed, or the last one that a message has
 * answered within a day, so that no plan for it escapes the approval. Throws `not_found` for an unknown wish,
 * `conflict` for a closed one.
 */
export async function chooseWish({ deps, caller }: CallContext, plan: Plan, hash: string): Promise<Wish | undefined> {
  if (plan.wish !== undefined) {
    const wish = await getWish(deps, plan.wish);
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
  const [wake] = await deps.store.read<WakeRecord>([wakeKeys.wake(caller.name)]);
  const pending = new Set(wake?.value.pending.map(({ id }) => id));
  const unfinished = find(({ state }) => state === "awaiting_approval" || state === "failed");
  const now = await deps.store.now();
  const answered = wishes.findLast(
    ({ state, answeredAt }) => state === "open" && answeredAt !== undefined && isRecent(answeredAt, DAY, now),
  );
  return open.find(({ id }) => !pending.has(id)) ?? open[0] ?? unfinished ?? answered;
}

/**
 * Prepares what a message of this agent changes of wishes. `ids` name those that it answers; it replies to the first.
 * Without them, the message is the summary of the oldest wish whose plan is complete, and closes it; else it only
 * replies to the wish, when one alone is open. Throws `not_found` for an unknown id.
 */
export async function prepareAnsweredWishes(deps: StoreDeps, agent: string, ids: readonly string[]) {
  if (ids.length > 0) {
    const answered: AnsweredWish[] = [];
    for (const id of new Set(ids)) answered.push(await prepareAnsweredWish(deps, await getWish(deps, id)));
    const message = answered.find((one) => one.message)?.message;
    return { ...mergeUpdates(answered), ...omitUndefined({ message }) };
  }
  const wishes = await readUnclosedWishes(deps, agent);
  for (const wish of wishes) if (await isPlanComplete(deps, wish)) return prepareAnsweredWish(deps, wish);
  return omitUndefined({ message: findOnlyOpen(wishes)?.message });
}

/** An open wish is answered: it can still get a plan. One whose plan is complete is closed. */
async function prepareAnsweredWish(deps: StoreDeps, { id, message }: Wish): Promise<AnsweredWish> {
  const key = workKeys.wish(id);
  const [stored] = await deps.store.read<Wish>([key]);
  const optional = omitUndefined({ message });
  if (!stored) return optional;
  const { value: wish, rev } = stored;
  const isOver = await isPlanComplete(deps, wish);
  if (!isOver && !isWishOpen(wish)) return optional;
  const next: Wish = isOver ? { ...wish, state: "closed" } : { ...wish, answeredAt: await deps.store.now() };
  return { expect: [[key, rev]], put: [toWishPut(next)], ...optional };
}

/** Gets the wish that an agent names. A text that is part of another wish becomes one of its own by being named. */
async function getWish(deps: StoreDeps, id: string): Promise<Wish> {
  const wish = (await findWish(deps, id)) ?? (await separateText(deps, id));
  if (wish) return wish;
  throw new GroundcrewError("not_found", `There is no wish "${id.slice(0, 60)}". Omit wish, or give the id of a wish.`);
}

/** Makes a text that followed a wish a wish of its own; undefined when there is no such text. */
async function separateText({ store }: StoreDeps, id: string): Promise<Wish | undefined> {
  const mark = await readText({ store }, id);
  if (!mark) return undefined;
  // Another call has separated it meanwhile.
  if (!("joined" in mark.value)) return mark.value;
  const separated = await updateValue<Wish, Wish | undefined>(
    { store },
    workKeys.wish(mark.value.joined),
    async (whole) => {
      const part = whole?.parts?.find((one) => one.id === id);
      if (!whole || !part || whole.state === "closed") return { result: undefined };
      const { plan: _, answeredAt: __, message: ___, parts = [], ...rest } = whole;
      const wish: Wish = { ...rest, ...part, state: "open" };
      const remaining: Wish = { ...whole, parts: parts.filter((one) => one !== part) };
      const expires = (await isPlanComplete({ store }, whole)) ? CLOSED_WISH_MS : undefined;
      return {
        expect: [[workKeys.wish(id), mark.rev]],
        put: [toWishPut(remaining, expires), toWishPut(wish)],
        result: wish,
      };
    },
  );
  return separated ?? findWish({ store }, id);
}

async function isPlanComplete(deps: StoreDeps, { state, plan }: Wish): Promise<boolean> {
  if (state !== "planned" || plan === undefined) return false;
  return (await findPlanRun(deps, plan))?.completed === true;
}

function findOnlyOpen(wishes: readonly Wish[]): Wish | undefined {
  const open = wishes.filter(isWishOpen);
  return open.length === 1 ? open[0] : undefined;
}

/** Finds the wish that an agent deals with when it names none: the only one that is open. */
export async function findOnlyOpenWish(deps: StoreDeps, agent: string): Promise<Wish | undefined> {
  return findOnlyOpen(await readUnclosedWishes(deps, agent));
}

/** Converts a wish to its stored record with its sets. `expires` is the retention of a wish whose plan is complete. */
export function toWishPut(wish: Wish, expires?: Ms): Put {
  const isClosed = wish.state === "closed";
  const isAnswered = wish.state === "open" && wish.answeredAt !== undefined;
  const retention = isClosed ? CLOSED_WISH_MS : (expires ?? (isAnswered ? CLOSED_WISH_MS : undefined));
  const sets = isClosed ? [] : [workSets.wishesOf(wish.agent)];
  return { key: workKeys.wish(wish.id), value: wish, sets, ...omitUndefined({ expires: retention }) };
}

/** Prepares the writes that create an open wish. They are stale when the wish exists, so a repeated one adds nothing. */
export function prepareWish(wish: Omit<Wish, "state" | "plan">): Pick<Commit, "expect" | "put"> {
  return { expect: [[workKeys.wish(wish.id), 0]], put: [toWishPut({ ...wish, state: "open" })] };
}

/** Reads the wishes that an agent has not dealt with: open and planned ones, oldest first. */
export async function readUnclosedWishes(deps: StoreDeps, agent: string): Promise<Wish[]> {
  return (await readWishRows(deps, agent)).map(({ value }) => value);
}

async function readWishRows(deps: StoreDeps, agent: string): Promise<StoredRow<Wish>[]> {
  const rows = await readAllRows<Wish>(deps, workSets.wishesOf(agent));
  return rows.sort((a, b) => a.value.at - b.value.at);
}

/** Whether a wish has neither a plan nor an answer. */
export function isWishOpen({ state, answeredAt }: Wish): boolean {
  return state === "open" && answeredAt === undefined;
}

/** Reads the wishes of an agent that have neither a plan nor an answer, oldest first. */
export async function readOpenWishes(deps: StoreDeps, agent: string): Promise<Wish[]> {
  return (await readUnclosedWishes(deps, agent)).filter(isWishOpen);
}

/** Finds the message of the wish that an agent writes about: the named one, else the only one that is open. */
export async function findWishMessage(deps: StoreDeps, agent: string, id: string | undefined) {
  if (id !== undefined) return (await getWish(deps, id)).message;
  return (await findOnlyOpenWish(deps, agent))?.message;
}

export function createClosedWishError(id: string): GroundcrewError {
  return new GroundcrewError("conflict", `The wish "${id}" is closed. Omit wish to plan without one.`);
}
