import { canBeWoken } from "../config/settings-file.ts";
import { createBlockedByTextJob, createProjectCheckJob, createReevaluateDependantsJob } from "../jobs/observe-jobs.ts";
import { createStartableJob } from "../jobs/wake-jobs.ts";
import { createWorkJob } from "../jobs/work-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/job-operations.ts";
import type { Put, Revision, StoreKey } from "../store/port.ts";
import type { ValueUpdate } from "../store/update.ts";
import { isBlockingOthers, isOpen, isOpenItem } from "../task/diff.ts";
import type { TaskEvent } from "../task/events.ts";
import { findMentionedUsers } from "../task/mentions.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { isStartable } from "../task/startable.ts";
import { updateStopMark } from "../task/stop-mark.ts";
import { needsBackfill, withdrawUnneededDetails } from "../task/unread-details.ts";
import { prepareTimerChange } from "../work/time/timer-changes.ts";
import { mayContainBlockedByText } from "./blocked-by-text.ts";
import { decideActions } from "./decide-actions.ts";
import { readItemFacts } from "./event-facts.ts";
import { toItemPut } from "./item-put.ts";
import type { ObservationSource, ObserveDeps } from "./observe-item.ts";
import { resolveOwnership } from "./ownership.ts";
import { prepareDetailsRequest } from "./request-details.ts";
import { observedKeys } from "./store-keys.ts";

interface ItemChange {
  before: KeptItem | undefined;
  rev: number;
  next: KeptItem;
  events: TaskEvent[];
  source: ObservationSource;
  via: string;
  jobs: Job[];
  /** Further writes of the same commit. */
  extraWrites?: { expect: [StoreKey, Revision][]; put: Put[] };
}

/** Prepares one commit of an item's next state, the jobs for its events and the follow-up jobs. */
export async function prepareItemUpdate(deps: ObserveDeps, change: ItemChange): Promise<ValueUpdate> {
  const { source, rev } = change;
  const { observedRev: _, ...resolved } = await resolveOwnership(deps, change.before, change.next);
  const current = withdrawUnneededDetails(updateStopMark(change.before, resolved));
  const { id } = current.snapshot;
  // An agent was assigned to an item that existed before.
  const backfill = needsBackfill(current)
    ? await prepareDetailsRequest(deps, current, { before: change.before, rev }, source, "backfill")
    : undefined;
  const next = backfill?.item ?? current;
  const key = observedKeys.item(id);
  const { times, ...timeWrites } = await prepareTimerChange(deps, source.project, change.before, next);
  const decision = await decideActions(deps, {
    key,
    rev,
    events: change.events,
    correlation: source.correlation,
    via: change.via,
    facts: (event) =>
      readItemFacts(deps, source.project, next, event, { hint: source.hint, ...omitUndefined({ times }) }),
  });
  return {
    expect: [...timeWrites.expect, ...(change.extraWrites?.expect ?? [])],
    put: [toItemPut(next), ...timeWrites.put, ...decision.put, ...(change.extraWrites?.put ?? [])],
    jobs: [
      ...decision.jobs,
      ...change.jobs,
      ...(backfill?.jobs ?? []),
      ...collectFollowUpJobs(deps, { ...change, next }),
    ],
    afterCommit: decision.publish,
  };
}

/**
 * Jobs that Plane does not announce by itself: a changed blocker does not change its dependants in Plane, and the last
 * closed item does not change its project.
 */
function collectFollowUpJobs(deps: Pick<ObserveDeps, "settings">, change: ItemChange): Job[] {
  const { before, next, rev } = change;
  if (next.snapshot.quiet) return [];
  const jobs = [...collectStartableJobs(deps, change), ...collectMentionJobs(deps, change)];
  const { id, project } = next.snapshot;
  const { dependants_wait } = deps.settings.done;
  const blockingChanged = isBlockingOthers(before, dependants_wait) !== isBlockingOthers(next, dependants_wait);
  if (blockingChanged || isBlockedOrCancelled(before) !== isBlockedOrCancelled(next))
    jobs.push(createReevaluateDependantsJob(next.snapshot, rev));
  // A label that named the agent was removed: no event says that the task is no longer its own.
  if (before?.owners?.some((owner) => !next.owners?.includes(owner))) {
    const correlation = `owners:${id}:${rev}`;
    jobs.push(createWorkJob(correlation, `work:${id}`, { do: "check", item: id, correlation }));
  }
  if (hasLeftReview(before, next)) {
    const correlation = `reviewed:${id}:${rev}`;
    jobs.push(createWorkJob(correlation, `work:${id}`, { do: "reviewed", item: id, correlation }));
  }
  // A task in review may block nothing, but its plan and project are complete only when it is closed.
  const hasOpenedOrClosed = before !== undefined && isOpenItem(before) !== isOpenItem(next);
  if (blockingChanged || hasOpenedOrClosed || !before) jobs.push(createProjectCheckJob(project, `${id}:${rev}`));
  if (
    (blockingChanged || hasNewDescription(before, next)) &&
    (mayContainBlockedByText(before) || mayContainBlockedByText(next))
  )
    jobs.push(createBlockedByTextJob(next.snapshot, rev));
  return jobs;
}

/**
 * Jobs for the agents of a known item that became startable without an event: it left the backlog or a review, or an
 * agent's label was added.
 */
function collectStartableJobs({ settings }: Pick<ObserveDeps, "settings">, { before, next, rev }: ItemChange): Job[] {
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
function collectMentionJobs({ settings }: Pick<ObserveDeps, "settings">, change: ItemChange): Job[] {
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
  const body = { do: "mention", item, mentions, correlation, ...omitUndefined({ author }) } as const;
  return [createWorkJob(`mention:${item}:${rev}`, `work:${item}`, body)];
}

/** Whether the item's own state is blocked or cancelled, so that its dependants cannot expect it to be done. */
function isBlockedOrCancelled(item: KeptItem | undefined): boolean {
  const status = item?.gone === undefined ? item?.snapshot.word : undefined;
  return status === "blocked" || status === "cancelled";
}

function hasNewDescription(before: KeptItem | undefined, next: KeptItem): boolean {
  return before?.snapshot.description !== next.snapshot.description;
}

/** Whether the item was in review before and is no longer. */
function hasLeftReview(before: KeptItem | undefined, next: KeptItem): boolean {
  const isInReview = ({ review, snapshot }: KeptItem) => review === true && isOpen(snapshot.word);
  return before !== undefined && isInReview(before) && !isInReview(next);
}
