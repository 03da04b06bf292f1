import type { Deps } from "../../shared/deps.ts";
import { agentsOf, itemUrl } from "../../shared/observe/facts.ts";
import type { KeptProject } from "../../shared/observe/kept.ts";
import { keys } from "../../shared/observe/keys.ts";
import { labelName, type Person, person } from "../../shared/observe/names.ts";
import type { Ms } from "../../shared/store/port.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { liveClaims } from "../../shared/work/claims.ts";
import { isInReview } from "../../shared/work/there.ts";
import { type Card, columnOf } from "./columns.ts";

export type CardDeps = Pick<Deps, "settings" | "store" | "cache" | "plane" | "clock" | "wait">;

/** Names that Plane has not told by then are left out; they come with the next look. */
const NAMES_MS: Ms = 800;

/** What the board shows of these items. Plane is asked only for names nobody has told yet, and not waited for. */
export async function cardsOf(
  deps: CardDeps,
  projects: readonly KeptProject[],
  items: readonly KeptItem[],
): Promise<Card[]> {
  const identifiers = new Map(projects.map(({ id, identifier }) => [id, identifier]));
  const ids = items.map(({ snapshot }) => snapshot.id);
  const [names, blockers, claims] = await Promise.all([
    namesOf(deps, items),
    blockersOf(deps, items),
    liveClaims(deps, ids),
  ]);
  return items.map((item, i) => {
    const claim = claims[i];
    const { snapshot } = item;
    const { id, project, sequence, word, priority, due } = snapshot;
    const identifier = identifiers.get(project) ?? "?";
    const assignees = snapshot.assignees.flatMap((one) => names.people.get(one) ?? []);
    const labels = snapshot.labels.flatMap((one) => names.labels.get(one) ?? []);
    const agents = agentsOf(deps.settings.agents, assignees, labels);
    return {
      id,
      key: `${identifier}-${sequence}`,
      title: snapshot.name,
      project: identifier,
      column: columnOf(item),
      word,
      priority,
      due,
      ...(agents.length > 0 && { agent: agents.join(", ") }),
      ...(claim && { held: { by: claim.agent, since: claim.since, until: claim.until } }),
      ...(isInReview(item) && { review: true as const }),
      assignees: assignees.map((one) => one.name),
      labels,
      blockers: item.blockers.flatMap((one) => {
        const blocker = blockers.get(one);
        if (!blocker) return [];
        const key = `${identifiers.get(blocker.snapshot.project) ?? "?"}-${blocker.snapshot.sequence}`;
        return [{ id: one, key, title: blocker.snapshot.name }];
      }),
      url: itemUrl(deps.settings.plane, identifier, sequence),
      at: snapshot.completedAt ?? snapshot.updatedAt,
    };
  });
}

async function blockersOf({ store }: CardDeps, items: readonly KeptItem[]): Promise<Map<string, KeptItem>> {
  const ids = [...new Set(items.flatMap((item) => item.blockers))];
  const kept = await store.read<KeptItem>(ids.map(keys.item));
  return new Map(ids.flatMap((id, i) => (kept[i] ? [[id, kept[i].value] as const] : [])));
}

interface Names {
  people: Map<string, Person>;
  labels: Map<string, string>;
}

/** One name after the other: the first that is not known yet brings all the others of its list. */
async function namesOf(deps: CardDeps, items: readonly KeptItem[]): Promise<Names> {
  const names: Names = { people: new Map(), labels: new Map() };
  const over = new AbortController();
  async function look() {
    for (const { snapshot } of items) {
      for (const id of snapshot.assignees) {
        if (over.signal.aborted) return;
        const found = names.people.get(id) ?? (await person(deps, id));
        if (found) names.people.set(id, found);
      }
      for (const id of snapshot.labels) {
        if (over.signal.aborted) return;
        const found = names.labels.get(id) ?? (await labelName(deps, snapshot.project, id));
        if (found !== undefined) names.labels.set(id, found);
      }
    }
  }
  const waited = new AbortController();
  // Plane's failures are told by its health; here they only cost names.
  await Promise.race([look().catch(() => {}), deps.wait(NAMES_MS, waited.signal)]);
  waited.abort();
  over.abort();
  return names;
}
