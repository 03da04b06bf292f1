/**
 * The agent card of a task as stored: what agents report (progress, confidence, cost), changed at once and written to
 * Plane within 30 seconds.
 */

import { z } from "zod";
import { countHourlyCost, prepareSpending, roundAmount } from "../accounting/spending.ts";
import type { StoreDeps, TaskDeps } from "../app/deps.ts";
import { createWorkJob } from "../jobs/internal-jobs.ts";
import { createProgressJobs } from "../jobs/outgoing-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type ClaimRecord, readClaims } from "../records/claim-record.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys } from "../records/store-keys.ts";
import type { Put, Revision } from "../store/port.ts";
import { mergeUpdates, updateValue, type ValueUpdate } from "../store/records.ts";
import type { Ms } from "../time.ts";
import type { CallContext } from "./call-context.ts";
import { type Remark, type RemarksRecord, toRemarksPut } from "./remark-record.ts";

/** What a card says of the work on an item. It is written with the card's text, from which a lost store gets it back. */
export const cardReportSchema = z.object({
  /** The agent that holds the task, or held it last, and since when (store time). */
  agent: z.string().exactOptional(),
  since: z.number().exactOptional(),
  /** The session that the agent reported. */
  session: z.string().exactOptional(),
  /** The run of OpenClaw that was started by the agent's last wake for the task; its id is that of the gateway. */
  run: z.object({ agent: z.string(), id: z.string() }).exactOptional(),
  percent: z.number().min(0).max(100).exactOptional(),
  /** The agent's latest progress text. */
  text: z.string().exactOptional(),
  confidence: z.number().min(0).max(1).exactOptional(),
  /** Total of all agents so far, in the budget's currency. */
  cost: z.number().exactOptional(),
  costs: z.record(z.string(), z.number().min(0)).exactOptional(),
  /** Total by agent so far. */
  tokens: z.record(z.string(), z.number().min(0)).exactOptional(),
  /** What gateways have measured by agent: it takes the place of what the agent reports. */
  measured: z.record(z.string(), z.object({ cost: z.number(), tokens: z.number() })).exactOptional(),
  /** The estimate from the plan. */
  estimate: z.object({ cost: z.number().exactOptional(), ms: z.number().exactOptional() }).exactOptional(),
  commit: z.string().exactOptional(),
  tests: z.string().exactOptional(),
  /** Whether the agent has written a summary of what was done. */
  summary: z.boolean().exactOptional(),
  /** Set when a human was asked for a review (store time): its request. */
  review: z.object({ at: z.number(), confidence: z.number(), request: z.string().exactOptional() }).exactOptional(),
});

/** What is known about the work on an item that Plane has no fields for, and the state of the agent card in Plane. */
export interface CardRecord extends z.infer<typeof cardReportSchema> {
  /** The highest total each agent has reported. Only what exceeds it is counted, so a corrected report counts once. */
  reportedTotals?: Record<string, number>;
  /** The task was created for an agent, so it has a card before an agent claims it. */
  planned?: true;

  /**
   * What a person wrote to the agents last, who of them has read it, and `later`, the store time at which they are
   * woken for it, above the limit.
   */
  received?: { id: string; by: string; text: string; at: Ms; later?: Ms; readers?: { agent: string; at: Ms }[] };
  /** The next edit shows that something was received, so it comes within seconds. */
  urgent?: true;

  /** Distinguishes cards that this store has written from those of a lost one. */
  id?: string;
  /** Plane's id of the comment, once it has been created, and SHA-256 of its text. */
  comment?: string;
  publishedHash?: string;
  /** Whether another user's comment has this card's usual external id, so that ours uses another one. */
  hasOtherExternalId?: boolean;
  /** Store times of the last edit and of the next scheduled one. */
  editedAt?: Ms;
  nextEditAt?: Ms;
}

/** The fields of a card that may be changed; undefined removes a field. `tokens`: the caller's total so far. */
export type CardUpdate = { tokens?: number | undefined } & {
  [K in
    | ("session" | "percent" | "text" | "confidence" | "cost" | "planned" | "estimate")
    | ("commit" | "tests" | "summary" | "review")]?: CardRecord[K] | undefined;
};

/** Interval between edits of one card: 30 s, so that frequent reports become one edit in Plane. */
const EDIT_INTERVAL_MS: Ms = 30_000;

/** The same for an edit that shows a person that their words were received: 5 s. */
const URGENT_EDIT_INTERVAL_MS: Ms = 5_000;

/** The confidence of an agent that reports none (OPENCLAW-12). */
export const DEFAULT_CONFIDENCE = 0.8;

/** What distinguishes a run from the sessions that agents report. */
const RUN_PREFIX = "openclaw-run-";

export async function readCard(deps: StoreDeps, item: string): Promise<CardRecord | undefined> {
  return (await deps.store.read<CardRecord>([workKeys.card(item)]))[0]?.value;
}

/**
 * Updates the card of an item: stored at once, written to Plane within 30 s. `cost` is the caller's total on the task
 * so far. Returns the updated card.
 */
