/**
 * Every observation of a work item ends here (webhook, read, PATCH response, absence): it is merged with the stored
 * state, and one commit holds the next state, the jobs for its events, the decision log and the follow-up jobs.
 */

import { prepareTimerChange } from "../accounting/timer.ts";
import type { SyncDeps } from "../app/deps.ts";
import { canBeWoken } from "../config/settings-file.ts";
import { createObserveJob, createPostJob, createStartableJob, createWorkJob } from "../jobs/internal-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { PlaneCallOptions } from "../plane/endpoint.ts";
import { PlaneAuthError, PlaneNotFoundError } from "../plane/errors.ts";
import { projectsApi } from "../plane/projects.ts";
import { getNewSince } from "../records/plane-records.ts";
import { observedKeys } from "../records/store-keys.ts";
import type { Job, Put, Revision, StoreKey } from "../store/port.ts";
import { updateValue, type ValueUpdate } from "../store/records.ts";
import { diff, mayBeCompletedAgain, type TaskEvent } from "../task/events.ts";
import { mergeObservation, type Observation, type ReadTimes } from "../task/merge-observation.ts";
import {
  type ItemRecord,
  isBlockingOthers,
  isInReview,
  isOpenItem,
  isStartable,
  type Snapshot,
  updateStopMark,
} from "../task/snapshot.ts";
import { needsBackfill, withdrawUnneededDetails } from "../task/unread-details.ts";
import { HOUR, type Ms } from "../time.ts";
import { mayContainBlockedByText } from "./dependency-edges.ts";
import { type ObservationSource, prepareChange, readItemFacts, resolveOwnership } from "./event-facts.ts";
import { prepareDetailsRequest, toItemPut, toUnobservedPut } from "./item-record.ts";
import { normalizeItem, singleItemEndpoint, singleItemQuery } from "./normalize.ts";
import { ACTIVITY_DELAY_MS } from "./spare-reads.ts";

interface ObservedOutcome {
  events: TaskEvent[];
  /** The observation was not sufficient: the item must be read again after this many milliseconds. */
  rereadIn?: number;
}

/** Plane's answer about one item; without a snapshot when Plane denies it. */
export interface AskedItem extends ReadTimes {
  id: string;
  snapshot: Snapshot | undefined;
  /** A read before did not find it either. */
  isConfirmation?: boolean;
}

interface ItemChange {
  before: ItemRecord | undefined;
  rev: number;
  next: ItemRecord;
  events: TaskEvent[];
  source: ObservationSource;
  via: string;
  jobs?: Job[];
  /** Further writes of the same commit. */
  extraWrites?: { expect: [StoreKey, Revision][]; put: Put[] };
}

/** Retention of an item's last read time: 1 hour, so that several requested reads become one. */
const LAST_READ_RETENTION_MS = HOUR;

/** Limit of the HTML that is searched for mentions: 200,000 characters, far longer than a text that people write. */
const MAX_LENGTH = 200_000;

/**
 * Handles every observation of a work item (webhook, read, PATCH response, absence): merges it with the stored state,
 * writes the result and the jobs of all decisions in one commit, and starts over when the item was changed meanwhile.
 * When the item must be read again, that read is queued unless `rereads` is false (then the caller reads it).
 *
 * The observation rules that comments and tests refer to by number:
 * 1. A webhook replaces only a strictly older state, a read only a state that nothing replaced since its request began.
 * 2. Cursors and the time of the last read of comments and relations are moved by reads only, never by webhooks. 3. A
 * pass reads the newest items first, to ten minutes past the cursor; only a complete pass moves the cursor. 4. Removed
 * or unassigned items need two reads at least 2 s apart, and a removal Plane's own answer about the item. Archived,
 * draft and triage items count as removed. A tombstone stays for 30 days, and only a read restores the item. 5.
 * Projects are read first. Plane lists no items of an archived project; they are not removed and cause no events. 6. A
 * webhook's actor counts only when the diff found the same change; else the item's activities are read. 7. A relation
 * belongs to both items, and the latest read of either one decides. 8. Comments are compared by a hash of their
 * content; Groundcrew's own are recognized by `external_source`.
 * 9. Webhooks wait for the first complete read of their project. Of what it finds, only items created and changes made
 * since it began cause events, by Plane's own times.
 * 10. Blockers, claims and wakes are also derived from the stored state at every tick, which repairs lost jobs.
 * 11. Only webhooks of the configured workspace count, and items are identified by UUID, never by their key.
 */
