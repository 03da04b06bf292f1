import type { Deps } from "../app/deps.ts";
import {
  createBlockedByTextJob,
  createDetailsJobs,
  createItemReadJob,
  createProjectCheckJob,
  createReevaluateDependantsJob,
} from "../jobs/observe-jobs.ts";
import { createWorkJob } from "../jobs/work-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job, Put, Revision, StoreKey } from "../store/port.ts";
import { updateValue, type ValueUpdate } from "../store/update.ts";
import { diff, isBlockingOthers, isOpen } from "../task/diff.ts";
import type { TaskEvent } from "../task/events.ts";
import { mergeObservation, type Observation } from "../task/merge-observation.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import { mayContainBlockedByText } from "./blocked-by-text.ts";
import { decideActions } from "./decide-actions.ts";
import { type ActorHint, type FactsDeps, readItemFacts } from "./event-facts.ts";
import { resolveOwnership } from "./ownership.ts";
import { observedKeys, observedSets, TOMBSTONE_RETENTION_MS } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

export type ObserveDeps = FactsDeps & Pick<Deps, "log" | "metrics" | "newId" | "wait">;

/** Where an observation comes from. */
export interface ObservationSource {
  project: KeptProject;
  correlation: string;
  /** Names this observation once and for all: a repeated one queues no second read. */
  cause: string;
  hint?: ActorHint | undefined;
  /** Plane's time: an unseen item created since is new, an older one was there before us. Default: the project's baseline. */
  newSince?: string;
}

export interface ObservedOutcome {
  events: TaskEvent[];
  /** The observation could not be taken as it is: the item is to be read again, so many milliseconds from now. */
  rereadIn?: number;
}

/**
 * The one door for every observation of a work item, be it a webhook, a read, a PATCH answer or an absence:
 * compares it with what is kept, keeps the result with everything decided on it in one commit, and starts over
 * when something else was kept meanwhile. A read that turns out necessary is queued unless `rereads` is false
 * (then the caller reads by itself).
 */
export async function observeItem(
  deps: ObserveDeps,
  id: string,
  observation: Observation,
  source: ObservationSource,
  { rereads = true }: { rereads?: boolean } = {},
): Promise<ObservedOutcome> {
  return updateValue<KeptItem, ObservedOutcome>(deps, observedKeys.item(id), async (kept, rev) => {
    const merged = mergeObservation(kept, rev, observation);
    const rereadIn = omitUndefined({ rereadIn: merged.rereadIn });
    const project = source.project.id;
    const reread: Job[] =
      rereads && merged.rereadIn !== undefined
        ? [createItemReadJob(project, id, source, (await deps.store.now()) + merged.rereadIn)]
        : [];
    if (!merged.next) {
      const details = observation.via === "read" && kept ? createDetailsJobs(kept, source.correlation) : [];
      if (reread.length + details.length > 0) await deps.store.commit({ jobs: [...reread, ...details] });
      return { result: { events: [], ...rereadIn } };
    }
    const isPreexisting = !kept && merged.next.snapshot.createdAt < (source.newSince ?? source.project.began);
    const events = isPreexisting || merged.next.snapshot.quiet ? [] : diff(kept, merged.next);
    // At the baseline the details of everything would be too many reads; later they are read like any other's.
    const next =
      isPreexisting && !source.project.baseline
        ? { ...merged.next, detailsAt: merged.next.snapshot.updatedAt }
        : recordStart(merged.next, events);
    const detailsJobs = observation.via === "read" ? createDetailsJobs(next, source.correlation) : [];
    const update = await prepareItemUpdate(deps, {
      before: kept,
      rev,
      next,
      events,
      source,
      via: observation.via,
      jobs: [...reread, ...detailsJobs],
    });
    return { ...update, result: { events, ...rereadIn } };
  });
}

interface ItemChange {
  before: KeptItem | undefined;
  rev: number;
  next: KeptItem;
  events: TaskEvent[];
  source: ObservationSource;
  via: string;
  jobs: Job[];
  /** What else belongs into the commit. */
  extraWrites?: { expect: [StoreKey, Revision][]; put: Put[] };
}

