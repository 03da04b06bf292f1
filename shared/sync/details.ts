/**
 * Works off the requests for details, those first that agents need, with one call to Plane per job; and how far the
 * first look at Plane is.
 */

import type { SyncDeps } from "../app/deps.ts";
import { createObserveJob } from "../jobs/internal-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { isTransientPlaneError, PlaneNotFoundError, PlaneRateLimitedError } from "../plane/errors.ts";
import { isReadableProject, type ProjectRecord } from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import type { Job, Put, StoredRow } from "../store/port.ts";
import { readAllRows, updateValue } from "../store/records.ts";
import type { DetailsPart, ItemRecord } from "../task/snapshot.ts";
import {
  DETAILS_RANKS,
  isolateDetails,
  isWaitingForDetails,
  listUnreadParts,
  markPartRead,
  withdrawDetails,
} from "../task/unread-details.ts";
import { readRelations } from "./blockers.ts";
import { readComments } from "./comments.ts";
import { countUnreadBlockers, toUnobservedPut } from "./item-record.ts";
import { readItem } from "./observe-item.ts";

interface NextDetails {
  row: StoredRow<ItemRecord>;
  part: DetailsPart;
  /** The new positions, stored with the result of the read. */
  position: Put;
}

/** What the first look at Plane has not read yet. */
export interface FirstLook {
  /** Projects whose items were not all read. */
  projects_left: number;
  /** Agents' open tasks whose blockers are unknown. */
  tasks_left: number;
  /** Other open items whose blockers are read because a notification or forwarding rule could match them. */
  items_left: number;
  /** All projects. */
  projects: number;
  /** Work items that were read so far, in all projects. */
  items_read: number;
  /** What is read now: the projects' items, and when those of all projects are known, blockers. */
  stage: "projects" | "blockers";
  /** How much of this stage is done, from 0 to 100. */
  percent: number;
}

/**
 * Reads one part of the details that are needed most: one call to Plane. `complete` when the item waits for no further
 * part, `partial` when it does, `none` when no item waits. Throws a PlaneRateLimitedError without having read anything
 * when there is no quota, and other passing errors after giving the next attempt another item.
 */
export async function readNextDetails(deps: SyncDeps): Promise<"none" | "partial" | "complete"> {
  const next = await findNextDetails(deps);
  if (!next) return "none";
  const { row, part, position } = next;
  const item = row.value;
  const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(item.snapshot.project)]);
  if (!project || !isReadableProject(project.value)) return isolate(deps, next);
  try {
    return (await readPart(deps, item, part, project.value, position)) ? "complete" : "partial";
  } catch (thrown) {
    if (thrown instanceof PlaneRateLimitedError) throw thrown;
    if (!isTransientPlaneError(thrown)) return isolate(deps, next);
    await deps.store.commit({ put: [position] });
    throw thrown;
  }
}

/**
 * Finds the first item of the lowest rank, after the one of that rank that was read last: an item that changes again
 * and again gets no second turn before the others had theirs.
 */
async function findNextDetails({ store }: Pick<SyncDeps, "store">): Promise<NextDetails | undefined> {
  // For each rank the key of the item whose details were read last.
  const [stored] = await store.read<Partial<Record<number, string>>>([observedKeys.detailsPositions]);
  const positions = stored?.value ?? {};
  const scanRank = (rank: number, after?: string) =>
    store.scan<ItemRecord>(observedSets.unreadDetails(rank), after, 1).then(({ rows }) => rows[0]);
  const [rows, firstRows] = await Promise.all([
    Promise.all(DETAILS_RANKS.map((rank) => scanRank(rank, positions[rank]))),
    Promise.all(DETAILS_RANKS.map((rank) => (positions[rank] === undefined ? undefined : scanRank(rank)))),
  ]);
  for (const [i, rank] of DETAILS_RANKS.entries()) {
    const row = rows[i] ?? firstRows[i];
    const part = row && listUnreadParts(row.value).find((unread) => unread.rank === rank)?.part;
    if (!row || !part) continue;
    return { row, part, position: { key: observedKeys.detailsPositions, value: { ...positions, [rank]: row.key } } };
  }
  return undefined;
}