export async function observeItem(
  deps: SyncDeps,
  id: string,
  observation: Observation,
  source: ObservationSource,
  { rereads = true }: { rereads?: boolean } = {},
): Promise<ObservedOutcome> {
  return updateValue<ItemRecord, ObservedOutcome>(deps, observedKeys.item(id), async (stored, rev) => {
    const merged = mergeObservation(stored, rev, observation);
    const { next, events } = await toNextRecord(deps, stored, merged.next, source);
    const current = next ?? stored;
    const requested =
      current && observation.via === "read"
        ? await prepareDetailsRequest(deps, current, { before: stored, rev }, source)
        : undefined;
    const reads = { before: stored, current, rereadIn: rereads ? merged.rereadIn : undefined };
    const jobs = [...(requested?.jobs ?? []), ...(await createReadJobs(deps, id, reads, source))];
    const result: ObservedOutcome = { events, ...omitUndefined({ rereadIn: merged.rereadIn }) };
    if (next) {
      const change = { before: stored, rev, next: requested?.item ?? next, events, source, via: observation.via, jobs };
      return { ...(await prepareItemUpdate(deps, change)), result };
    }
    const put = requested ? [toUnobservedPut(requested.item, rev)] : [];
    return put.length + jobs.length > 0 ? { put, jobs, result } : { result };
  });
}

/** Returns the record to store after an observation, if it changes, and the events of that change. */
async function toNextRecord(
  { store }: Pick<SyncDeps, "store">,
  before: ItemRecord | undefined,
  observed: ItemRecord | undefined,
  { project, newSince = project.began }: ObservationSource,
): Promise<{ next?: ItemRecord; events: TaskEvent[] }> {
  if (!observed) return { events: [] };
  const { snapshot } = observed;
  if (before || snapshot.createdAt >= newSince) {
    const events = snapshot.quiet ? [] : diff(before, observed);
    const hasStarted = events.some(({ kind }) => kind === "started");
    return { next: { ...observed, ...(hasStarted ? { startedAt: snapshot.updatedAt } : {}) }, events };
  }
  const existing: ItemRecord = { ...observed, blockersUnknown: true };
  if (project.baseline) return { next: existing, events: [] };
  // Reading the details of all existing items would be too many requests: only those of items that have changed since
  // the baseline began are read. Later changes cause that read.
  if (snapshot.quiet || snapshot.updatedAt < getNewSince(project))
    return { next: { ...existing, detailsAt: snapshot.updatedAt }, events: [] };
  return { next: { ...existing, initial: { snapshot, reported: [], at: await store.now() } }, events: [] };
}

/** Creates the jobs for the reads that an observation requires: of the item itself, and of its activities. */
async function createReadJobs(
  { store }: Pick<SyncDeps, "store">,
  item: string,
  { before, current, rereadIn }: Record<"before" | "current", ItemRecord | undefined> & { rereadIn: Ms | undefined },
  { project: { id: project }, correlation, cause }: ObservationSource,
): Promise<Job[]> {
  const jobs: Job[] = [];
  if (rereadIn !== undefined) {
    const queued = (await store.now()) + rereadIn;
    jobs.push(createObserveJob({ type: "read", project, item, queued, correlation }, `${cause}:${queued}`, queued));
  }
  if (current?.initial && current.removedAt === undefined) {
    const body = { type: "initial_changes", project, item, correlation } as const;
    jobs.push(createObserveJob(body, cause, (await store.now()) + ACTIVITY_DELAY_MS));
  }
  const completed = current?.snapshot.completedAt;
  if (before && current && completed && mayBeCompletedAgain(before, current) && !current.snapshot.quiet) {
    const body = { type: "completed_again", project, item, since: before.snapshot.updatedAt, completed } as const;
    jobs.push(createObserveJob(body, completed, (await store.now()) + ACTIVITY_DELAY_MS));
  }
  return jobs;
}

/** Reads one work item and observes its snapshot, or its absence (404: deleted, archived or a draft). */
export async function readItem(
  deps: SyncDeps,
  id: string,
  source: Omit<ObservationSource, "cause">,
  options?: { rereads?: boolean },
): Promise<ObservedOutcome> {
  const asked = await askForItem(deps, source.project.id, id);
  if (asked.isConfirmation && (await askForProject(deps, source.project.id)) !== "listed") return { events: [] };
  return observeAskedItem(deps, asked, source, options);
}

/** Reads one work item without observing it. */
export async function askForItem(
  deps: SyncDeps,
  project: string,
  id: string,
  options?: Pick<PlaneCallOptions, "waitBudget">,
): Promise<AskedItem> {
  const [[stored], began] = await Promise.all([deps.store.read<ItemRecord>([observedKeys.item(id)]), deps.store.now()]);
  const call = { ...options, params: { project, item: id }, query: singleItemQuery };
  const snapshot = await deps.plane
    .call(singleItemEndpoint, call)
    .then(({ data }) => normalizeItem(deps, data))
    .catch(expectNotFound);
  const isConfirmation = !snapshot && stored?.value.pendingLosses?.removal !== undefined;
  return { id, since: stored?.rev ?? 0, began, ended: await deps.store.now(), snapshot, isConfirmation };
}