export async function updateCard(context: CallContext, task: Task, update: CardUpdate): Promise<CardRecord> {
  const { deps, caller, correlation } = context;
  return updateValue<CardRecord, CardRecord>(deps, workKeys.card(task.id), async (before = {}, rev) => {
    const [claim] = await readClaims(deps, [task.id]);
    const { cost, tokens, ...rest } = update;
    const updated = omitUndefined({ ...applyHolder(before, claim?.value), ...rest });
    const isMeasured = before.measured?.[caller.name] !== undefined;
    const counts = tokens === undefined || isMeasured ? {} : { tokens: { ...updated.tokens, [caller.name]: tokens } };
    const withTokens = { ...updated, ...counts };
    const next = cost === undefined || isMeasured ? withTokens : addCost(withTokens, caller.name, cost);
    if (isSameCard(before, next)) return { result: before };
    const delta = diffSpending(before, next, caller.name);
    const spending = await prepareSpending(deps, task, caller.name, delta);
    const { delay, ...edit } = prepareEdit(task.id, next, rev, await deps.store.now(), correlation);
    const afterCommit = async () => {
      await countHourlyCost(deps, caller.name, delta.counted);
      deps.notify();
      if (delay > 0) deps.notify({ queue: "work", after: delay });
    };
    const jobs = createProgressJobs(deps.settings, task.id, `card.${rev}`, correlation);
    return { ...mergeUpdates([edit, spending, { jobs, afterCommit }]), result: next };
  });
}

/** What the agent has spent between two states of a card. */
function diffSpending(before: CardRecord, next: CardRecord, agent: string) {
  const diff = (field: "reportedTotals" | "costs" | "tokens") =>
    (next[field]?.[agent] ?? 0) - (before[field]?.[agent] ?? 0);
  return { counted: diff("reportedTotals"), cost: diff("costs"), tokens: diff("tokens") };
}

function addCost(card: CardRecord, agent: string, cost: number): CardRecord {
  const costs = { ...card.costs, [agent]: cost };
  const sum = Object.values(costs).reduce((total, agentCost) => total + agentCost, 0);
  const counted = { ...card.reportedTotals, [agent]: Math.max(cost, card.reportedTotals?.[agent] ?? 0) };
  return { ...card, costs, reportedTotals: counted, cost: roundAmount(sum) };
}

function isSameCard(a: CardRecord, b: CardRecord): boolean {
  const sorted = (card: CardRecord) =>
    JSON.stringify(Object.entries(card).sort(([name], [otherName]) => (name < otherName ? -1 : 1)));
  return sorted(a) === sorted(b);
}

/** Schedules the next edit of a changed card, unless one is scheduled early enough: the put, the job, and its delay. */
function prepareEdit(item: string, card: CardRecord, rev: Revision, now: Ms, correlation: string) {
  const { nextEditAt: scheduledAt, urgent } = card;
  const earliest = Math.max(now, getEarliestEdit(card));
  const at = Math.min(scheduledAt ?? earliest, earliest);
  // A lane of its own for what is urgent: that of other edits may wait for one that is due later.
  const lane = `card:${item}${urgent ? ":receipt" : ""}`;
  const job = createWorkJob(`card:${item}:${rev}`, lane, { type: "card", item, correlation }, at);
  return {
    put: [toCardPut(item, { ...card, nextEditAt: at })],
    jobs: at === scheduledAt ? [] : [job],
    delay: at - now,
  };
}

/**
 * Prepares the writes that change a card and schedule its edit, for a commit with further writes; nothing when `change`
 * returns undefined.
 */
async function prepareCardChange(
  { store }: StoreDeps,
  item: string,
  correlation: string,
  change: (card: CardRecord | undefined) => CardRecord | undefined,
): Promise<ValueUpdate> {
  const [stored] = await store.read<CardRecord>([workKeys.card(item)]);
  const card = change(stored?.value);
  if (!card) return {};
  const rev = stored?.rev ?? 0;
  const { put, jobs } = prepareEdit(item, card, rev, await store.now(), correlation);
  return { expect: [[workKeys.card(item), rev]], put, jobs };
}

/** Prepares the writes that show on the card, within seconds, what a person wrote, for a commit with further writes. */
export async function prepareReceipt(
  deps: StoreDeps,
  item: string,
  received: NonNullable<CardRecord["received"]>,
  correlation: string,
) {
  return prepareCardChange(deps, item, correlation, (card) => ({ ...card, received, urgent: true }));
}

/**
 * Records that the answer to a call of the agent contained these remarks, and shows it on the card. Called after the
 * answer: when the process is killed before, the next answer contains them again.
 */