async function isolate(deps: SyncDeps, { row, position }: NextDetails): Promise<"complete"> {
  const { id, project } = row.value.snapshot;
  const { version = 0, correlation = "" } = row.value.unread ?? {};
  const job = createObserveJob({ type: "details", project, item: id, correlation }, version);
  await changeRequest(deps, row.value, isolateDetails, position, [job]);
  return "complete";
}

/** Changes an item's request unless it was requested again meanwhile. Returns whether the item waits no longer. */
async function changeRequest(
  deps: Pick<SyncDeps, "store">,
  requested: ItemRecord,
  change: (stored: ItemRecord) => ItemRecord | undefined,
  position: Put | undefined,
  jobs?: Job[],
): Promise<boolean> {
  return updateValue<ItemRecord, boolean>(deps, observedKeys.item(requested.snapshot.id), (stored, rev) => {
    const isCurrent = stored?.unread !== undefined && stored.unread.version === requested.unread?.version;
    const next = isCurrent ? change(stored) : undefined;
    const put = [...(next ? [toUnobservedPut(next, rev)] : []), ...(position ? [position] : [])];
    const result = !isWaitingForDetails(next ?? stored);
    return put.length > 0 ? { put, result, ...omitUndefined({ jobs: next && jobs }) } : { result };
  });
}

/** Reads a part and marks it as read. Returns whether the item waits in the common order for no further part. */
async function readPart(deps: SyncDeps, item: ItemRecord, part: DetailsPart, project: ProjectRecord, position?: Put) {
  const correlation = item.unread?.correlation ?? "";
  const source = { project, correlation, cause: correlation };
  let readAt: string;
  try {
    readAt = await (part === "relations" ? readRelations : readComments)(deps, item, source);
  } catch (thrown) {
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    // Plane before v1.3 has no relations; the client has noted that, so the next attempt reads activities.
    if (thrown.noRoute) return false;
    await readItem(deps, item.snapshot.id, source);
    return changeRequest(deps, item, withdrawDetails, position);
  }
  return changeRequest(deps, item, (stored) => markPartRead(stored, part, item, readAt), position);
}

/** Reads what is left of an item's details, unless they wait in the common order again. */
export async function readIsolatedDetails(deps: SyncDeps, id: string, project: ProjectRecord): Promise<void> {
  for (;;) {
    const [stored] = await deps.store.read<ItemRecord>([observedKeys.item(id)]);
    const [next] = stored?.value.unread?.isolated ? listUnreadParts(stored.value) : [];
    if (!stored || !next) return;
    await readPart(deps, stored.value, next.part, project);
  }
}

/** Reads how far the first look at Plane is; undefined when it is complete. */
export async function readFirstLook(deps: Pick<SyncDeps, "store">): Promise<FirstLook | undefined> {
  const [rows, left] = await Promise.all([
    readAllRows<ProjectRecord>(deps, observedSets.projects),
    countUnreadBlockers(deps),
  ]);
  const projects = rows.map(({ value }) => value).filter(isReadableProject);
  const projects_left = projects.filter(({ baseline }) => !baseline).length;
  const { tasks: tasks_left, items: items_left } = left;
  if (projects_left + tasks_left + items_left === 0) return undefined;
  const itemCounts = await Promise.all(projects.map(({ id }) => deps.store.count(observedSets.items(id))));
  const items_read = itemCounts.reduce((sum, count) => sum + count, 0);
  // Items that are created meanwhile count as well.
  const shares = projects.map(({ baseline, listed }, i) =>
    baseline ? 1 : listed ? Math.min(1, (itemCounts[i] ?? 0) / listed) : 0,
  );
  const unread = tasks_left + items_left;
  const allUnread = Math.max(unread, ...projects.map(({ unreadBlockers = 0 }) => unreadBlockers));
  const stage = projects_left > 0 ? "projects" : "blockers";
  const share =
    stage === "projects" ? shares.reduce((sum, part) => sum + part, 0) / shares.length : 1 - unread / allUnread;
  const percent = Math.floor(share * 100);
  return { projects_left, tasks_left, items_left, projects: projects.length, items_read, stage, percent };
}
