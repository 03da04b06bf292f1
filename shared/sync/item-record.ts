/**
 * The stored record of a work item: the sets it is in, and the request for the details (comments, relations) that no
 * list contains.
 */

import type { SyncDeps } from "../app/deps.ts";
import { createObserveJob } from "../jobs/internal-jobs.ts";
import { shiftPlaneTime } from "../plane/endpoint.ts";
import type { CommentsRecord, ProjectRecord } from "../records/plane-records.ts";
import { observedKeys, observedSets, TOMBSTONE_RETENTION_MS } from "../records/store-keys.ts";
import type { Job, Put } from "../store/port.ts";
import { updateValue } from "../store/records.ts";
import type { EventKind } from "../task/events.ts";
import { type DetailsPart, type ItemRecord, isOpen } from "../task/snapshot.ts";
import { BACKFILL_RANK, isWaitingForDetails, listUnreadParts, requestDetails } from "../task/unread-details.ts";
import { type Ms, SECOND } from "../time.ts";

type RequestDeps = Pick<SyncDeps, "store" | "ruleSets">;

type RequestKind = Parameters<typeof requestDetails>[1];

interface RequestSource {
  project: ProjectRecord;
  correlation: string;
}

/** What a read of a part can find. */
const PART_EVENTS: Record<DetailsPart, readonly EventKind[]> = {
  relations: ["blocked", "unblocked"],
  comments: ["comment_added", "comment_edited"],
};

/**
 * Time for which a change that Plane has reported explains a later `updated_at`: 2 s, because workers of Plane set
 * that. A longer time hides more relations that were added shortly after another change.
 */
const EXPLAINED_MS: Ms = 2 * SECOND;

/** Converts an item to its stored record with its sets. A removed item is in no set and expires after 30 days. */
export function toItemPut(item: ItemRecord): Put {
  const { id, project, sequence, status } = item.snapshot;
  const key = observedKeys.item(id);
  if (item.removedAt !== undefined) return { key, value: item, sets: [], expires: TOMBSTONE_RETENTION_MS };
  const numberSet = observedSets.numbered(project, sequence);
  if (item.snapshot.quiet) return { key, value: item, sets: [observedSets.quiet(project), numberSet] };
  const { template: isTemplate } = item;
  // A template is counted as an item of Plane, and not as a task.
  const own = isTemplate ? [observedSets.quiet(project), observedSets.templates] : [observedSets.items(project)];
  const sets = [...own, numberSet];
  if (!isTemplate && item.blockers.length > 0) sets.push(observedSets.waiting);
  if (!isTemplate && isOpen(status)) {
    const owners = item.owners ?? [];
    sets.push(observedSets.open(project), ...owners.map(observedSets.tasks));
    if (item.blockersUnknown && owners.length > 0) sets.push(observedSets.unknownTasks);
  }
  if (isWaitingForDetails(item))
    sets.push(...listUnreadParts(item).map(({ rank }) => observedSets.unreadDetails(rank)));
  return { key, value: item, sets };
}

/**
 * Requests a read of an item's details; undefined when no read is needed. `rev` is the revision of the stored record
 * `before`, which the item replaces; the jobs must be written in the same commit. Each waiting item has one job: a
 * further request only changes the item.
 */
export async function prepareDetailsRequest(
  deps: RequestDeps,
  item: ItemRecord,
  { before, rev }: { before: ItemRecord | undefined; rev: number },
  { project, correlation }: RequestSource,
  kind: RequestKind = "changes",
): Promise<{ item: ItemRecord; jobs: Job[] } | undefined> {
  const { priority, id } = item.snapshot;
  const canRuleMatch = (part: DetailsPart) =>
    deps.ruleSets.some(
      (ruleSet) =>
        !ruleSet.isInternal &&
        PART_EVENTS[part].some((event) => ruleSet.canMatch?.(event, { project: project.identifier, priority }) ?? true),
    );
  const isAnnounced = kind === "changes" ? await findExplanation(deps, before, item) : "no";
  const requested = requestDetails(item, kind, { rev, correlation, canRuleMatch, isAnnounced });
  if (!requested) return undefined;
  // One job for each waiting item; which item it reads is decided when it is handled.
  const job = createObserveJob({ type: "next_details", correlation }, `${id}:${rev}`);
  return { item: requested, jobs: isWaitingForDetails(before) ? [] : [job] };
}

/** Whether the item's last change was observed before, or a webhook has reported it as a comment. */
async function findExplanation({ store }: RequestDeps, before: ItemRecord | undefined, { snapshot }: ItemRecord) {
  if (!before) return "no";
  const [comments] = await store.read<CommentsRecord>([observedKeys.comments(snapshot.id)]);
  const explained = [before.snapshot.updatedAt, comments?.value.announcedAt ?? ""].sort().at(-1) ?? "";
  if (snapshot.updatedAt <= explained) return "yes";
  return snapshot.updatedAt <= shiftPlaneTime(explained, EXPLAINED_MS) ? "probably" : "no";
}

/** Requests a read of a stored item's details, unless none is needed. */
export async function requestItemDetails(
  deps: RequestDeps,
  id: string,
  source: RequestSource,
  kind?: RequestKind,
): Promise<void> {
  await updateValue<ItemRecord>(deps, observedKeys.item(id), async (stored, rev) => {
    const requested = stored && (await prepareDetailsRequest(deps, stored, { before: stored, rev }, source, kind));
    return requested && { put: [toUnobservedPut(requested.item, rev)], jobs: requested.jobs };
  });
}

/** Converts an item whose change since revision `rev` is no observation, for example progress of reading details. */
export function toUnobservedPut(item: ItemRecord, rev: number): Put {
  return toItemPut({ ...item, observedRev: item.observedRev ?? rev });
}

/** Counts the items whose blockers the first look has not read yet: tasks of agents, and other items. */
export async function countUnreadBlockers({
  store,
}: Pick<SyncDeps, "store">): Promise<{ tasks: number; items: number }> {
  const [tasks, items] = await Promise.all([
    store.count(observedSets.unknownTasks),
    store.count(observedSets.unreadDetails(BACKFILL_RANK)),
  ]);
  return { tasks, items };
}