export async function markRemarksRead(
  deps: TaskDeps,
  item: string,
  read: readonly Pick<Remark, "id" | "agent" | "at">[],
  correlation: string,
): Promise<void> {
  const [{ agent } = { agent: "" }] = read;
  await updateValue<RemarksRecord>(deps, workKeys.remarks(item), async (stored) => {
    if (!stored) return undefined;
    const readAt = await deps.store.now();
    const isRead = (remark: Remark) =>
      remark.readAt === undefined &&
      read.some(({ id, at }) => remark.id === id && remark.agent === agent && remark.at === at);
    if (!stored.open.some(isRead)) return undefined;
    const open = stored.open.map((remark) => (isRead(remark) ? { ...remark, readAt } : remark));
    const ids = new Set(read.map(({ id }) => id));
    // The card shows who has read what was received, if it is among these remarks.
    const card = await prepareCardChange(deps, item, correlation, (before) => {
      const received = before?.received;
      if (!received || !ids.has(received.id)) return undefined;
      const others = (received.readers ?? []).filter((reader) => reader.agent !== agent);
      return { ...before, received: { ...received, readers: [...others, { agent, at: readAt }] } };
    });
    const own = { put: [toRemarksPut(item, { ...stored, open })], afterCommit: () => deps.notify() };
    return mergeUpdates([own, card]);
  });
}

/**
 * Prepares the writes that add a cost to an item's card and schedule its edit, for the commit that counts the cost.
 * Nothing where the item has no card, because only agents' work makes one.
 */
export async function prepareCardCost(deps: StoreDeps, item: string, agent: string, cost: number, correlation: string) {
  return prepareCardChange(deps, item, correlation, (card) => {
    const hasCard = card && (card.agent !== undefined || card.comment !== undefined || card.planned);
    return hasCard ? addCost(card, agent, roundAmount((card.costs?.[agent] ?? 0) + cost)) : undefined;
  });
}

/** Prepares the writes that count what a gateway has measured since the last time, for the commit that records it. */
export async function prepareMeasuredUsage(
  deps: Pick<TaskDeps, "store" | "settings" | "notify">,
  task: Task,
  agent: string,
  delta: { tokens: number; cost: number },
  correlation: string,
): Promise<ValueUpdate> {
  const before = (await readCard(deps, task.id)) ?? {};
  const earlier = before.measured?.[agent] ?? { tokens: 0, cost: 0 };
  const own = { tokens: earlier.tokens + delta.tokens, cost: roundAmount(earlier.cost + delta.cost) };
  const card = { ...before, measured: { ...before.measured, [agent]: own } };
  const next = addCost({ ...card, tokens: { ...card.tokens, [agent]: own.tokens } }, agent, own.cost);
  const spent = { ...diffSpending(before, next, agent), measured: delta.cost };
  const spending = await prepareSpending(deps, task, agent, spent);
  const change = await prepareCardChange(deps, task.id, correlation, () => next);
  const afterCommit = async () => {
    await countHourlyCost(deps, agent, delta.cost);
    deps.notify();
  };
  return mergeUpdates([change, spending, { afterCommit }]);
}

/** Schedules an edit of the card of an item, unless one is scheduled already. */
export async function queueCardWrite(deps: TaskDeps, item: string, correlation: string): Promise<void> {
  await updateValue<CardRecord>(deps, workKeys.card(item), async (card = {}, rev) => {
    if (card.nextEditAt !== undefined) return undefined;
    const { delay, ...edit } = prepareEdit(item, card, rev, await deps.store.now(), correlation);
    return { ...edit, afterCommit: () => deps.notify(delay > 0 ? { queue: "work", after: delay } : undefined) };
  });
}

/** The earliest store time of the next edit of a card. */
export function getEarliestEdit({ editedAt: written, urgent }: CardRecord): Ms {
  return written === undefined ? 0 : written + (urgent ? URGENT_EDIT_INTERVAL_MS : EDIT_INTERVAL_MS);
}

/** Changes the stored card, retrying on concurrent changes. `change` returns undefined to leave the card as it is. */
export async function updateCardRecord(
  deps: StoreDeps,
  item: string,
  change: (card: CardRecord) => CardRecord | undefined,
): Promise<CardRecord> {
  return updateValue<CardRecord, CardRecord>(deps, workKeys.card(item), (before = {}) => {
    const next = change(before);
    if (!next || isSameCard(before, next)) return { result: before };
    return { put: [toCardPut(item, next)], result: next };
  });
}

/** Sets the holder of the task on its card. A new holder does not inherit the values its predecessor reported. */
export function applyHolder(card: CardRecord, claim: ClaimRecord | undefined): CardRecord {
  if (!claim) return card;
  const { agent, since } = claim;
  if (card.agent === undefined || card.agent === agent) return { ...card, agent, since };
  return { ...dropAgentReport(card), agent, since };
}

/** The card without what one agent said about its own work. */
export function dropAgentReport(card: CardRecord): CardRecord {
  const { session: _, text: __, confidence: ___, summary: ____, ...rest } = card;
  return rest;
}

/**
 * The session of the work on a task: the one that the agent reported, or else the run that its last wake started, as
 * `openclaw-run-<id>`. The run of another agent than the task's is not shown.
 */
export function getSession({ session, agent, run }: CardRecord = {}): string | undefined {
  if (session !== undefined || run === undefined) return session;
  return agent === undefined || agent === run.agent ? `${RUN_PREFIX}${run.id}` : undefined;
}

export const toCardPut = (item: string, card: CardRecord): Put => ({ key: workKeys.card(item), value: card });
