import { createProgressJobs } from "../../jobs/outbox-jobs.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import { keepDefined } from "../../keep-defined.ts";
import type { Put } from "../../store/port.ts";
import { updateValue } from "../../store/update.ts";
import type { Ms } from "../../time.ts";
import type { KeptClaim } from "../claims/claims.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { prepareSpending, roundAmount } from "../time/spending.ts";

/** What is known of the work on an item beside what Plane has fields for, and what was written of it there. */
export interface KeptCard {
  /** Who holds the task, or held it last, and since when (store time). */
  agent?: string;
  since?: Ms;
  session?: string;
  /** 0 to 100. */
  percent?: number;
  /** The last thing its agent said of it. */
  text?: string;
  /** 0 to 1. */
  confidence?: number;
  /** So far, of all agents; in the budget's currency. */
  cost?: number;
  costs?: Record<string, number>;
  /** The most each agent has ever reported, which is what was counted: a report that was mended is not counted twice. */
  counted?: Record<string, number>;
  /** As planned. */
  estimate?: { cost?: number; ms?: Ms };
  commit?: string;
  tests?: string;
  /** Its agent has written what was done. */
  summary?: boolean;
  /** A human was asked to look at it (store time). */
  review?: { at: Ms; confidence: number };

  /** Plane's id of the comment, once it is there. */
  comment?: string;
  /** SHA-256 of what it says there, and of what was about to be written there first. */
  shown?: string;
  attempt?: string;
  /** The comment of this item's name is somebody else's: ours has another one. */
  apart?: boolean;
  /** Store times: the last edit, and when the next one is due. */
  written?: Ms;
  queued?: Ms;
}

/** What may be noted on a card; undefined takes it off. */
export type CardUpdate = {
  [K in
    | ("session" | "percent" | "text" | "confidence" | "cost" | "estimate")
    | ("commit" | "tests" | "summary" | "review")]?: KeptCard[K] | undefined;
};

/** Edits are gathered: at most one per item in so long. */
export const CARD_EDIT_INTERVAL_MS: Ms = 30_000;

export async function readCard(deps: Pick<WorkDeps, "store">, item: string): Promise<KeptCard | undefined> {
  const [kept] = await deps.store.read<KeptCard>([workKeys.card(item)]);
  return kept?.value;
}

/**
 * Notes something on the card of an item: kept at once, on the work item within 30 s. `cost` is what the task has
 * cost the caller so far, all of it. Answers the card as it is now.
 */
export async function updateCard(context: CallContext, task: Task, note: CardUpdate): Promise<KeptCard> {
  const { deps, caller, correlation } = context;
  return updateValue<KeptCard, KeptCard>(deps, workKeys.card(task.id), async (before = {}, rev) => {
    const [claim] = await deps.store.read<KeptClaim>([workKeys.claim(task.id)]);
    const { cost, ...rest } = note;
    const updated = omitUndefined({ ...applyHolder(before, claim?.value), ...rest });
    const next = cost === undefined ? updated : addCost(updated, caller.name, cost);
    if (isSameCard(before, next)) return { result: before };
    const { expect, put } = await prepareSpending(deps, task, caller.name, {
      counted: (next.counted?.[caller.name] ?? 0) - (before.counted?.[caller.name] ?? 0),
      cost: (next.costs?.[caller.name] ?? 0) - (before.costs?.[caller.name] ?? 0),
    });
    const nextEdit = getNextEdit(next, await deps.store.now());
    return {
      expect,
      put: [toCardPut(task.id, { ...next, queued: nextEdit.at }), ...put],
      jobs: keepDefined([
        nextEdit.already ? undefined : createCardJob(task.id, rev, correlation, nextEdit.at),
        ...createProgressJobs(deps.settings, task.id, `card.${rev}`, correlation),
      ]),
      result: next,
      afterCommit: () => {
        deps.kick();
        if (nextEdit.in > 0) deps.kick({ queue: "work", after: nextEdit.in });
      },
    };
  });
}

/** Has the card of an item brought up to date, with the next edit. */
export async function queueCardWrite(deps: WorkDeps, item: string, correlation: string): Promise<void> {
  await updateValue<KeptCard>(deps, workKeys.card(item), async (card = {}, rev) => {
    const nextEdit = getNextEdit(card, await deps.store.now());
    if (nextEdit.already) return undefined;
    return {
      put: [toCardPut(item, { ...card, queued: nextEdit.at })],
      jobs: [createCardJob(item, rev, correlation, nextEdit.at)],
      afterCommit: () => deps.kick(nextEdit.in > 0 ? { queue: "work", after: nextEdit.in } : undefined),
    };
  });
}

/** Changes what is kept of a card, whatever else changes it meanwhile; undefined leaves it as it is. */
export async function updateCardRecord(
  deps: Pick<WorkDeps, "store">,
  item: string,
  change: (card: KeptCard) => KeptCard | undefined,
): Promise<KeptCard> {
  return updateValue<KeptCard, KeptCard>(deps, workKeys.card(item), (before = {}) => {
    const next = change(before);
    if (!next || isSameCard(before, next)) return { result: before };
    return { put: [toCardPut(item, next)], result: next };
  });
}

/** The card with who holds the task now. Another agent begins with what is true of the task, not of the one before. */
export function applyHolder(card: KeptCard, claim: KeptClaim | undefined): KeptCard {
  if (!claim) return card;
  const { agent, since } = claim;
  if (card.agent === undefined || card.agent === agent) return { ...card, agent, since };
  const { session: _, text: __, confidence: ___, summary: ____, ...task } = card;
  return { ...task, agent, since };
}

export function toCardPut(item: string, card: KeptCard): Put {
  return { key: workKeys.card(item), value: card };
}

function addCost(card: KeptCard, agent: string, cost: number): KeptCard {
  const costs = { ...card.costs, [agent]: cost };
  const sum = Object.values(costs).reduce((all, one) => all + one, 0);
  const counted = { ...card.counted, [agent]: Math.max(cost, card.counted?.[agent] ?? 0) };
  return { ...card, costs, counted, cost: roundAmount(sum) };
}

/** When the next edit may be; `already`: it is queued. */
function getNextEdit(card: KeptCard, now: Ms): { at: Ms; in: Ms; already: boolean } {
  const at = card.queued ?? Math.max(now, (card.written ?? 0) + CARD_EDIT_INTERVAL_MS);
  return { at, in: at - now, already: card.queued !== undefined };
}

function createCardJob(item: string, rev: number, correlation: string, at: Ms) {
  return createWorkJob(`card:${item}:${rev}`, `card:${item}`, { do: "card", item, correlation }, at);
}

function isSameCard(a: KeptCard, b: KeptCard): boolean {
  const sorted = (card: KeptCard) =>
    JSON.stringify(Object.entries(card).sort(([one], [other]) => (one < other ? -1 : 1)));
  return sorted(a) === sorted(b);
}

function omitUndefined(card: { [K in keyof KeptCard]: KeptCard[K] | undefined }): KeptCard {
  return Object.fromEntries(Object.entries(card).filter(([, value]) => value !== undefined)) as KeptCard;
}
