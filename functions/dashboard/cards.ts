import type { Deps } from "../../shared/app/deps.ts";
import { findTaskAgents, formatItemUrl } from "../../shared/observe/event-facts.ts";
import { findLabelName, findPlanePerson, type PlanePerson } from "../../shared/observe/name-cache.ts";
import { observedKeys } from "../../shared/observe/store-keys.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import type { Ms } from "../../shared/time.ts";
import { readLiveClaims } from "../../shared/work/claims/find-claim.ts";
import { isInReview } from "../../shared/work/tasks/is-in-review.ts";
import { type BoardCard, toBoardColumn } from "./board-cards.ts";

export type CardDeps = Pick<Deps, "settings" | "store" | "cache" | "plane" | "clock" | "wait">;

/** Timeout for names from Plane: 800 ms. Missing names are left out and appear with the next request. */
const NAME_LOOKUP_TIMEOUT_MS: Ms = 800;

/** Reads the cards of these items. Only names that are not cached are requested from Plane, with a short timeout. */
export async function readCards(
  deps: CardDeps,
  projects: readonly KeptProject[],
  items: readonly KeptItem[],
): Promise<BoardCard[]> {
  const identifiers = new Map(projects.map(({ id, identifier }) => [id, identifier]));
  const ids = items.map(({ snapshot }) => snapshot.id);
  const [names, blockers, claims] = await Promise.all([
    readNames(deps, items),
    readBlockers(deps, items),
    readLiveClaims(deps, ids),
  ]);
  return items.map((item, i) => {
    const claim = claims[i];
    const { snapshot } = item;
    const { id, project, sequence, word, priority, due } = snapshot;
    const identifier = identifiers.get(project) ?? "?";
    const assignees = snapshot.assignees.flatMap((personId) => names.people.get(personId) ?? []);
    const labels = snapshot.labels.flatMap((labelId) => names.labels.get(labelId) ?? []);
    const agents = findTaskAgents(deps.settings.agents, assignees, labels);
    return {
      id,
      key: `${identifier}-${sequence}`,
      title: snapshot.name,
      project: identifier,
      column: toBoardColumn(item),
      word,
      priority,
      due,
      ...omitUndefined({
        agent: agents.length > 0 ? agents.join(", ") : undefined,
        held: claim ? { by: claim.agent, since: claim.since, until: claim.until } : undefined,
        review: isInReview(item) ? (true as const) : undefined,
      }),
      assignees: assignees.map((person) => person.name),
      labels,
      blockers: item.blockers.flatMap((blockerId) => {
        const blocker = blockers.get(blockerId);
        if (!blocker) return [];
        const key = `${identifiers.get(blocker.snapshot.project) ?? "?"}-${blocker.snapshot.sequence}`;
        return [{ id: blockerId, key, title: blocker.snapshot.name }];
      }),
      url: formatItemUrl(deps.settings.plane, identifier, sequence),
      at: snapshot.completedAt ?? snapshot.updatedAt,
    };
  });
}

async function readBlockers({ store }: CardDeps, items: readonly KeptItem[]): Promise<Map<string, KeptItem>> {
  const ids = [...new Set(items.flatMap((item) => item.blockers))];
  const kept = await store.read<KeptItem>(ids.map(observedKeys.item));
  return new Map(ids.flatMap((id, i) => (kept[i] ? [[id, kept[i].value] as const] : [])));
}

interface CardNames {
  people: Map<string, PlanePerson>;
  labels: Map<string, string>;
}

/** Reads names one after the other: the first one that is not cached loads the whole list that contains it. */
async function readNames(deps: CardDeps, items: readonly KeptItem[]): Promise<CardNames> {
  const names: CardNames = { people: new Map(), labels: new Map() };
  const lookup = new AbortController();
  async function readAll() {
    for (const { snapshot } of items) {
      for (const id of snapshot.assignees) {
        if (lookup.signal.aborted) return;
        const found = names.people.get(id) ?? (await findPlanePerson(deps, id));
        if (found) names.people.set(id, found);
      }
      for (const id of snapshot.labels) {
        if (lookup.signal.aborted) return;
        const found = names.labels.get(id) ?? (await findLabelName(deps, snapshot.project, id));
        if (found !== undefined) names.labels.set(id, found);
      }
    }
  }
  const timeout = new AbortController();
  // Failures of Plane appear in its health; here they only leave names out.
  await Promise.race([readAll().catch(() => {}), deps.wait(NAME_LOOKUP_TIMEOUT_MS, timeout.signal)]);
  timeout.abort();
  lookup.abort();
  return names;
}
