import { keepDefined } from "../keep-defined.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { type FactsDeps, findTaskAgents } from "./event-facts.ts";
import { findLabelName, findPlanePerson } from "./name-cache.ts";

/** The agents an item belongs to and whether it is in review, as its assignees and labels say. */
type Ownership = Pick<KeptItem, "owners" | "review">;

/** The label of a task that an agent has finished and a human must review. */
export const REVIEW_LABEL = "review";

/**
 * Sets the agents an item belongs to (OPENCLAW-10) and whether it is in review. Computed only when its assignees or
 * labels have changed. Names are cached with every observation, so this rarely sends a request to Plane, and never when
 * no agents are configured.
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

/** Computes the owners and review state from an item's present assignees and labels. */
export async function readOwnership(deps: FactsDeps, { snapshot }: KeptItem): Promise<Ownership> {
  if (deps.settings.agents.length === 0) return { owners: [] };
  const [people, labels] = await Promise.all([
    Promise.all(snapshot.assignees.map((id) => findPlanePerson(deps, id))),
    Promise.all(snapshot.labels.map((id) => findLabelName(deps, snapshot.project, id))),
  ]);
  const labelNames = keepDefined(labels);
  const owners = findTaskAgents(deps.settings.agents, keepDefined(people), labelNames);
  return {
    owners,
    ...omitUndefined({
      review: labelNames.some((name) => name.trim().toLowerCase() === REVIEW_LABEL) ? true : undefined,
    }),
  };
}

/** Returns the item with this ownership instead of its previous one. */
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
