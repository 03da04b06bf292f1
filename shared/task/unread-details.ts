import { omitUndefined } from "../omit-undefined.ts";
import { type DetailsPart, type ItemRecord, isOpen, type UnreadDetails } from "./snapshot.ts";

/**
 * Order in which details are read, 1 first. No webhook reports a relation, so relations of open items come first, and
 * of these the items whose last change no webhook explains, then those whose change a webhook of a moment before
 * probably explains. Then comments, and what existed before. In each group agents' open tasks come before items that a
 * rule could match, and those before the others.
 */
export const DETAILS_RANKS = [1, 2, 3, 4, 5, 6, 7, 8] as const;
type DetailsRank = (typeof DETAILS_RANKS)[number];

/** The rank of the first relations of items that existed before, that no agent needs and that a rule could match. */
export const BACKFILL_RANK = 7;

const PARTS = ["relations", "comments"] as const satisfies readonly DetailsPart[];

interface DetailsRequest {
  /** Revision of the stored record that the request replaces. */
  rev: number;
  correlation: string;
  /**
   * Whether earlier observations and webhooks explain the item's last change: `probably` when it is a moment later than
   * they are, as after each change when a worker of Plane stores it, but also after a relation at that moment.
   */
  isAnnounced?: "yes" | "probably" | "no";
  /** Whether a rule could match what a read of this part finds. */
  canRuleMatch: (part: DetailsPart) => boolean;
}

/**
 * Requests a read of an item's details; undefined when none is needed. Relations of a done item block nothing, so they
 * are not read until the item is reopened.
 *
 * `changes`: everything, unless it was read, or its read was requested, since the item's last change; replaces an
 * earlier request. `comments`: a webhook's comment differs from the stored one. `backfill`: the first read of the
 * relations of an item that existed before its project was observed, only for an open item that an agent or a rule
 * needs; the relations of others are read when they change.
 */
export function requestDetails(
  item: ItemRecord,
  kind: "changes" | "comments" | "backfill",
  request: DetailsRequest,
): ItemRecord | undefined {
  if (!canHaveDetails(item)) return undefined;
  const { rev, correlation, canRuleMatch, isAnnounced = "no" } = request;
  const { updatedAt, status } = item.snapshot;
  const toParts = (parts: readonly DetailsPart[]): UnreadDetails["parts"] =>
    Object.fromEntries(parts.map((part) => [part, canRuleMatch(part) ? "rule" : "none"]));
  const { isolated: _, ...earlier }: Partial<UnreadDetails> = item.unread ?? {};
  const addPart = (part: DetailsPart) => {
    const parts = { ...earlier.parts, ...toParts([part]) };
    return { ...earlier, version: rev, correlation, parts };
  };
  if (kind === "comments") return { ...item, unread: addPart("comments") };
  if (kind === "backfill") {
    const isNeeded = isAgentTask(item) || (isOpen(status) && canRuleMatch("relations"));
    if (earlier.parts?.relations !== undefined || !isNeeded) return undefined;
    return { ...item, unread: { ...addPart("relations"), isBackfill: true } };
  }
  if ((item.detailsAt ?? "") >= updatedAt || (earlier.covers ?? "") >= updatedAt) return undefined;
  // What an earlier request was for is still unread.
  const marks = {
    isUnannounced: earlier.isUnannounced || isAnnounced === "no" || undefined,
    isUncertain: earlier.isUncertain || isAnnounced === "probably" || undefined,
    lastRead: earlier.lastRead,
  };
  const parts = toParts(status === "done" ? ["comments"] : PARTS);
  return { ...item, unread: { version: rev, correlation, parts, covers: updatedAt, ...omitUndefined(marks) } };
}

/** Whether an agent needs the item's blockers, which are not known and whose read was not requested. */
export function needsBackfill(item: ItemRecord): boolean {
  return item.blockersUnknown === true && isAgentTask(item) && item.unread?.parts.relations === undefined;
}

