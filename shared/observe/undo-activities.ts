import type { PlaneActivity } from "../plane/activities-links.ts";
import { PRIORITIES, type Snapshot } from "../task/snapshot.ts";
import { toStatus } from "../task/status.ts";
import { findLabelName, findNamedState } from "./name-cache.ts";
import type { ObserveDeps } from "./observe-item.ts";

/** The values that an activity changes, by the field names of API changes and of browser changes. */
const SCALAR_FIELDS = { state: "state", state_id: "state", name: "name", priority: "priority", target_date: "due" };
const LIST_FIELDS = {
  assignees: "assignees",
  assignee_ids: "assignees",
  labels: "labels",
  label_ids: "labels",
} as const;

/**
 * Whether a change was made at `since` (Plane's time) or later. The time of the request counts where Plane tells it:
 * the worker may write the activity of an older change later.
 */
export function isActivitySince({ epoch, created_at }: PlaneActivity, since: string): boolean {
  return epoch ? epoch * 1000 >= Date.parse(since) : created_at >= since;
}

/**
 * Returns the item as it was before these activities. The earliest activity of a field contains the value before all of
 * them, so it does not matter which of them the snapshot already shows.
 */
export async function undoActivities(
  deps: ObserveDeps,
  snapshot: Snapshot,
  activities: readonly PlaneActivity[],
): Promise<Snapshot> {
  const before = { ...snapshot };
  const newestFirst = [...activities].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  for (const activity of newestFirst) undoActivity(before, activity);
  for (const field of ["assignees", "labels"] as const) before[field] = [...before[field]].sort();
  const state = before.state === "" ? undefined : await findNamedState(deps, before.project, before.state);
  const labels = await Promise.all(before.labels.map((label) => findLabelName(deps, before.project, label)));
  const named = { name: state?.name ?? "", group: state?.group ?? "unstarted" };
  return {
    ...before,
    word: toStatus(
      named,
      labels.map((label) => label ?? ""),
      deps.settings.states,
    ),
  };
}

function undoActivity(before: Snapshot, activity: PlaneActivity): void {
  const { field, old_value, old_identifier, new_identifier } = activity;
  if (field === null) return;
  const list = getOwnValue(LIST_FIELDS, field);
  if (list) {
    const others = before[list].filter((id) => id !== new_identifier && id !== old_identifier);
    before[list] = old_identifier ? [...others, old_identifier] : others;
    return;
  }
  switch (getOwnValue(SCALAR_FIELDS, field)) {
    case "state":
      before.state = old_identifier ?? "";
      return;
    case "name":
      before.name = old_value ?? "";
      return;
    case "priority":
      before.priority = PRIORITIES.find((priority) => priority === old_value) ?? "none";
      return;
    case "due":
      before.due = old_value || null;
  }
}

function getOwnValue<T>(table: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
