import type { KeptItem } from "../task/snapshot.ts";
import { agentsOf, type FactsDeps } from "./facts.ts";
import { labelName, person } from "./names.ts";

/** What an item's assignees and labels say of who goes on with it. */
type Hands = Pick<KeptItem, "owners" | "review">;

/** The label of a task that is finished but for a human's look at it. */
export const REVIEW_LABEL = "review";

/**
 * The item with the agents it belongs to (OPENCLAW-10), and whether it is in review. Reckoned when its assignees or
 * labels have changed: names come with what passes the door, so this rarely asks Plane, and never when there are no
 * agents.
 */
export async function withHands(deps: FactsDeps, before: KeptItem | undefined, next: KeptItem): Promise<KeptItem> {
  const known = before ?? next;
  const reckoned = known.owners && before && sameHands(before, next);
  return inHands(next, reckoned ? known : await handsOf(deps, next));
}

/** Whose the item is now, and whether it is in review. */
export async function handsOf(deps: FactsDeps, { snapshot }: KeptItem): Promise<Hands> {
  if (deps.settings.agents.length === 0) return { owners: [] };
  const [people, labels] = await Promise.all([
    Promise.all(snapshot.assignees.map((id) => person(deps, id))),
    Promise.all(snapshot.labels.map((id) => labelName(deps, snapshot.project, id))),
  ]);
  const named = labels.filter((label) => label !== undefined);
  const owners = agentsOf(
    deps.settings.agents,
    people.filter((who) => who !== undefined),
    named,
  );
  return { owners, ...(named.some((name) => name.trim().toLowerCase() === REVIEW_LABEL) && { review: true }) };
}

/** The item with these hands instead of those it had. */
export function inHands({ owners: _owners, review: _review, ...item }: KeptItem, { owners, review }: Hands): KeptItem {
  return { ...item, ...(owners && { owners }), ...(review && { review }) };
}

export function sameHandsAs(item: KeptItem, { owners, review }: Hands): boolean {
  return JSON.stringify([item.owners, item.review]) === JSON.stringify([owners, review]);
}

function sameHands(a: KeptItem, b: KeptItem): boolean {
  const hands = ({ snapshot: { assignees, labels } }: KeptItem) => JSON.stringify([assignees, labels]);
  return hands(a) === hands(b);
}
