/**
 * Changes that no observation showed, found in an item's activities afterwards: what happened between the beginning of
 * a baseline and the item's first read, and a task that was reopened and completed again.
 */

import type { SyncDeps } from "../app/deps.ts";
import { createObserveJob, type ObserveBody } from "../jobs/observe-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import type { PlaneActivity } from "../plane/work-items.ts";
import { getNewSince, type ProjectRecord } from "../records/plane-records.ts";
import { observedKeys } from "../records/store-keys.ts";
import { updateValue } from "../store/records.ts";
import { diff, type TaskEvent, toEventId } from "../task/events.ts";
import { type ItemRecord, PRIORITIES, type Snapshot, toStatus } from "../task/snapshot.ts";
import { MINUTE, type Ms } from "../time.ts";
import { isActivitySince, readActivities, toChangedField } from "./activities.ts";
import { type ObservationSource, prepareChange, readItemFacts } from "./event-facts.ts";
import { toUnobservedPut } from "./item-record.ts";
import { findManagedLabelName, findNamedState } from "./names.ts";
import { prepareItemUpdate } from "./observe-item.ts";
import { prepareUnreportedCompletion } from "./projects.ts";

/**
 * Duration for which each observation of such an item reads its activities again: 10 minutes. The worker changes
 * `updated_at` when it writes an activity, so a late activity is followed by an observation.
 */
const LATE_ACTIVITIES_MS: Ms = 10 * MINUTE;

/**
 * Reports what changed on an existing item between the beginning of its project's baseline and its first read: the
 * item's activities since then are undone, and the result is compared with the state at the first read. Every event is
 * decided once, however often this runs. Costs one request.
 */
export async function reportInitialChanges(deps: SyncDeps, item: ItemRecord, source: ObservationSource) {
  if (!item.initial) return;
  const { id } = item.snapshot;
  const { project } = source;
  const since = getNewSince(project);
  const { rows } = await readActivities(deps, { id, project: project.id });
  const activities = rows.filter((activity) => isActivitySince(activity, since));

  await updateValue<ItemRecord>(deps, observedKeys.item(id), async (stored, rev) => {
    if (!stored?.initial || stored.removedAt !== undefined) return undefined;
    const { initial, ...rest } = stored;
    const first: ItemRecord = { snapshot: initial.snapshot, blockers: [] };
    const before = await undoActivities(deps, first.snapshot, activities);
    const events = diff({ snapshot: before, blockers: [] }, first).filter(
      (event) => !initial.reported.includes(toEventId(event)),
    );
    const isOver = (await deps.store.now()) - initial.at > LATE_ACTIVITIES_MS;
    if (events.length === 0 && !isOver) return undefined;
    const hasKind = (...kinds: TaskEvent["kind"][]) => events.some(({ kind }) => kinds.includes(kind));
    const next: ItemRecord = {
      ...rest,
      ...omitUndefined({
        startedAt: stored.startedAt ?? (hasKind("started") ? first.snapshot.updatedAt : undefined),
        initial: isOver ? undefined : { ...initial, reported: [...initial.reported, ...events.map(toEventId)] },
      }),
    };
    const completion = hasKind("completed", "cancelled")
      ? await prepareUnreportedCompletion(deps, project.id)
      : undefined;
    const check = createObserveJob({ type: "check_project", project: project.id }, `initial:${id}`);
    const update = await prepareChange(deps, {
      key: observedKeys.item(id),
      // These are events of the first read, which replaced nothing.
      rev: 0,
      events,
      correlation: source.correlation,
      via: "read",
      facts: (event) =>
        readItemFacts(deps, project, { ...stored, snapshot: first.snapshot }, event, { hint: source.hint }),
      put: [toUnobservedPut(next, rev), ...(completion?.put ?? [])],
      jobs: completion ? [check] : [],
    });
    return { ...update, expect: completion?.expect ?? [] };
  });
}

/**
 * Returns the item as it was before these activities. The earliest activity of a field contains the value before all of
 * them, so it does not matter which of them the snapshot already shows.
 */
async function undoActivities(deps: SyncDeps, snapshot: Snapshot, activities: readonly PlaneActivity[]) {
  const before = { ...snapshot };
  const newestFirst = [...activities].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  for (const activity of newestFirst) undoActivity(before, activity);
  for (const field of ["assignees", "labels"] as const) before[field] = [...before[field]].sort();
  const state = before.state === "" ? undefined : await findNamedState(deps, before.project, before.state);
  const labels = await Promise.all(before.labels.map((label) => findManagedLabelName(deps, before.project, label)));
  const named = state ?? { name: "", group: "unstarted" };
  return { ...before, status: toStatus(named, keepDefined(labels), deps.settings.states) };
}

function undoActivity(before: Snapshot, activity: PlaneActivity): void {
  const { old_value, old_identifier, new_identifier } = activity;
  const field = toChangedField(activity.field);
  if (field === "assignees" || field === "labels") {
    const others = before[field].filter((id) => id !== new_identifier && id !== old_identifier);
    before[field] = old_identifier ? [...others, old_identifier] : others;
  } else if (field === "state") before.state = old_identifier ?? "";
  else if (field === "name") before.name = old_value ?? "";
  else if (field === "priority") before.priority = PRIORITIES.find((one) => one === old_value) ?? "none";
  else if (field === "due") before.due = old_value || null;
}

/**
 * Creates the `completed` event of an item that was done at two observations, if its activities show that it was
 * reopened and completed again between them. It is created once for each `completed_at`. `since`: Plane's time of the
 * last observation before.
 */
export async function checkCompletedAgain(
  deps: SyncDeps,
  project: ProjectRecord,
  completion: Pick<Extract<ObserveBody, { type: "completed_again" }>, "item" | "since" | "completed" | "correlation">,
): Promise<void> {
  const { item: id, correlation } = completion;
  const { rows } = await readActivities(deps, { id, project: project.id });
  if (!(await hasReopenedSince(deps, project.id, rows, completion.since))) return;
  await updateValue<ItemRecord>(deps, observedKeys.item(id), async (stored, rev) => {
    const isCurrent = stored?.removedAt === undefined && stored?.snapshot.completedAt === completion.completed;
    if (!stored || !isCurrent || stored.completedAgainAt === completion.completed) return undefined;
    return prepareItemUpdate(deps, {
      before: stored,
      rev,
      next: { ...stored, completedAgainAt: completion.completed },
      events: [{ kind: "completed" }],
      source: { project, correlation, cause: correlation },
      via: "read",
    });
  });
}

/** Whether the state was changed to one that is not done, and then changed again. */
async function hasReopenedSince(deps: SyncDeps, project: string, activities: readonly PlaneActivity[], since: string) {
  const changes = activities.filter(({ field, created_at }) => toChangedField(field) === "state" && created_at > since);
  for (const { new_identifier } of changes.slice(0, -1)) {
    const state = new_identifier === null ? undefined : await findNamedState(deps, project, new_identifier);
    if (state && toStatus(state, [], deps.settings.states) !== "done") return true;
  }
  return false;
}
