/**
 * The agent card in Plane: one comment, found again by its external id, edited in place, and restored to the store
 * after that was lost.
 */

import { estimateTask, getTaskSize } from "../accounting/history.ts";
import { readTaskTimes, type TimeEntriesRecord } from "../accounting/time-entries.ts";
import type { TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { sha256Hex } from "../hashing.ts";
import { getTexts } from "../i18n/texts.ts";
import type { WorkJobBody } from "../jobs/work-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import type { PlaneCallOptions } from "../plane/endpoint.ts";
import { PlaneAuthError, PlaneConflictError, PlaneNotFoundError } from "../plane/errors.ts";
import { usersApi } from "../plane/projects.ts";
import { commentsApi } from "../plane/work-items.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import { findClaim } from "../records/task-records.ts";
import { GROUNDCREW_SOURCE } from "../sync/normalize.ts";
import { MINUTE, type Ms, measurePeriod } from "../time.ts";
import {
  applyHolder,
  type CardRecord,
  getEarliestEdit,
  queueCardWrite,
  readCard,
  toCardPut,
  updateCardRecord,
} from "./card-record.ts";
import { type ParsedCard, parseCard, renderCard } from "./card-text.ts";
import { findStoredTask } from "./find-task.ts";

interface CardWrite {
  html: string;
  hash: string;
  waitBudget: { left: Ms };
}

/** A card as it was found in Plane. */
interface FoundCard {
  comment: string;
  /** SHA-256 of its HTML. */
  hash: string;
  /** Undefined when the text is not a card's. */
  parsed: ParsedCard | undefined;
  /** Plane's time of the last edit. */
  edited: Ms;
}

type Options = Pick<PlaneCallOptions, "priority" | "waitBudget">;

/** Limit of the total wait of an edit's requests: 1 min, because the job's lease is 2 min. */
const WAIT_BUDGET_MS: Ms = MINUTE;

/** Limit of rounds: the comment may be deleted, restored from a lost store or renamed before the edit succeeds. */
const MAX_ROUNDS = 5;

/**
 * Updates the agent card on the work item with Groundcrew's own key: one comment, edited in place. An unchanged text
 * makes no request to Plane; edits within 30 s of the last one are merged into a later one; a comment that people
 * deleted is created again. When the job is killed at any step and repeated, there is still one comment.
 */
export async function writeCard(
  deps: TaskDeps,
  { item, correlation }: Extract<WorkJobBody, { type: "card" }>,
): Promise<void> {
  const waitBudget = { left: WAIT_BUDGET_MS };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const task = await findStoredTask(deps, item);
    if (!task || task.item.removedAt !== undefined) return;
    const [claim, now] = await Promise.all([findClaim(deps, item), deps.store.now()]);
    const card = await updateCardRecord(deps, item, (current) => {
      const { nextEditAt: queued, ...rest } = applyHolder(current, claim);
      return queued !== undefined && now < queued ? undefined : rest;
    });
    const isShown = card.agent !== undefined || card.comment !== undefined || card.received !== undefined;
    const hasCard = isShown || card.planned === true;
    if (card.nextEditAt !== undefined || !hasCard) return;
    const html = renderCard(
      await readCardView(deps, task, card, claim !== undefined),
      getTexts(deps.settings.locale).card,
    );
    const hash = await sha256Hex(html);
    if (card.publishedHash === hash) return;
    if (now < getEarliestEdit(card)) return queueCardWrite(deps, item, correlation);
    if ((await placeCard(deps, task, card, { html, hash, waitBudget })) === "done") return;
  }
  throw new GroundcrewError(
    "unavailable",
    `The agent card of ${item} changed while it was being written. It is written again later.`,
  );
}

async function readCardView(deps: TaskDeps, task: Task, card: CardRecord, isHeld: boolean) {
  const { stopped, running } = await readTaskTimes(deps, task.id);
  const estimate = card.agent && (await estimateTask(deps, card.agent, getTaskSize(task.item.snapshot)));
  const { budget, timezone } = deps.settings;
  return {
    card,
    held: isHeld,
    running,
    timezone,
    spent: stopped,
    ...omitUndefined({
      estimate: estimate || undefined,
      currency: budget?.currency,
      stopped: task.item.stopped,
    }),
  };
}

/** Creates or edits the comment. `again` means that the stored card has changed instead and must be rendered anew. */
async function placeCard(deps: TaskDeps, task: Task, card: CardRecord, writing: CardWrite): Promise<"done" | "again"> {
  if (card.comment !== undefined) return editCard(deps, task, card.comment, writing);
  if (card.attemptedHash !== undefined && (await takeOverCard(deps, task, writing))) return "again";
  return createCard(deps, task, card, writing);
}

async function editCard(deps: TaskDeps, task: Task, comment: string, { html, hash, waitBudget }: CardWrite) {
  const params = { project: task.project.id, item: task.id, comment };
  try {
    await deps.plane.call(commentsApi.update, { params, json: { comment_html: html }, waitBudget });
  } catch (thrown) {
    const isGone = thrown instanceof PlaneNotFoundError;
    const isRefused = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (!isGone && !isRefused) throw thrown;
    await updateCardRecord(deps, task.id, ({ comment: _, publishedHash: __, attemptedHash: ___, ...rest }) =>
      // Groundcrew's key belongs to another user now, who may not edit comments of the previous one.
      isRefused ? { ...rest, hasOtherExternalId: true } : rest,
    );
    return "again" as const;
  }
  return recordWritten(deps, task, comment, hash);
}

