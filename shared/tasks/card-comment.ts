/**
 * The agent card in Plane: one comment, found again by its external id and edited in place. Its text is safe HTML, one
 * line per value, and the same values as data, from which they are restored after the store was lost.
 */

import { z } from "zod";
import { estimateTask, getTaskSize, type TaskEstimate } from "../accounting/history.ts";
import { roundAmount } from "../accounting/spending.ts";
import { readTaskTimes, type TaskTimes, type TimeEntriesRecord } from "../accounting/time-entries.ts";
import type { TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { sha256Hex } from "../hashing.ts";
import { formatTemplate, localizeCount, localizeExactNumber } from "../i18n/localize.ts";
import { type CardLine, type CardTexts, getTexts } from "../i18n/texts.ts";
import type { WorkJobBody } from "../jobs/internal-jobs.ts";
import { escapeHtml, linkToPage } from "../markdown/plain-text.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { GROUNDCREW_SOURCE, type PlaneCallOptions } from "../plane/endpoint.ts";
import { PlaneAuthError, PlaneConflictError, PlaneNotFoundError } from "../plane/errors.ts";
import { commentsApi } from "../plane/work-items.ts";
import { findClaim } from "../records/claim-record.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import { cleanLine } from "../text.ts";
import { MINUTE, type Ms, measurePeriod, toZonedTime } from "../time.ts";
import { readSystemUserId } from "./assignees.ts";
import {
  applyHolder,
  type CardRecord,
  cardReportSchema,
  DEFAULT_CONFIDENCE,
  dropAgentReport,
  getEarliestEdit,
  getSession,
  queueCardWrite,
  readCard,
  toCardPut,
  updateCardRecord,
} from "./card-record.ts";
import { findPresentTask } from "./find-task.ts";

const cardStateSchema = z.object({
  /** Of the record that it shows. */
  id: z.string(),
  card: cardReportSchema,
  spent: z.record(z.string(), z.number().min(0)),
  running: z.array(z.object({ agent: z.string(), since: z.number() })),
});

/** The values on a card that was written before. */
type CardState = z.infer<typeof cardStateSchema>;

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

/** Limit of the shown words of a person, and of the person's name, in UTF-16 units. */
const MAX_WORDS = 120;
const MAX_NAME = 60;

/**
 * Updates the agent card on the work item with Groundcrew's own key: one comment, edited in place. An unchanged text
 * makes no request to Plane; edits within 30 s of the last one are merged into a later one; a comment that people
 * deleted is created again. When the job is killed at any step and repeated, there is still one comment.
 */
export async function writeCard(deps: TaskDeps, { item, correlation }: Extract<WorkJobBody, { type: "card" }>) {
  const waitBudget = { left: WAIT_BUDGET_MS };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const task = await findPresentTask(deps, item);
    if (!task) return;
    const [claim, now] = await Promise.all([findClaim(deps, item), deps.store.now()]);
    const card = await updateCardRecord(deps, item, (current) => {
      const { nextEditAt: queued, ...rest } = applyHolder(current, claim);
      return queued !== undefined && now < queued ? undefined : { id: deps.newId(), ...rest };
    });
    const hasCard = [card.agent, card.comment, card.received, card.planned].some((one) => one !== undefined);
    if (card.nextEditAt !== undefined || !hasCard) return;
    const html = await renderCard(deps, task, card, claim !== undefined);
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

/** None of the values changes with time alone, so an unchanged card renders the same text. */
async function renderCard(deps: TaskDeps, task: Task, card: CardRecord, isHeld: boolean): Promise<string> {
  const texts = getTexts(deps.settings.locale).card;
  const times = await readTaskTimes(deps, task.id);
  const estimate = card.agent ? await estimateTask(deps, card.agent, getTaskSize(task.item.snapshot)) : undefined;
  const { stopped: spent, running } = times;
  const state: CardState = { id: card.id ?? "", card: cardReportSchema.parse(card), spent, running };
  const lines = Object.entries(describeCard(deps, task, card, { isHeld, times, estimate })).map(([line, value]) =>
    value ? `<li><strong>${texts.labels[line as CardLine]}${texts.colon}</strong> ${escapeHtml(value)}</li>` : "",
  );
  const data = encodeURIComponent(JSON.stringify(state));
  const heading = linkToPage(deps.settings.publicUrl, `/task/${task.key}`, texts.title);
  return `<p><strong>${heading}</strong>${texts.origin}</p><ul data-groundcrew="${data}">${lines.join("")}</ul>`;
}

function describeCard(
  { settings }: TaskDeps,
  { item: { stopped } }: Task,
  card: CardRecord,
  { isHeld, times, estimate }: { isHeld: boolean; times: TaskTimes; estimate: TaskEstimate | undefined },
): Record<CardLine, string | undefined> {
  const texts = getTexts(settings.locale).card;
  const { review, received, percent, since, costs = {}, confidence } = card;
  const formatMoment = (at: Ms) => {
    const { date, time, offset } = toZonedTime(at, settings.timezone);
    return `${date} ${time} ${offset === "+00:00" ? "UTC" : offset}`;
  };
  const formatAmount = (amount: number) => localizeExactNumber(texts.locale, roundAmount(amount));
  const formatMoney = (amount: number) => keepDefined([formatAmount(amount), settings.budget?.currency]).join(" ");
  const formatSum = (sum: string, amounts: Record<string, number>, format: (amount: number) => string) => {
    const parts = Object.entries(amounts).map(([agent, amount]) => `${agent} ${format(amount)}`);
    return formatTemplate(texts.sum, { sum, parts: parts.join(", ") });
  };
  const clean = (text: string | undefined) => text && cleanLine(text, 400);
  const formatPlan = ({ cost, ms }: Pick<TaskEstimate, "cost" | "ms">) =>
    [cost === undefined ? [] : formatMoney(cost), ms === undefined ? [] : formatDuration(ms)].flat().join(", ");
  const time = Object.values(times.stopped).reduce((sum, ms) => sum + ms, 0);
  const timers = times.running.map((timer) =>
    formatTemplate(texts.timer, { agent: timer.agent, at: formatMoment(timer.since) }),
  );
  return {
    agent: isHeld ? clean(card.agent) : undefined,
    lastAgent: isHeld ? undefined : clean(card.agent),
    since: since === undefined ? undefined : formatMoment(since),
    stopped:
      stopped && formatTemplate(texts.stopped, { by: cleanLine(stopped.by, MAX_NAME), at: formatMoment(stopped.at) }),
    received: received && formatReceipt(received, formatMoment, settings.timezone, texts),
    session: clean(getSession(card)),
    progress: percent === undefined ? undefined : formatTemplate(texts.percent, { n: formatAmount(percent) }),
    last: clean(card.text),
    time: time > 0 ? formatSum(formatDuration(time), times.stopped, formatDuration) : undefined,
    timer: timers.join(", "),
    cost: Object.keys(costs).length > 0 ? formatSum(formatMoney(card.cost ?? 0), costs, formatAmount) : undefined,
    planned: card.estimate && formatPlan(card.estimate),
    estimate: card.estimate || !estimate ? undefined : formatEstimate(estimate, formatPlan(estimate), texts),
    confidence:
      confidence === undefined
        ? formatTemplate(texts.assumed, { n: formatAmount(DEFAULT_CONFIDENCE) })
        : formatAmount(confidence),
    commit: clean(card.commit),
    tests: clean(card.tests),
    summary: card.summary ? texts.written : undefined,
    review:
      review &&
      formatTemplate(texts.review, { at: formatMoment(review.at), confidence: formatAmount(review.confidence) }),
  };
}

/** `1:05:30`: hours, minutes, seconds. */
function formatDuration(ms: Ms): string {
  const seconds = Math.floor(ms / 1000);
  const two = (n: number) => String(n % 60).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60))}:${two(seconds)}`;
}

function formatReceipt(
  { by, text, at, later, readers = [] }: NonNullable<CardRecord["received"]>,
  formatMoment: (at: Ms) => string,
  timezone: string,
  texts: CardTexts,
): string {
  const words = cleanLine(text, MAX_WORDS);
  const formatClock = (readAt: Ms) => toZonedTime(readAt, timezone).time.slice(0, 5);
  return [
    formatTemplate(texts.received, { by: cleanLine(by, MAX_NAME), at: formatMoment(at) }),
    words === "" ? "" : formatTemplate(texts.receivedWords, { words }),
    later === undefined ? "" : formatTemplate(texts.receivedLater, { at: formatMoment(later) }),
    ...readers.map((reader) => formatTemplate(texts.read, { by: reader.agent, at: formatClock(reader.at) })),
  ].join("");
}

function formatEstimate({ ms, cost, from }: TaskEstimate, estimate: string, texts: CardTexts): string {
  const tasks = localizeCount(texts, texts.finishedTasks, from);
  if (ms === undefined && cost === undefined) return formatTemplate(texts.tooLittle, { tasks });
  return formatTemplate(texts.estimate, { estimate, tasks });
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
      const logFields = { item: task.key, comment: thrown.id };
      deps.log.warn("external id of the agent card is taken by another comment", logFields);
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
async function findCard(deps: TaskDeps, task: Task, options: Pick<PlaneCallOptions, "waitBudget"> = {}) {
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
 * and only while the stored card has no comment, so nothing is restored twice.
 */
async function restoreCard(deps: TaskDeps, task: Task, found: FoundCard): Promise<void> {
  const [cardKey, timeKey] = [workKeys.card(task.id), workKeys.time(task.id)];
  const [card] = await deps.store.read<CardRecord>([cardKey]);
  const [times] = await deps.store.read<TimeEntriesRecord>([timeKey]);
  if (card?.value.comment) return;
  const merged = mergeCards(found.parsed?.card ?? {}, card?.value ?? {});
  const put = [toCardPut(task.id, { ...merged, comment: found.comment, publishedHash: found.hash })];
  const carried = { ...sumCardTime(found), ...times?.value.carried };
  if (Object.keys(carried).length > 0) {
    const { entries = [] } = times?.value ?? {};
    const value = { ...times?.value, task: task.key, project: task.project.identifier, entries, carried };
    put.push({ key: timeKey, value: value satisfies TimeEntriesRecord, sets: [workSets.times] });
  }
  await deps.store.commit({
    expect: [
      [cardKey, card?.rev ?? 0],
      [timeKey, times?.rev ?? 0],
    ],
    put,
  });
}

/** Reads the values back from the HTML of a card; undefined when the text is not a card's, or people have edited it. */
export function parseCard(html: string): CardState | undefined {
  const [, data = ""] = /<ul data-groundcrew="([^"]*)"/.exec(html) ?? [];
  try {
    return cardStateSchema.safeParse(JSON.parse(decodeURIComponent(data))).data;
  } catch {
    return undefined;
  }
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
