import { createDetailsJob } from "../jobs/observe-jobs.ts";
import { shiftPlaneTime } from "../plane/time.ts";
import type { Job } from "../store/job-operations.ts";
import { updateValue } from "../store/update.ts";
import type { EventKind } from "../task/events.ts";
import type { DetailsPart, KeptItem } from "../task/snapshot.ts";
import { isWaitingForDetails, requestBackfill, requestComments, requestDetails } from "../task/unread-details.ts";
import { type Ms, SECOND } from "../time.ts";
import { toUnobservedPut } from "./item-put.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { observedKeys } from "./store-keys.ts";
import type { KeptComments, KeptProject } from "./stored-records.ts";

type RequestDeps = Pick<ObserveDeps, "store" | "ruleSets">;

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

/**
 * Time for which a change that Plane has reported explains a later `updated_at`: 2 s, because workers of Plane set that.
 * A longer time hides more relations that were added shortly after another change.
 */
const EXPLAINED_MS: Ms = 2 * SECOND;

/** The item with a request for its details, and the job that must be written in the same commit. */
interface RequestedItem {
  item: KeptItem;
  jobs: Job[];
}

/**
 * Requests a read of an item's details; undefined when no read is needed. `rev` is the revision of the stored record
 * `before`, which the item replaces. Each waiting item has one job: a further request only changes the item.
 */
export async function prepareDetailsRequest(
  deps: RequestDeps,
  item: KeptItem,
  { before, rev }: { before: KeptItem | undefined; rev: number },
  { project, correlation }: RequestSource,
  kind: RequestKind = "changes",
): Promise<RequestedItem | undefined> {
  const { priority, id } = item.snapshot;
  const canRuleMatch = (part: DetailsPart) =>
    deps.ruleSets.some(
      (ruleSet) =>
        !ruleSet.isInternal &&
        PART_EVENTS[part].some((event) => ruleSet.canMatch?.(event, { project: project.identifier, priority }) ?? true),
    );
  const isAnnounced = kind === "changes" ? await findExplanation(deps, before, item) : "no";
  const requested = REQUESTS[kind](item, { rev, correlation, canRuleMatch, isAnnounced });
  if (!requested) return undefined;
  return { item: requested, jobs: isWaitingForDetails(before) ? [] : [createDetailsJob(id, rev, correlation)] };
}

/** Whether the item's last change was observed before, or a webhook has reported it as a comment. */
async function findExplanation(
  { store }: RequestDeps,
  before: KeptItem | undefined,
  { snapshot }: KeptItem,
): Promise<"yes" | "probably" | "no"> {
  if (!before) return "no";
  const [comments] = await store.read<KeptComments>([observedKeys.comments(snapshot.id)]);
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
  await updateValue<KeptItem>(deps, observedKeys.item(id), async (kept, rev) => {
    const requested = kept && (await prepareDetailsRequest(deps, kept, { before: kept, rev }, source, kind));
    return requested && { put: [toUnobservedPut(requested.item, rev)], jobs: requested.jobs };
  });
}