async function recordWritten(deps: TaskDeps, task: Task, comment: string, hash: string): Promise<"done"> {
  const now = await deps.store.now();
  await updateCardRecord(deps, task.id, ({ attemptedHash: _, urgent, received, ...current }) => ({
    ...current,
    ...omitUndefined({ received }),
    // What was received during the write is shown by the next edit.
    ...omitUndefined({ urgent: current.nextEditAt !== undefined ? urgent : undefined }),
    comment,
    publishedHash: hash,
    editedAt: now,
  }));
  return "done";
}

/** Adopts an existing card: the result of our own interrupted attempt, or one that a lost store had written. */
async function takeOverCard(deps: TaskDeps, task: Task, { waitBudget }: CardWrite): Promise<boolean> {
  const found = await findCard(deps, task, { waitBudget });
  if (!found) return false;
  const current = await readCard(deps, task.id);
  if (found.hash === current?.attemptedHash) await recordWritten(deps, task, found.comment, found.hash);
  else await restoreCard(deps, task, found);
  return true;
}

async function createCard(deps: TaskDeps, task: Task, card: CardRecord, writing: CardWrite): Promise<"done" | "again"> {
  const { html, hash, waitBudget } = writing;
  const external_id = await getCardExternalId(deps, task.id, card.hasOtherExternalId ?? false);
  // Stored before it is sent, to distinguish a comment of a killed process from one of a lost store.
  await updateCardRecord(deps, task.id, (current) => ({ ...current, attemptedHash: hash }));
  try {
    const { data } = await deps.plane.call(commentsApi.create, {
      params: { project: task.project.id, item: task.id },
      json: { comment_html: html, external_source: GROUNDCREW_SOURCE, external_id },
      waitBudget,
    });
    return await recordWritten(deps, task, data.id, hash);
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return "done";
    if (!(thrown instanceof PlaneConflictError)) throw thrown;
    if (await takeOverCard(deps, task, writing)) return "again";
    if (card.hasOtherExternalId) throw thrown;
    deps.log.warn("external id of the agent card is taken by another comment", { item: task.key, comment: thrown.id });
    await updateCardRecord(deps, task.id, ({ attemptedHash: _, ...current }) => ({
      ...current,
      hasOtherExternalId: true,
    }));
    return "again";
  }
}

/**
 * The external id of the card of an item. Plane compares external ids within the whole project, so it contains the
 * item's id. `apart` gives an alternative id for when another user's comment has the usual one.
 */
async function getCardExternalId(deps: TaskDeps, item: string, apart: boolean): Promise<string> {
  return apart ? `card:${item}:${await readSystemUser(deps)}` : `card:${item}`;
}

async function readSystemUser(deps: TaskDeps, options: Options = {}): Promise<string> {
  const cached = await deps.cache.getItem<{ id: string }>("ourselves");
  if (cached) return cached.id;
  const { data } = await deps.plane.call(usersApi.me, options);
  await deps.cache.setItem("ourselves", { id: data.id });
  return data.id;
}

/**
 * Searches the comments of an item for its card. The author must be Groundcrew's own user: Plane sets `actor`, while
 * any author can set the source and the external id.
 */
export async function findCard(deps: TaskDeps, task: Task, options: Options = {}): Promise<FoundCard | undefined> {
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
export async function restoreCard(deps: TaskDeps, task: Task, found: FoundCard): Promise<boolean> {
  const [cardKey, timeKey] = [workKeys.card(task.id), workKeys.time(task.id)];
  const [card] = await deps.store.read<CardRecord>([cardKey]);
  const [times] = await deps.store.read<TimeEntriesRecord>([timeKey]);
  if (card?.value.comment) return true;
  const carriedTime = sumCardTime(found);
  const time: TimeEntriesRecord = {
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
        publishedHash: found.hash,
      }),
      Object.keys(carriedTime).length > 0 ? { key: timeKey, value: time, sets: [workSets.times] } : undefined,
    ]),
  });
  return outcome === "committed";
}

/** Time by agent. A timer that ran when the store was lost counts until the card was last written. */
function sumCardTime({ parsed, edited }: FoundCard): Record<string, Ms> {
  const spent = { ...parsed?.spent };
  for (const { agent, since } of parsed?.running ?? [])
    if (edited > since) spent[agent] = (spent[agent] ?? 0) + measurePeriod({ from: since, to: edited });
  return spent;
}

function mergeCards(found: ParsedCard["card"], stored: CardRecord): CardRecord {
  const { session: _, text: __, confidence: ___, summary: ____, ...task } = found;
  const isSameAgent = stored.agent === undefined || stored.agent === found.agent;
  const costs = { ...found.costs, ...stored.costs };
  const cost = Object.values(costs).reduce((sum, agentCost) => sum + agentCost, 0);
  const counted = { ...found.costs, ...stored.reportedTotals };
  const { attemptedHash: ____a, ...sinceRestore } = stored;
  const foundFields = isSameAgent ? found : task;
  const costFields = Object.keys(costs).length > 0 ? { costs, cost, reportedTotals: counted } : {};
  return { ...foundFields, ...sinceRestore, ...costFields };
}
