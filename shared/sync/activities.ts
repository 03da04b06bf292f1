/**
 * Plane's activities of an item: reading all of them, and the dependencies that they show where the API has no
 * relations.
 */

import type { Deps, SyncDeps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type PlaneList, readList, shiftPlaneTime } from "../plane/endpoint.ts";
import { activitiesApi, type PlaneActivity, type PlaneRelations } from "../plane/work-items.ts";
import type { EdgeSource, ProjectRecord } from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import { readAllRows } from "../store/records.ts";
import type { TaskEvent } from "../task/events.ts";
import type { ItemRecord, Snapshot } from "../task/snapshot.ts";
import { type Ms, SECOND } from "../time.ts";
import { readSpareList } from "./spare-reads.ts";

/** An item's dependencies in Plane, and where they were found. */
export interface FoundRelations {
  relations: PlaneRelations;
  source: Exclude<EdgeSource, "text">;
  /** Of activities: the latest change of a dependency; absent when there was none. */
  latestChange?: PlaneActivity;
}

/** What of a work item a change concerns, as far as events follow from it. */
type ChangedField = "state" | "assignees" | "labels" | "name" | "priority" | "due" | "archived";

type DependencyField = "blocked_by" | "blocking";

/** A related item: its id, and its key at the time when the relation was added. */
interface RelatedItem {
  field: DependencyField;
  id: string;
  key: string;
}

/**
 * Minimum age of an item's last change when its activities are read: 2 s. Plane's worker first changes `updated_at` and
 * then writes the activity, so an earlier read may not contain it.
 */
export const ACTIVITY_DELAY_MS: Ms = 2 * SECOND;

/** Plane's names of these fields, which differ between activities, webhooks of API and of browser changes. */
const CHANGED_FIELDS: ReadonlyMap<string | null, ChangedField> = new Map<string | null, ChangedField>([
  ["state", "state"],
  ["state_id", "state"],
  ["assignees", "assignees"],
  ["assignee_ids", "assignees"],
  ["labels", "labels"],
  ["label_ids", "labels"],
  ["name", "name"],
  ["priority", "priority"],
  ["target_date", "due"],
  ["archived_at", "archived"],
]);

/** Returns the field that Plane names in an activity or a webhook; undefined for fields that cause no events. */
export function toChangedField(name: string | null): ChangedField | undefined {
  return CHANGED_FIELDS.get(name);
}

/** The field whose change an event is. */
export const FIELDS_BY_EVENT: Partial<Record<TaskEvent["kind"], ChangedField>> = {
  assigned: "assignees",
  unassigned: "assignees",
  renamed: "name",
  due: "due",
  priority: "priority",
  removed: "archived",
  restored: "archived",
  started: "state",
  completed: "state",
  cancelled: "state",
  reopened: "state",
  blocked: "state",
  unblocked: "state",
};

/** Reads all activities of an item, oldest first; as a spare read with a budget of time to wait for quota. */
export function readActivities(
  { plane }: Pick<Deps, "plane">,
  { id, project }: Pick<Snapshot, "id" | "project">,
  waitBudget?: { left: Ms },
): Promise<PlaneList<PlaneActivity>> {
  const params = { project, item: id };
  if (waitBudget) return readSpareList(plane, activitiesApi.list, params, waitBudget);
  return readList(plane, activitiesApi.list, { params });
}

/**
 * Reads an item's dependencies from its activities: the API of Plane before v1.3 has no relations, but both items of a
 * relation that is added or removed in the browser get an activity.
 */
export async function readActivityRelations(
  deps: Pick<SyncDeps, "plane" | "store" | "wait">,
  item: Snapshot,
): Promise<FoundRelations & { date: string }> {
  const waitBudget = { left: 0 };
  let read = await readActivities(deps, item, waitBudget);
  if (read.date < shiftPlaneTime(item.updatedAt, ACTIVITY_DELAY_MS)) {
    await deps.wait(ACTIVITY_DELAY_MS);
    read = await readActivities(deps, item, waitBudget);
  }
  const related = parseRelatedItems(item.id, read.rows);
  const projects = await findItemProjects(deps, item.project, related);
  const toRelations = (wanted: DependencyField) =>
    related
      .filter(({ field }) => field === wanted)
      .map(({ id }) => ({ issue_id: id, project_id: projects.get(id) ?? item.project }));
  return {
    relations: { blocked_by: toRelations("blocked_by"), blocking: toRelations("blocking") },
    source: "activities",
    ...omitUndefined({ latestChange: read.rows.filter(isDependencyActivity).at(-1) }),
    date: read.date,
  };
}

/**
 * Returns the related items that an item's activities, oldest first, leave. Where the relation is removed from the
 * other item, Plane writes this item's own id as `old_identifier`, so the key decides as well.
 */
function parseRelatedItems(
  item: string,
  activities: readonly Pick<PlaneActivity, "field" | "verb" | "old_value" | "new_value" | "old_identifier">[],
): RelatedItem[] {
  let related: RelatedItem[] = [];
  for (const activity of activities) {
    if (!isDependencyActivity(activity)) continue;
    const { field, old_identifier: id } = activity;
    if (activity.verb === "deleted") {
      related = related.filter(
        (other) => other.field !== field || (id === item ? other.key !== activity.old_value : other.id !== id),
      );
    } else if (id !== null && id !== item) {
      related = related.filter((other) => other.field !== field || other.id !== id);
      related.push({ field, id, key: activity.new_value ?? "" });
    }
  }
  return related;
}

/** Returns the project of each related item: of the stored item, else by its key, else the item's own project. */
async function findItemProjects(deps: Pick<SyncDeps, "store">, ownProject: string, related: readonly RelatedItem[]) {
  const projectsByItem = new Map<string, string>();
  if (related.length === 0) return projectsByItem;
  const items = await deps.store.read<ItemRecord>(related.map(({ id }) => observedKeys.item(id)));
  const projects = await readAllRows<ProjectRecord>(deps, observedSets.projects);
  for (const [i, { id, key }] of related.entries()) {
    const identifier = key.slice(0, key.lastIndexOf("-"));
    const byKey = projects.find(({ value }) => value.identifier === identifier)?.value.id;
    projectsByItem.set(id, items[i]?.value.snapshot.project ?? byKey ?? ownProject);
  }
  return projectsByItem;
}

/** Whether an activity adds or removes a dependency. */
export function isDependencyActivity<Activity extends Pick<PlaneActivity, "field">>(
  activity: Activity,
): activity is Activity & { field: DependencyField } {
  return activity.field === "blocked_by" || activity.field === "blocking";
}

/**
 * Whether a change was made at `since` (Plane's time) or later. The time of the request counts where Plane tells it:
 * the worker may write the activity of an older change later.
 */
export function isActivitySince({ epoch, created_at }: PlaneActivity, since: string): boolean {
  return epoch ? epoch * 1000 >= Date.parse(since) : created_at >= since;
}