/** Withdraws requests that are no longer needed: all of a removed item, and for the relations of a done one. */
export function withdrawUnneededDetails(item: ItemRecord): ItemRecord {
  if (!item.unread) return item;
  if (!canHaveDetails(item)) return withdrawDetails(item);
  return item.snapshot.status === "done" ? completePart(item, item.unread, "relations") : item;
}

/** Withdraws the request without marking anything as read. */
export function withdrawDetails({ unread: _, ...item }: ItemRecord): ItemRecord {
  return item;
}

/**
 * Records that a part was read, for the request that the call was sent for: `requested` is the item as it was stored
 * before the call, `readAt` Plane's time before which every change was seen. Undefined when the part was requested
 * again meanwhile, so that it must be read again.
 */
export function markPartRead(
  item: ItemRecord,
  part: DetailsPart,
  requested: ItemRecord,
  readAt: string,
): ItemRecord | undefined {
  const { unread } = item;
  if (!unread || unread.version !== requested.unread?.version) return undefined;
  const { updatedAt } = requested.snapshot;
  // The first call of a request covers every change before it; the calls after it are later.
  const first = unread.covers === undefined ? undefined : updatedAt > readAt ? updatedAt : readAt;
  const covers = unread.isStarted ? unread.covers : first;
  return completePart(item, { ...unread, isStarted: true, lastRead: part, ...omitUndefined({ covers }) }, part);
}

/** Moves the item's request to a job of its own, out of the common order. */
export function isolateDetails(item: ItemRecord): ItemRecord {
  return item.unread ? { ...item, unread: { ...item.unread, isolated: true } } : item;
}

/** Whether the item waits in the common order for a read of its details. */
export function isWaitingForDetails(item: ItemRecord | undefined): boolean {
  return item?.unread !== undefined && !item.unread.isolated;
}

/**
 * Lists the unread parts of an item in the order of their ranks. Parts of one rank take turns, so that
 * an item which is requested again and again gets both.
 */
export function listUnreadParts(item: ItemRecord): { part: DetailsPart; rank: DetailsRank }[] {
  const parts = item.unread?.lastRead === "relations" ? PARTS.toReversed() : PARTS;
  return parts
    .filter((part) => item.unread?.parts[part] !== undefined)
    .map((part) => ({ part, rank: rankPart(item, part) }))
    .sort((a, b) => a.rank - b.rank);
}

function rankPart(item: ItemRecord, part: DetailsPart): DetailsRank {
  const { isUnannounced, isUncertain, isBackfill, parts } = item.unread ?? { parts: {} };
  const isForAgent = isAgentTask(item);
  const isMatchable = parts[part] === "rule";
  if (part === "comments") return isForAgent ? 5 : isMatchable ? 6 : 8;
  if (!isOpen(item.snapshot.status)) return 8;
  if (isForAgent && (isUnannounced || isBackfill)) return 1;
  if (isUnannounced) return isMatchable ? 2 : 3;
  if (isBackfill) return isMatchable ? BACKFILL_RANK : 8;
  if (!isForAgent && !isMatchable) return 8;
  return isUncertain ? 3 : 4;
}

/** Whether the item is an open task of an agent. */
export function isAgentTask({ snapshot, owners = [] }: ItemRecord): boolean {
  return isOpen(snapshot.status) && owners.length > 0;
}

function canHaveDetails({ removedAt, snapshot }: ItemRecord): boolean {
  return removedAt === undefined && !snapshot.quiet;
}

function completePart(item: ItemRecord, unread: UnreadDetails, part: DetailsPart): ItemRecord {
  const { [part]: _, ...parts } = unread.parts;
  if (Object.keys(parts).length > 0) return { ...item, unread: { ...unread, parts } };
  const { covers } = unread;
  const next = withdrawDetails(item);
  return covers === undefined || covers <= (next.detailsAt ?? "") ? next : { ...next, detailsAt: covers };
}
