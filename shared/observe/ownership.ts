import { omitUndefined } from "../omit-undefined.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { type FactsDeps, findTaskAgents } from "./event-facts.ts";
import { findLabelName, findPlanePerson } from "./name-cache.ts";

/** What an item's assignees and labels say of who goes on with it. */
type Ownership = Pick<KeptItem, "owners" | "review">;

/** The label of a task that is finished but for a human's look at it. */
export const REVIEW_LABEL = "review";

/**
 * The item with the agents it belongs to (OPENCLAW-10), and whether it is in review. Reckoned when its assignees or
 * labels have changed: names come with what passes the door, so this rarely asks Plane, and never when there are no
 * agents.
 */
export async function resolveOwnership(
  deps: FactsDeps,
  before: KeptItem | undefined,
  next: KeptItem,
): Promise<KeptItem> {
  const previous = before ?? next;
  const isUpToDate = previous.owners && before && hasSameAssigneesAndLabels(before, next);
  return applyOwnership(next, isUpToDate ? previous : await readOwnership(deps, next));
}

/** Whose the item is now, and whether it is in review. */
export async function readOwnership(deps: FactsDeps, { snapshot }: KeptItem): Promise<Ownership> {
  if (deps.settings.agents.length === 0) return { owners: [] };
  const [people, labels] = await Promise.all([
    Promise.all(snapshot.assignees.map((id) => findPlanePerson(deps, id))),
    Promise.all(snapshot.labels.map((id) => findLabelName(deps, snapshot.project, id))),
  ]);
  const labelNames = labels.filter((label) => label !== undefined);
  const owners = findTaskAgents(
    deps.settings.agents,
    people.filter((who) => who !== undefined),
    labelNames,
  );
  return {
    owners,
    ...omitUndefined({
      review: labelNames.some((name) => name.trim().toLowerCase() === REVIEW_LABEL) ? true : undefined,
    }),
  };
}

/** The item with these hands instead of those it had. */
export function applyOwnership(
  { owners: _owners, review: _review, ...item }: KeptItem,
  { owners, review }: Ownership,
): KeptItem {
  return { ...item, ...omitUndefined({ owners, review }) };
}

export function hasSameOwnership(item: KeptItem, { owners, review }: Ownership): boolean {
  return JSON.stringify([item.owners, item.review]) === JSON.stringify([owners, review]);
}

function hasSameAssigneesAndLabels(a: KeptItem, b: KeptItem): boolean {
  const serialize = ({ snapshot: { assignees, labels } }: KeptItem) => JSON.stringify([assignees, labels]);
  return serialize(a) === serialize(b);
}
