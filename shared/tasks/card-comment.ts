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
import type { WorkJobBody } from "../jobs/internal-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { GROUNDCREW_SOURCE, type PlaneCallOptions } from "../plane/endpoint.ts";
import { PlaneAuthError, PlaneConflictError, PlaneNotFoundError } from "../plane/errors.ts";
import { commentsApi } from "../plane/work-items.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import { findClaim } from "../records/task-records.ts";
import { MINUTE, type Ms, measurePeriod } from "../time.ts";
import { readSystemUserId } from "./assignees.ts";
import {
  applyHolder,
  type CardRecord,
  dropAgentReport,
  getEarliestEdit,
  queueCardWrite,
  readCard,
  toCardPut,
  updateCardRecord,
} from "./card-record.ts";
import { type CardState, parseCard, renderCard } from "./card-text.ts";
import { findStoredTask } from "./find-task.ts";

/** A card as it was found in Plane. */
interface FoundCard {
  comment: string;
  /** SHA-256 of its HTML. */
  hash: string;
  /** Undefined when the text is not a card's. */
  parsed: CardState | undefined;
  /** Plane's time of the last edit. */
  edited: Ms;
}

/** How a card is written: its stored values, its text with the text's hash, and the wait that is left for it. */
interface CardWrite {
  task: Task;
  card: CardRecord;
  html: string;
  hash: string;
  waitBudget: { left: Ms };
}

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
      return queued !== undefined && now < queued ? undefined : { id: deps.newId(), ...rest };
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
    const write = { task, card, html, hash, waitBudget };
    const outcome =
      card.comment === undefined ? await createCard(deps, write) : await editCard(deps, write, card.comment);
    if (outcome === "done") return;
  }
  throw new GroundcrewError(
    "unavailable",
    `The agent card of ${item} changed while it was being written. It is written again later.`,
  );
}

async function readCardView(deps: TaskDeps, task: Task, card: CardRecord, isHeld: boolean) {
  const { stopped, running } = await readTaskTimes(deps, task.id);
  const estimate = card.agent && (await estimateTask(deps, card.agent, getTaskSize(task.item.snapshot)));
  const { budget, timezone, publicUrl } = deps.settings;
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
      page: publicUrl === undefined ? undefined : { publicUrl, path: `/task/${task.key}` },
    }),
  };
}

/** Edits the comment. `again` means that the stored card has changed instead and must be rendered anew. */
async function editCard(deps: TaskDeps, { task, html, hash, waitBudget }: CardWrite, comment: string) {
  const params = { project: task.project.id, item: task.id, comment };
  try {
    await deps.plane.call(commentsApi.update, { params, json: { comment_html: html }, waitBudget });
  } catch (thrown) {
    const isGone = thrown instanceof PlaneNotFoundError;
    const isRefused = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (!isGone && !isRefused) throw thrown;
    await updateCardRecord(deps, task.id, ({ comment: _, publishedHash: __, ...rest }) =>
      // Groundcrew's key belongs to another user now, who may not edit comments of the previous one.
      isRefused ? { ...rest, hasOtherExternalId: true } : rest,
    );
    return "again";
  }
  return recordWritten(deps, task, comment, hash);
}

async function recordWritten(deps: TaskDeps, task: Task, comment: string, hash: string): Promise<"done"> {
  const now = await deps.store.now();
  await updateCardRecord(deps, task.id, ({ urgent, ...current }) => ({
    ...current,
    // What was received during the write is shown by the next edit.
    ...omitUndefined({ urgent: current.nextEditAt !== undefined ? urgent : undefined }),
    comment,
    publishedHash: hash,
    editedAt: now,
  }));
  return "done";
}

/** Creates the comment, or adopts the one that an interrupted attempt, or a lost store, has created. */
async function createCard(deps: TaskDeps, { task, card, html, hash, waitBudget }: CardWrite) {
  // Plane compares external ids within the whole project, so it contains the item's.
  const external_id = card.hasOtherExternalId ? `${toExternalId(task.id)}:${card.id}` : toExternalId(task.id);
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
    const found = await findCard(deps, task, { waitBudget });
    if (found && found.parsed?.id === card.id) await recordWritten(deps, task, found.comment, found.hash);
    else if (found) await restoreCard(deps, task, found);
    else if (card.hasOtherExternalId) throw thrown;
    else {
      deps.log.warn("external id of the agent card is taken by another comment", {
        item: task.key,
        comment: thrown.id,
      });
      await updateCardRecord(deps, task.id, (current) => ({ ...current, hasOtherExternalId: true }));
    }
    return "again";
  }
}

const toExternalId = (item: string) => `card:${item}`;

/**
 * Searches the comments of an item for its card. The author must be Groundcrew's own user: Plane sets `actor`, while
 * any author can set the source and the external id.
 */
async function findCard(
  deps: TaskDeps,
  task: Task,
  options: Pick<PlaneCallOptions, "waitBudget"> = {},
): Promise<FoundCard | undefined> {
  const systemUser = await readSystemUserId(deps, deps.plane, options);
  const params = { project: task.project.id, item: task.id };
  for await (const { data } of deps.plane.pages(commentsApi.list, { ...options, params })) {
    const found = data.results.find(
      ({ actor, external_source, external_id }) =>
        actor === systemUser && external_source === GROUNDCREW_SOURCE && external_id?.startsWith(toExternalId(task.id)),
    );
    if (!found) continue;
    const { id: comment, comment_html: html, updated_at } = found;
    return { comment, hash: await sha256Hex(html), parsed: parseCard(html), edited: Date.parse(updated_at) };
  }
  return undefined;
}

/** Reads the card of a task from Plane, unless the store knows its comment: the store may have been lost. */
export async function restoreLostCard(deps: TaskDeps, task: Task): Promise<CardRecord | undefined> {
  if (!(await readCard(deps, task.id))?.comment) {
    const found = await findCard(deps, task);
    if (found) await restoreCard(deps, task, found);
  }
  return readCard(deps, task.id);
}

/**
 * Restores the values that a lost store had written to a card; values stored since then take precedence. One commit,
 * and only while the stored card has no comment, so nothing is restored twice. False on a concurrent change.
 */
async function restoreCard(deps: TaskDeps, task: Task, found: FoundCard): Promise<boolean> {
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

function mergeCards(found: CardRecord, stored: CardRecord): CardRecord {
  const isSameAgent = stored.agent === undefined || stored.agent === found.agent;
  const costs = { ...found.costs, ...stored.costs };
  const cost = Object.values(costs).reduce((sum, agentCost) => sum + agentCost, 0);
  const reportedTotals = { ...found.costs, ...stored.reportedTotals };
  const costFields = Object.keys(costs).length > 0 ? { costs, cost, reportedTotals } : {};
  return { ...(isSameAgent ? found : dropAgentReport(found)), ...stored, ...costFields };
}
