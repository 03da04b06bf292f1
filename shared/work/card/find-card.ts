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
import { type KeptTimes, measurePeriod } from "../time/time-entries.ts";
import { type KeptCard, toCardPut } from "./card-record.ts";
import { type ParsedCard, parseCard } from "./parse-card.ts";

/** A card as it was found in Plane. */
export interface FoundCard {
  comment: string;
  /** SHA-256 of its HTML. */
  hash: string;
  /** Undefined when the text is not a card's. */
  parsed: ParsedCard | undefined;
  /** Plane's time of the last edit. */
  edited: Ms;
}

type Options = Pick<PlaneCallOptions, "priority" | "waitBudget">;

/**
 * The external id of the card of an item. Plane compares external ids within the whole project, so it contains the
 * item's id. `apart` gives an alternative id for when another user's comment has the usual one.
 */
export async function getCardExternalId(deps: WorkDeps, item: string, apart: boolean): Promise<string> {
  return apart ? `card:${item}:${await readSystemUser(deps)}` : `card:${item}`;
}

/**
 * Searches the comments of an item for its card. The author must be Groundcrew's own user: Plane sets `actor`, while
 * any author can set the source and the external id.
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
    const parsed = parseCard(found.comment_html);
    return { comment: found.id, hash, parsed, edited: Date.parse(found.updated_at) };
  }
  return undefined;
}

/**
 * Restores the values that a lost store had written to a card; values stored since then take precedence. One commit,
 * and only while the stored card has no comment, so nothing is restored twice. False on a concurrent change.
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
        ...mergeCards(found.parsed?.card ?? {}, card?.value ?? {}),
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
  const cost = Object.values(costs).reduce((sum, agentCost) => sum + agentCost, 0);
  const counted = { ...found.costs, ...kept.counted };
  const { attempt: ____a, ...sinceRestore } = kept;
  const foundFields = isSameAgent ? found : task;
  const costFields = Object.keys(costs).length > 0 ? { costs, cost, counted } : {};
  return { ...foundFields, ...sinceRestore, ...costFields };
}

/** Time by agent. A timer that ran when the store was lost counts until the card was last written. */
function sumCardTime({ parsed, edited }: FoundCard): Record<string, Ms> {
  const spent = { ...parsed?.spent };
  for (const { agent, since } of parsed?.running ?? [])
    if (edited > since) spent[agent] = (spent[agent] ?? 0) + measurePeriod({ from: since, to: edited });
  return spent;
}

async function readSystemUser(deps: WorkDeps, options: Options = {}): Promise<string> {
  const cached = await deps.cache.getItem<{ id: string }>("ourselves");
  if (cached) return cached.id;
  const { data } = await deps.plane.call(usersApi.me, options);
  await deps.cache.setItem("ourselves", { id: data.id });
  return data.id;
}