/** Observes the answer about one item: its snapshot or its absence. */
export async function observeAskedItem(
  deps: SyncDeps,
  { id, snapshot, since, began, ended }: AskedItem,
  source: Omit<ObservationSource, "cause">,
  options?: { rereads?: boolean },
): Promise<ObservedOutcome> {
  const itemSource = { ...source, cause: `${since}.${began}` };
  const found = snapshot ? { via: "read" as const, snapshot } : { via: "absence" as const };
  return observeItem(deps, id, { ...found, since, began, ended }, itemSource, options);
}

/** A 404 of Plane itself for an object means that it is absent; one for an unknown route says nothing about it. */
function expectNotFound(thrown: unknown): undefined {
  if (thrown instanceof PlaneNotFoundError && !thrown.noRoute) return undefined;
  throw thrown;
}

/** Reads an item unless a read of it began after `requestedAt` (store time). */
export async function readItemSince(
  deps: SyncDeps,
  id: string,
  source: Omit<ObservationSource, "cause">,
  requestedAt: number,
): Promise<void> {
  const key = observedKeys.lastRead(id);
  const [last] = await deps.store.read<{ began: number }>([key]);
  const began = await deps.store.now();
  // A time in the future was stored before the store's clock was set back, so it does not count.
  if (last && last.value.began > requestedAt && last.value.began <= began) return;
  await readItem(deps, id, source);
  await deps.store.commit({ put: [{ key, value: { began }, expires: LAST_READ_RETENTION_MS }] });
}

/** Prepares one commit of an item's next state, the jobs for its events and the follow-up jobs. */
export async function prepareItemUpdate(deps: SyncDeps, change: ItemChange): Promise<ValueUpdate> {
  const { source, rev } = change;
  const { observedRev: _, ...resolved } = await resolveOwnership(deps, change.before, change.next);
  const current = withdrawUnneededDetails(updateStopMark(change.before, resolved));
  const { id } = current.snapshot;
  // An agent was assigned to an item that existed before.
  const backfill = needsBackfill(current)
    ? await prepareDetailsRequest(deps, current, { before: change.before, rev }, source, "backfill")
    : undefined;
  const next = backfill?.item ?? current;
  const { times, ...timeWrites } = await prepareTimerChange(deps, source.project, change.before, next);
  const update = await prepareChange(deps, {
    key: observedKeys.item(id),
    rev,
    events: change.events,
    correlation: source.correlation,
    via: change.via,
    facts: (event) =>
      readItemFacts(deps, source.project, next, event, { hint: source.hint, ...omitUndefined({ times }) }),
    put: [toItemPut(next), ...(timeWrites.put ?? []), ...(change.extraWrites?.put ?? [])],
    jobs: [...(change.jobs ?? []), ...(backfill?.jobs ?? []), ...collectFollowUpJobs(deps, { ...change, next })],
  });
  return { ...update, expect: [...(timeWrites.expect ?? []), ...(change.extraWrites?.expect ?? [])] };
}

/**
 * Jobs that Plane does not announce by itself: a changed blocker does not change its dependants in Plane, and the last
 * closed item does not change its project.
 */
function collectFollowUpJobs(deps: Pick<SyncDeps, "settings">, change: ItemChange): Job[] {
  const { before, next, rev } = change;
  if (next.snapshot.quiet) return [];
  const jobs = [...collectStartableJobs(deps, change), ...collectMentionJobs(deps, change)];
  const { id: item, project } = next.snapshot;
  const addWorkJob = (type: "check_claim" | "reviewed", cause: string) => {
    const correlation = `${cause}:${item}:${rev}`;
    jobs.push(createWorkJob(correlation, `work:${item}`, { type, item, correlation }));
  };
  const { dependants_wait } = deps.settings.done;
  const blockingChanged = isBlockingOthers(before, dependants_wait) !== isBlockingOthers(next, dependants_wait);
  if (blockingChanged || isBlockedOrCancelled(before) !== isBlockedOrCancelled(next))
    jobs.push(createObserveJob({ type: "reevaluate_dependants", item }, rev));
  // A label that named the agent was removed: no event says that the task is no longer its own.
  if (before?.owners?.some((owner) => !next.owners?.includes(owner))) addWorkJob("check_claim", "owners");
  if (before && isInReview(before) && !isInReview(next)) addWorkJob("reviewed", "reviewed");
  // A task in review may block nothing, but its plan and project are complete only when it is closed.
  const hasOpenedOrClosed = before !== undefined && isOpenItem(before) !== isOpenItem(next);
  if (blockingChanged || hasOpenedOrClosed || !before)
    jobs.push(createObserveJob({ type: "check_project", project }, `${item}:${rev}`));
  if (
    (blockingChanged || hasNewDescription(before, next)) &&
    (mayContainBlockedByText(before) || mayContainBlockedByText(next))
  )
    jobs.push(createObserveJob({ type: "blocked_by_text", item }, rev));
  return jobs;
}