/** An item's next state, the jobs its events call for, and what others must hear of it: all for one commit. */
export async function prepareItemUpdate(deps: ObserveDeps, change: ItemChange): Promise<ValueUpdate> {
  const { source, rev } = change;
  const next = await resolveOwnership(deps, change.before, change.next);
  const { id } = next.snapshot;
  const key = observedKeys.item(id);
  const decision = await decideActions(deps, {
    key,
    rev,
    events: change.events,
    correlation: source.correlation,
    via: change.via,
    facts: (event) => readItemFacts(deps, source.project, next, event as TaskEvent, { hint: source.hint }),
  });
  return {
    expect: change.extraWrites?.expect ?? [],
    put: [toItemPut(next), ...decision.put, ...(change.extraWrites?.put ?? [])],
    jobs: [...decision.jobs, ...change.jobs, ...collectFollowUpJobs(deps, { ...change, next })],
    afterCommit: decision.publish,
  };
}

/** A kept item in its sets; a removed one is in none and forgotten after 30 days. */
export function toItemPut(item: KeptItem) {
  const { id, project, sequence, word } = item.snapshot;
  const key = observedKeys.item(id);
  if (item.gone !== undefined) return { key, value: item, sets: [], expires: TOMBSTONE_RETENTION_MS };
  const numberSet = observedSets.numbered(project, sequence);
  if (item.snapshot.quiet) return { key, value: item, sets: [observedSets.quiet(project), numberSet] };
  const openSets = isOpen(word) ? [observedSets.open(project)] : [];
  const waitingSets = item.blockers.length > 0 ? [observedSets.waiting] : [];
  const ownerSets = isOpen(word) ? (item.owners ?? []).map(observedSets.tasks) : [];
  return {
    key,
    value: item,
    sets: [observedSets.items(project), numberSet, ...openSets, ...waitingSets, ...ownerSets],
  };
}

/** A blocker's new state moves nothing on its dependants, and a project's end nothing on the project: we look. */
function collectFollowUpJobs({ settings }: Pick<ObserveDeps, "settings">, { before, next, rev }: ItemChange): Job[] {
  if (next.snapshot.quiet) return [];
  const jobs: Job[] = [];
  const { id, project } = next.snapshot;
  const { dependants_wait } = settings.done;
  const blockingChanged = isBlockingOthers(before, dependants_wait) !== isBlockingOthers(next, dependants_wait);
  if (blockingChanged || isBlockedOrCancelled(before) !== isBlockedOrCancelled(next))
    jobs.push(createReevaluateDependantsJob(next.snapshot, rev));
  if (hasLeftReview(before, next)) {
    const correlation = `reviewed:${id}:${rev}`;
    jobs.push(createWorkJob(correlation, `work:${id}`, { do: "reviewed", item: id, correlation }));
  }
  if (blockingChanged || !before) jobs.push(createProjectCheckJob(project, `${id}:${rev}`));
  if (
    (blockingChanged || hasNewDescription(before, next)) &&
    (mayContainBlockedByText(before) || mayContainBlockedByText(next))
  )
    jobs.push(createBlockedByTextJob(next.snapshot, rev));
  return jobs;
}

/** Those who wait for it wait in vain for now: by its own state, not because of what it waits for. */
function isBlockedOrCancelled(item: KeptItem | undefined): boolean {
  const status = item?.gone === undefined ? item?.snapshot.word : undefined;
  return status === "blocked" || status === "cancelled";
}

function hasNewDescription(before: KeptItem | undefined, next: KeptItem): boolean {
  return before?.snapshot.description !== next.snapshot.description;
}

/** It was in review, and is over or goes on. */
function hasLeftReview(before: KeptItem | undefined, next: KeptItem): boolean {
  const isInReview = ({ review, snapshot }: KeptItem) => review === true && isOpen(snapshot.word);
  return before !== undefined && isInReview(before) && !isInReview(next);
}

/** Remembers Plane's time of the change that started the work. */
function recordStart(item: KeptItem, events: readonly TaskEvent[]): KeptItem {
  if (!events.some((event) => event.kind === "started")) return item;
  return { ...item, startedAt: item.snapshot.updatedAt };
}

/** A snapshot's row that says nothing new: nothing to observe but perhaps details to read. */
export function isUnchanged(kept: KeptItem | undefined, isSame: (kept: Snapshot) => boolean): kept is KeptItem {
  return kept !== undefined && kept.gone === undefined && kept.doubt === undefined && isSame(kept.snapshot);
}
