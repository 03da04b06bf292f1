import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { keepDefined } from "../../keep-defined.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import type { PlaneCallOptions } from "../../plane/client.ts";
import { commentsApi } from "../../plane/comments.ts";
import { usersApi } from "../../plane/users-members.ts";
import type { Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import type { KeptTimes } from "../time/time-entries.ts";
import { type KeptCard, toCardPut } from "./card-record.ts";
import { type ParsedCard, parseCard } from "./parse-card.ts";

/** A card as it stands in Plane. */
export interface FoundCard {
  comment: string;
  /** SHA-256 of its HTML. */
  hash: string;
  /** Undefined when it cannot be understood. */
  read: ParsedCard | undefined;
  /** Plane's time of its last edit. */
  edited: Ms;
}

type Options = Pick<PlaneCallOptions, "priority" | "waitBudget">;

/**
 * What Plane knows our card of this item by. It looks for the pair in the whole project, so the item is part of it;
 * `apart` is for where somebody else took the name.
 */
export async function getCardExternalId(deps: WorkDeps, item: string, apart: boolean): Promise<string> {
  return apart ? `card:${item}:${await readSystemUser(deps)}` : `card:${item}`;
}

/**
 * Looks for the card among the comments of an item. Only what Groundcrew's own user has written is one: that is
 * Plane's word (`actor`), while source and id are whatever an author says.
 */
export async function findCard(deps: WorkDeps, task: Task, options: Options = {}): Promise<FoundCard | undefined> {
  const systemUser = await readSystemUser(deps, options);
  const ids = [await getCardExternalId(deps, task.id, false), await getCardExternalId(deps, task.id, true)];
  const params = { project: task.project.id, item: task.id };
  for await (const { data } of deps.plane.pages(commentsApi.list, { ...options, params })) {
    const found = data.results.find(
      ({ actor, external_source, external_id }) =>
        actor === systemUser &&
        external_source === GROUNDCREW_SOURCE &&
        external_id !== null &&
        ids.includes(external_id),
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
export async function restoreCard(deps: WorkDeps, task: Task, found: FoundCard): Promise<boolean> {
  const [cardKey, timeKey] = [workKeys.card(task.id), workKeys.time(task.id)];
  const [card] = await deps.store.read<KeptCard>([cardKey]);
  const [times] = await deps.store.read<KeptTimes>([timeKey]);
  if (card?.value.comment) return true;
  const carriedTime = sumCardTime(found);
  const time: KeptTimes = {
    entries: [],
    ...times?.value,
    task: task.key,
    project: task.project.identifier,
    carried: { ...carriedTime, ...times?.value.carried },
  };
  const outcome = await deps.store.commit({
    expect: [
      [cardKey, card?.rev ?? 0],
      [timeKey, times?.rev ?? 0],
    ],
    put: keepDefined([
      toCardPut(task.id, {
        ...mergeCards(found.read?.card ?? {}, card?.value ?? {}),
        comment: found.comment,
        shown: found.hash,
      }),
      Object.keys(carriedTime).length > 0 ? { key: timeKey, value: time, sets: [workSets.times] } : undefined,
    ]),
  });
  return outcome === "kept";
}

function mergeCards(found: ParsedCard["card"], kept: KeptCard): KeptCard {
  const { session: _, text: __, confidence: ___, summary: ____, ...task } = found;
  const isSameAgent = kept.agent === undefined || kept.agent === found.agent;
  const costs = { ...found.costs, ...kept.costs };
  const cost = Object.values(costs).reduce((sum, one) => sum + one, 0);
  const counted = { ...found.costs, ...kept.counted };
  const { attempt: ____a, ...sinceRestore } = kept;
  const foundFields = isSameAgent ? found : task;
  const costFields = Object.keys(costs).length > 0 ? { costs, cost, counted } : {};
  return { ...foundFields, ...sinceRestore, ...costFields };
}

/** By agent; a timer that ran when the store was lost is known to have run until the card was last written. */
function sumCardTime({ read, edited }: FoundCard): Record<string, Ms> {
  const spent = { ...read?.spent };
  for (const { agent, since } of read?.running ?? [])
    if (edited > since) spent[agent] = (spent[agent] ?? 0) + edited - since;
  return spent;
}

async function readSystemUser(deps: WorkDeps, options: Options = {}): Promise<string> {
  const known = await deps.cache.getItem<{ id: string }>("ourselves");
  if (known) return known.id;
  const { data } = await deps.plane.call(usersApi.me, options);
  await deps.cache.setItem("ourselves", { id: data.id });
  return data.id;
}
