import type { Deps } from "../app/deps.ts";
import { createCompletedAgainJob, createInitialChangesJob, createItemReadJob } from "../jobs/observe-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/job-operations.ts";
import { updateValue } from "../store/update.ts";
import { diff, mayBeCompletedAgain } from "../task/diff.ts";
import type { TaskEvent } from "../task/events.ts";
import { mergeObservation, type Observation } from "../task/merge-observation.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import { ACTIVITY_DELAY_MS } from "./activities.ts";
import type { ActorHint } from "./event-actor.ts";
import type { FactsDeps } from "./event-facts.ts";
import { INITIAL_CHANGES_DELAY_MS, toInitialState } from "./initial-state.ts";
import { toUnobservedPut } from "./item-put.ts";
import { prepareItemUpdate } from "./prepare-item-update.ts";
import { getNewSince } from "./project-record.ts";
import { prepareDetailsRequest } from "./request-details.ts";
import { observedKeys } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

export type ObserveDeps = FactsDeps & Pick<Deps, "getAgentPlane" | "log" | "metrics" | "newId" | "wait">;

/** The context of an observation. */
export interface ObservationSource {
  project: KeptProject;
  correlation: string;
  /** Identifies the observation, so that repeating it queues no second read. */
  cause: string;
  hint?: ActorHint | undefined;
  /**
   * Plane's time: an unknown item created since then is new, an older one existed before. Default: the project's
   * `began`.
   */
  newSince?: string;
}

export interface ObservedOutcome {
  events: TaskEvent[];
  /** The observation was not sufficient: the item must be read again after this many milliseconds. */
  rereadIn?: number;
}

/**
 * Handles every observation of a work item (webhook, read, PATCH response, absence): merges it with the stored state,
 * writes the result and the jobs of all decisions in one commit, and starts over when the item was changed meanwhile.
 * When the item must be read again, that read is queued unless `rereads` is false (then the caller reads it).
 *
 * The observation rules that comments and tests refer to by number:
 *  1. A webhook replaces only a strictly older state, a read only a state that nothing replaced since its request began.
 *  2. Cursors and the time of the last read of comments and relations are moved by reads only, never by webhooks.
 *  3. A pass reads the newest items first, to ten minutes past the cursor; only a complete pass moves the cursor.
 *  4. Removed or unassigned items need two reads at least 2 s apart. Archived, draft and triage items count as removed.
 *     A tombstone stays for 30 days, and only a read restores the item.
 *  5. Projects are read first. Plane lists no items of an archived project; they are not removed and cause no events.
 *  6. A webhook's actor counts only when the diff found the same change; else the item's activities are read.
 *  7. A relation belongs to both items, and the latest read of either one decides.
 *  8. Comments are compared by a hash of their content; Groundcrew's own are recognized by `external_source`.
 *  9. Webhooks wait for the first complete read of their project. Of what it finds, only items created and changes made
 *     since it began cause events, by Plane's own times.
 * 10. Blockers, claims and wakes are also derived from the stored state at every tick, which repairs lost jobs.
 * 11. Only webhooks of the configured workspace count, and items are identified by UUID, never by their key.
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
    const initialJobs = async (item: KeptItem | undefined): Promise<Job[]> =>
      item?.initial && item.gone === undefined
        ? [createInitialChangesJob(item.snapshot, source, (await deps.store.now()) + INITIAL_CHANGES_DELAY_MS)]
        : [];
    const addDetailsRequest = async (item: KeptItem) =>
      observation.via === "read" ? prepareDetailsRequest(deps, item, { before: kept, rev }, source) : undefined;
    if (!merged.next) {
      const requested = kept && (await addDetailsRequest(kept));
      const result: ObservedOutcome = { events: [], ...rereadIn };
      const jobs = [...reread, ...(requested?.jobs ?? []), ...(await initialJobs(kept))];
      if (requested) return { put: [toUnobservedPut(requested.item, rev)], jobs, result };
      if (jobs.length > 0) await deps.store.commit({ jobs });
      return { result };
    }
    const isPreexisting = !kept && merged.next.snapshot.createdAt < (source.newSince ?? source.project.began);
    const events = isPreexisting || merged.next.snapshot.quiet ? [] : diff(kept, merged.next);
    const observed: KeptItem = isPreexisting ? { ...merged.next, blockersUnknown: true } : merged.next;
    const next =
      isPreexisting && !source.project.baseline
        ? toBaselineItem(observed, source.project, await deps.store.now())
        : recordStart(observed, events);
    const requested = await addDetailsRequest(next);
    const update = await prepareItemUpdate(deps, {
      before: kept,
      rev,
      next: requested?.item ?? next,
      events,
      source,
      via: observation.via,
      jobs: [
        ...reread,
        ...(requested?.jobs ?? []),
        ...(await initialJobs(next)),
        ...(await createCompletionJobs(deps, kept, next)),
      ],
    });
    return { ...update, result: { events, ...rereadIn } };
  });
}

/**
 * Converts an existing item, at the baseline, to its stored form. Reading the details of all items would be too many
 * requests, so only those of items that have changed since the baseline began are read; later changes cause that read.
 */
function toBaselineItem(item: KeptItem, project: KeptProject, at: number): KeptItem {
  const { snapshot } = item;
  if (snapshot.quiet || snapshot.updatedAt < getNewSince(project)) return { ...item, detailsAt: snapshot.updatedAt };
  return { ...item, initial: toInitialState(snapshot, at) };
}

/** Creates the check for a completion whose reopening before was not observed. */
async function createCompletionJobs(
  { store }: ObserveDeps,
  before: KeptItem | undefined,
  next: KeptItem,
): Promise<Job[]> {
  const { completedAt } = next.snapshot;
  if (!before || completedAt === null || !mayBeCompletedAgain(before, next) || next.snapshot.quiet) return [];
  const change = { since: before.snapshot.updatedAt, completed: completedAt };
  return [createCompletedAgainJob(next.snapshot, change, (await store.now()) + ACTIVITY_DELAY_MS)];
}

/** Stores Plane's time of the change that started the work. */
function recordStart(item: KeptItem, events: readonly TaskEvent[]): KeptItem {
  if (!events.some((event) => event.kind === "started")) return item;
  return { ...item, startedAt: item.snapshot.updatedAt };
}

/** Whether an observed row equals the stored item, so that it need not be observed. */
export function isUnchanged(kept: KeptItem | undefined, isSame: (kept: Snapshot) => boolean): kept is KeptItem {
  return kept !== undefined && kept.gone === undefined && kept.doubt === undefined && isSame(kept.snapshot);
}
