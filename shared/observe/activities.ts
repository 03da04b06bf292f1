import type { Deps } from "../app/deps.ts";
import { activitiesApi, type PlaneActivity } from "../plane/activities-links.ts";
import type { PlaneCallOptions } from "../plane/client.ts";
import { toPlaneTime } from "../plane/time.ts";
import type { Snapshot } from "../task/snapshot.ts";
import { type Ms, SECOND } from "../time.ts";
import { CONTINUED_READ_WAIT_MS } from "./details-calls.ts";

/**
 * Minimum age of an item's last change when its activities are read: 2 s. Plane's worker first changes `updated_at` and
 * then writes the activity, so an earlier read may not contain it.
 */
export const ACTIVITY_DELAY_MS: Ms = 2 * SECOND;

/**
 * Reads all activities of an item, oldest first. `date` is Plane's time of the first answer. A wait budget is raised
 * after the first page, so that a refusal does not repeat the pages before.
 */
export async function readActivities(
  { plane }: Pick<Deps, "plane">,
  { id, project }: Pick<Snapshot, "id" | "project">,
  options: Pick<PlaneCallOptions, "priority" | "waitBudget"> = {},
): Promise<{ activities: PlaneActivity[]; date: string }> {
  const activities: PlaneActivity[] = [];
  let date = "";
  for await (const page of plane.pages(activitiesApi.list, { params: { project, item: id }, ...options })) {
    activities.push(...page.data.results);
    date ||= toPlaneTime(page.date);
    if (options.waitBudget) options.waitBudget.left = CONTINUED_READ_WAIT_MS;
  }
  return { activities, date };
}