/**
 * Jobs for the agents of a known item that became startable without an event: it left the backlog or a review, or an
 * agent's label was added.
 */
function collectStartableJobs({ settings }: Pick<SyncDeps, "settings">, { before, next, rev }: ItemChange): Job[] {
  if (!before) return [];
  const owners = (next.owners ?? []).filter(
    (owner) =>
      canBeWoken(settings, owner) &&
      isStartable(next, owner) &&
      (!isStartable(before, owner) || before.snapshot.state !== next.snapshot.state),
  );
  return owners.map((owner) => createStartableJob(owner, next.snapshot.id, rev));
}

/** The job for mentions that a change added to the description; the handler finds out whether one is of an agent. */
function collectMentionJobs({ settings }: Pick<SyncDeps, "settings">, change: ItemChange): Job[] {
  const { before, next, rev, source } = change;
  // What existed before the first read of its project is silent, and Groundcrew's own tasks are written by agents.
  const isSilent =
    before === undefined && (!change.events.some(({ kind }) => kind === "created") || next.snapshot.ours);
  if (settings.agents.length === 0 || isSilent || !hasNewDescription(before, next)) return [];
  const known = new Set(findMentionedUsers(before?.snapshot.description ?? ""));
  const mentions = findMentionedUsers(next.snapshot.description).filter((id) => !known.has(id));
  if (mentions.length === 0) return [];
  const { id: item, createdBy } = next.snapshot;
  const { hint, correlation } = source;
  const hinted = hint?.field?.startsWith("description") === true ? hint.actor.id : undefined;
  const author = before === undefined ? (createdBy ?? undefined) : hinted;
  const body = { type: "mention", item, mentions, correlation, ...omitUndefined({ author }) } as const;
  return [createPostJob(`mention:${item}:${rev}`, `mention:${item}`, body)];
}

function hasNewDescription(before: ItemRecord | undefined, next: ItemRecord): boolean {
  return before?.snapshot.description !== next.snapshot.description;
}

/** Whether the item's own state is blocked or cancelled, so that its dependants cannot expect it to be done. */
function isBlockedOrCancelled(item: ItemRecord | undefined): boolean {
  const status = item?.removedAt === undefined ? item?.snapshot.status : undefined;
  return status === "blocked" || status === "cancelled";
}

/**
 * Asks Plane for a project. Called before missing items count as removed: items of a project that was archived or
 * deleted since its last read cause no events (observation rule 5). `unlisted`: it exists, but none of its items is
 * listed; `denied`: Plane does not find it, or hides it from our key; `refused`: Plane does not say.
 */
export async function askForProject(
  deps: Pick<SyncDeps, "plane">,
  id: string,
): Promise<"listed" | "unlisted" | "denied" | "refused"> {
  try {
    const answer = await deps.plane.call(projectsApi.get, { params: { project: id } }).catch(expectNotFound);
    if (!answer) return "denied";
    return answer.data.archived_at === null && answer.data.is_member ? "listed" : "unlisted";
  } catch (thrown) {
    if (thrown instanceof PlaneAuthError && thrown.reason === "permission") return "refused";
    throw thrown;
  }
}

/**
 * Finds the Plane users that a comment or a description mentions. Plane stores a mention as
 * `<mention-component entity_identifier="<user id>" entity_name="user_mention">`, with its attributes in any order.
 */
export function findMentionedUsers(html: string): string[] {
  const ids = new Set<string>();
  for (const [, attributes = ""] of html.slice(0, MAX_LENGTH).matchAll(/<mention-component\b([^<>]{0,1000})/gi)) {
    const [, name = "user_mention"] = /\bentity_name\s*=\s*["']?(\w+)/i.exec(attributes) ?? [];
    const [, id] = /\bentity_identifier\s*=\s*["']?([0-9a-f-]{36})\b/i.exec(attributes) ?? [];
    if (id !== undefined && name === "user_mention") ids.add(id.toLowerCase());
  }
  return [...ids];
}
