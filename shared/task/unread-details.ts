import { omitUndefined } from "../omit-undefined.ts";
import { isOpen } from "./diff.ts";
import type { DetailsPart, KeptItem, UnreadDetails } from "./snapshot.ts";

/**
 * Order in which details are read, 1 first. No webhook reports a relation, so relations of open items come before
 * comments; within both, agents' open tasks come first, then items that a rule could match, then the rest.
 */
export const DETAILS_RANKS = [1, 2, 3, 4, 5, 6, 7] as const;
type DetailsRank = (typeof DETAILS_RANKS)[number];

const PARTS = ["relations", "comments"] as const satisfies readonly DetailsPart[];

interface DetailsRequest {
  /** Revision of the stored record that the request replaces. */
  rev: number;
  correlation: string;
  /** Whether a rule could match what a read of this part finds. */
  canRuleMatch: (part: DetailsPart) => boolean;
}

/**
 * Requests a read of an item's comments and relations, unless they were read, or their read was requested, since its
 * last change: then undefined. A new request replaces an earlier one. Relations of a done item block nothing, so they
 * are not read until the item is reopened.
 */
export function requestDetails(item: KeptItem, request: DetailsRequest): KeptItem | undefined {
  const { snapshot, detailsAt, unread } = item;
  if (!canHaveDetails(item) || detailsAt === snapshot.updatedAt) return undefined;
  if (unread?.covers !== undefined && unread.covers >= snapshot.updatedAt) return undefined;
  const parts = toRequestedParts(snapshot.word === "done" ? ["comments"] : PARTS, request);
  return { ...item, unread: { ...toRequestFields(request), parts, covers: snapshot.updatedAt } };
}

/** Requests a read of an item's comments because a webhook's comment differs from the stored one. */
export function requestComments(item: KeptItem, request: DetailsRequest): KeptItem | undefined {
  if (!canHaveDetails(item)) return undefined;
  const { isolated: _, ...earlier } = item.unread ?? { parts: {} };
  const parts = { ...earlier.parts, ...toRequestedParts(["comments"], request) };
  return { ...item, unread: { ...earlier, ...toRequestFields(request), parts } };
}

/** Requests the first read of the relations of an item that existed before its project was observed. */
export function requestBackfill(item: KeptItem, request: DetailsRequest): KeptItem | undefined {
  if (!canHaveDetails(item) || item.unread || !isOpen(item.snapshot.word)) return undefined;
  const parts = toRequestedParts(["relations"], request);
  return { ...item, unread: { ...toRequestFields(request), parts, isBackfill: true } };
}

/** Withdraws the request of what nobody needs: everything of a removed item, and the relations of a done one. */
export function withdrawUnneededDetails(item: KeptItem): KeptItem {
  if (!item.unread) return item;
  if (!canHaveDetails(item)) return withdrawDetails(item);
  return item.snapshot.word === "done" ? completePart(item, item.unread, "relations") : item;
}

/** Withdraws the request without marking anything as read. */
export function withdrawDetails({ unread: _, ...item }: KeptItem): KeptItem {
  return item;
}

/**
 * Records that a part was read, for the request that the call was sent for: `requested` is the item as it was stored
 * before the call. Undefined when it was requested again meanwhile, so that it must be read again.
 */
export function markPartRead(item: KeptItem, part: DetailsPart, requested: KeptItem): KeptItem | undefined {
  const { unread } = item;
  if (!unread || unread.version !== requested.unread?.version) return undefined;
  // The first call of a request covers every change that was stored before it, also by webhooks.
  const covers = unread.covers !== undefined && !unread.isStarted ? requested.snapshot.updatedAt : unread.covers;
  return completePart(item, { ...unread, isStarted: true, ...omitUndefined({ covers }) }, part);
}

/** Moves the item's request to a job of its own, out of the common order. */
export function isolateDetails(item: KeptItem): KeptItem {
  return item.unread ? { ...item, unread: { ...item.unread, isolated: true } } : item;
}

/** Whether the item waits in the common order for a read of its details. */
export function isWaitingForDetails(item: KeptItem | undefined): boolean {
  return item?.unread !== undefined && !item.unread.isolated;
}

/** Lists the unread parts of an item, the most needed first, each with its rank. */
export function listUnreadParts(item: KeptItem): { part: DetailsPart; rank: DetailsRank }[] {
  return PARTS.filter((part) => item.unread?.parts[part] !== undefined)
    .map((part) => ({ part, rank: part === "relations" ? rankRelations(item) : rankComments(item) }))
    .sort((a, b) => a.rank - b.rank);
}

function rankRelations(item: KeptItem): DetailsRank {
  if (!isOpen(item.snapshot.word)) return 7;
  if (isAgentTask(item)) return 1;
  const isMatchable = item.unread?.parts.relations === "rule";
  if (item.unread?.isBackfill) return isMatchable ? 6 : 7;
  return isMatchable ? 2 : 3;
}

function rankComments(item: KeptItem): DetailsRank {
  if (isOpen(item.snapshot.word) && isAgentTask(item)) return 4;
  return item.unread?.parts.comments === "rule" ? 5 : 7;
}

function isAgentTask({ owners = [] }: KeptItem): boolean {
  return owners.length > 0;
}

function canHaveDetails({ gone, snapshot }: KeptItem): boolean {
  return gone === undefined && !snapshot.quiet;
}

function toRequestFields({ rev, correlation }: DetailsRequest): Pick<UnreadDetails, "version" | "correlation"> {
  return { version: rev, correlation };
}

function toRequestedParts(parts: readonly DetailsPart[], { canRuleMatch }: DetailsRequest): UnreadDetails["parts"] {
  return Object.fromEntries(parts.map((part) => [part, canRuleMatch(part) ? "rule" : "none"]));
}

function completePart(item: KeptItem, unread: UnreadDetails, part: DetailsPart): KeptItem {
  const { [part]: _, ...parts } = unread.parts;
  if (Object.keys(parts).length > 0) return { ...item, unread: { ...unread, parts } };
  const { covers } = unread;
  const next = withdrawDetails(item);
  return covers === undefined || covers <= (next.detailsAt ?? "") ? next : { ...next, detailsAt: covers };
}
