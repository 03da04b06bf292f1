import { createProjectCheckJob } from "../jobs/observe-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { updateValue } from "../store/update.ts";
import { diff } from "../task/diff.ts";
import { type TaskEvent, toEventId } from "../task/events.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { MINUTE, type Ms } from "../time.ts";
import { readActivities } from "./activities.ts";
import { prepareUnreportedCompletion } from "./check-project-completion.ts";
import { decideActions } from "./decide-actions.ts";
import { readItemFacts } from "./event-facts.ts";
import { toUnobservedPut } from "./item-put.ts";
import type { ObservationSource, ObserveDeps } from "./observe-item.ts";
import { getNewSince } from "./project-record.ts";
import { observedKeys } from "./store-keys.ts";
import { isActivitySince, undoActivities } from "./undo-activities.ts";

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
export async function reportInitialChanges(deps: ObserveDeps, item: KeptItem, source: ObservationSource) {
  if (!item.initial) return;
  const { id } = item.snapshot;
  const { project } = source;
  const since = getNewSince(project);
  const read = await readActivities(deps, { id, project: project.id });
  const activities = read.activities.filter((activity) => isActivitySince(activity, since));

  await updateValue<KeptItem>(deps, observedKeys.item(id), async (kept, rev) => {
    if (!kept?.initial || kept.gone !== undefined) return undefined;
    const { initial, ...rest } = kept;
    const first: KeptItem = { snapshot: { ...kept.snapshot, ...initial.fields }, blockers: [] };
    const before = await undoActivities(deps, first.snapshot, activities);
    const events = diff({ snapshot: before, blockers: [] }, first).filter(
      (event) => !initial.reported.includes(toEventId(event)),
    );
    const key = observedKeys.item(id);
    const decision = await decideActions(deps, {
      key,
      // These are events of the first read, which replaced nothing.
      rev: 0,
      events,
      correlation: source.correlation,
      via: "read",
      facts: (event) =>
        readItemFacts(deps, project, { ...kept, snapshot: first.snapshot }, event as TaskEvent, { hint: source.hint }),
    });
    const isOver = (await deps.store.now()) - initial.at > LATE_ACTIVITIES_MS;
    const next: KeptItem = {
      ...rest,
      ...omitUndefined({
        startedAt:
          kept.startedAt ?? (events.some(({ kind }) => kind === "started") ? first.snapshot.updatedAt : undefined),
        initial: isOver ? undefined : { ...initial, reported: [...initial.reported, ...events.map(toEventId)] },
      }),
    };
    const completion = events.some(({ kind }) => kind === "completed" || kind === "cancelled")
      ? await prepareUnreportedCompletion(deps, project.id)
      : undefined;
    if (events.length === 0 && !isOver) return undefined;
    return {
      expect: completion?.expect ?? [],
      put: [toUnobservedPut(next, rev), ...decision.put, ...(completion?.put ?? [])],
      jobs: [...decision.jobs, ...(completion ? [createProjectCheckJob(project.id, `initial:${id}`)] : [])],
      afterCommit: decision.publish,
    };
  });
}
