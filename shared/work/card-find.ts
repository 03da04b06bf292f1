import { sha256Hex } from "../digest.ts";
import { OUR_SOURCE } from "../observe/comments.ts";
import type { CallOptions } from "../plane/client.ts";
import { comments } from "../plane/comments.ts";
import { users } from "../plane/users-members.ts";
import type { Ms } from "../store/port.ts";
import type { WorkDeps } from "./acting.ts";
import { cardPut, type KeptCard } from "./card.ts";
import { type CardRead, parseCard } from "./card-parse.ts";
import type { Task } from "./find.ts";
import { workKeys, workSets } from "./keys.ts";
import type { KeptTimes } from "./time.ts";

/** A card as it stands in Plane. */
export interface FoundCard {
  comment: string;
  /** SHA-256 of its HTML. */
  hash: string;
  /** Undefined when it cannot be understood. */
  read: CardRead | undefined;
  /** Plane's time of its last edit. */
  edited: Ms;
}

type Options = Pick<CallOptions, "priority" | "patience">;

/**
 * What Plane knows our card of this item by. It looks for the pair in the whole project, so the item is part of it;
 * `apart` is for where somebody else took the name.
 */
export async function cardId(deps: WorkDeps, item: string, apart: boolean): Promise<string> {
  return apart ? `card:${item}:${await ourselves(deps)}` : `card:${item}`;
}

/**
 * Looks for the card among the comments of an item. Only what Groundcrew's own user has written is one: that is
 * Plane's word (`actor`), while source and id are whatever an author says.
 */
export async function findCard(deps: WorkDeps, task: Task, options: Options = {}): Promise<FoundCard | undefined> {
  const me = await ourselves(deps, options);
  const ids = [await cardId(deps, task.id, false), await cardId(deps, task.id, true)];
  const params = { project: task.project.id, item: task.id };
  for await (const { data } of deps.plane.pages(comments.list, { ...options, params })) {
    const found = data.results.find(
      ({ actor, external_source, external_id }) =>
        actor === me && external_source === OUR_SOURCE && external_id !== null && ids.includes(external_id),
    );
    if (!found) continue;
    const hash = await sha256Hex(found.comment_html);
    const read = parseCard(found.comment_html);
    return { comment: found.id, hash, read, edited: Date.parse(found.updated_at) };
  }
  return undefined;
}

/**
 * Takes over what an earlier store had written: what is kept since counts more. In one commit, and only while the card
 * has no comment, so nothing is taken over twice. False when something else was kept meanwhile.
 */
export async function takeBack(deps: WorkDeps, task: Task, found: FoundCard): Promise<boolean> {
  const [cardKey, timeKey] = [workKeys.card(task.id), workKeys.time(task.id)];
  const [card] = await deps.store.read<KeptCard>([cardKey]);
  const [times] = await deps.store.read<KeptTimes>([timeKey]);
  if (card?.value.comment) return true;
  const carried = spentIn(found);
  const time: KeptTimes = {
    ...{ entries: [], ...times?.value },
    ...{ task: task.key, project: task.project.identifier, carried: { ...carried, ...times?.value.carried } },
  };
  const outcome = await deps.store.commit({
    expect: [
      [cardKey, card?.rev ?? 0],
      [timeKey, times?.rev ?? 0],
    ],
    put: [
      cardPut(task.id, {
        ...merged(found.read?.card ?? {}, card?.value ?? {}),
        comment: found.comment,
        shown: found.hash,
      }),
      ...(Object.keys(carried).length > 0 ? [{ key: timeKey, value: time, sets: [workSets.times] }] : []),
    ],
  });
  return outcome === "kept";
}

function merged(found: CardRead["card"], kept: KeptCard): KeptCard {
  const { session: _, text: __, confidence: ___, summary: ____, ...task } = found;
  const same = kept.agent === undefined || kept.agent === found.agent;
  const costs = { ...found.costs, ...kept.costs };
  const cost = Object.values(costs).reduce((sum, one) => sum + one, 0);
  const counted = { ...found.costs, ...kept.counted };
  const { attempt: ____a, ...since } = kept;
  return { ...(same ? found : task), ...since, ...(Object.keys(costs).length > 0 && { costs, cost, counted }) };
}

/** By agent; a timer that ran when the store was lost is known to have run until the card was last written. */
function spentIn({ read, edited }: FoundCard): Record<string, Ms> {
  const spent = { ...read?.spent };
  for (const { agent, since } of read?.running ?? [])
    if (edited > since) spent[agent] = (spent[agent] ?? 0) + edited - since;
  return spent;
}

async function ourselves(deps: WorkDeps, options: Options = {}): Promise<string> {
  const known = await deps.cache.getItem<{ id: string }>("ourselves");
  if (known) return known.id;
  const { data } = await deps.plane.call(users.me, options);
  await deps.cache.setItem("ourselves", { id: data.id });
  return data.id;
}
