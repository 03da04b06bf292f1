import { createDetailsJob } from "../jobs/observe-jobs.ts";
import type { Job } from "../store/port.ts";
import { updateValue } from "../store/update.ts";
import type { EventKind } from "../task/events.ts";
import type { DetailsPart, KeptItem } from "../task/snapshot.ts";
import { isWaitingForDetails, requestBackfill, requestComments, requestDetails } from "../task/unread-details.ts";
import { toItemPut } from "./item-put.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { observedKeys } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/** What a read of a part can find. */
const PART_EVENTS: Record<DetailsPart, readonly EventKind[]> = {
  relations: ["blocked", "unblocked"],
  comments: ["comment_added", "comment_edited"],
};

/** What is read: everything that changed since the last read, the comments, or the relations for the first time. */
type RequestKind = "changes" | "comments" | "backfill";

const REQUESTS = { changes: requestDetails, comments: requestComments, backfill: requestBackfill } as const;

interface RequestSource {
  project: KeptProject;
  correlation: string;
}

/** The item with a request for its details, and the job that must be written in the same commit. */
interface RequestedItem {
  item: KeptItem;
  jobs: Job[];
}

/**
 * Requests a read of an item's details; undefined when no read is needed. `rev` is the revision of the stored record
 * `before`, which the item replaces. Each waiting item has one job: a further request only changes the item.
 */
export function prepareDetailsRequest(
  deps: Pick<ObserveDeps, "ruleSets">,
  item: KeptItem,
  { before, rev }: { before: KeptItem | undefined; rev: number },
  { project, correlation }: RequestSource,
  kind: RequestKind = "changes",
): RequestedItem | undefined {
  const { priority, id } = item.snapshot;
  const canRuleMatch = (part: DetailsPart) =>
    deps.ruleSets.some(
      (ruleSet) =>
        !ruleSet.isInternal &&
        PART_EVENTS[part].some((event) => ruleSet.canMatch?.(event, { project: project.identifier, priority }) ?? true),
    );
  const requested = REQUESTS[kind](item, { rev, correlation, canRuleMatch });
  if (!requested) return undefined;
  return { item: requested, jobs: isWaitingForDetails(before) ? [] : [createDetailsJob(id, rev, correlation)] };
}

/** Requests a read of a stored item's details, unless none is needed. */
export async function requestItemDetails(
  deps: Pick<ObserveDeps, "store" | "ruleSets">,
  id: string,
  source: RequestSource,
  kind?: RequestKind,
): Promise<void> {
  await updateValue<KeptItem>(deps, observedKeys.item(id), (kept, rev) => {
    const requested = kept && prepareDetailsRequest(deps, kept, { before: kept, rev }, source, kind);
    return requested && { put: [toItemPut(requested.item)], jobs: requested.jobs };
  });
}
