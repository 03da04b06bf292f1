import { workItemsApi } from "../plane/work-items.ts";
import { scanRows } from "../store/scan-set.ts";
import { CONFIRM_LOSS_AFTER_MS } from "../task/merge-observation.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { isProjectListed } from "./is-project-listed.ts";
import { type ObservationSource, type ObserveDeps, observeItem } from "./observe-item.ts";
import { getNewSince } from "./project-record.ts";
import { readItem } from "./read-item.ts";
import { takeRevisionMark } from "./revision-mark.ts";
import { observedSets } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/** Limit of missing items that are read one by one: 5; more are confirmed with a second list. */
const SINGLE_READ_LIMIT = 5;
/** Limit of attempts to read the list: 3. A list that changes between its pages is incomplete and is read again. */
const LIST_ATTEMPTS = 3;

/**
 * Compares the ids of all items that Plane lists with the stored ones. Unknown items are read; stored items that two
 * reads at least 2 s apart do not find are removed (observation rule 4). Returns the number of each.
 */
export async function reconcileIds(
  deps: ObserveDeps,
  project: KeptProject,
  correlation: string,
): Promise<{ found: number; removed: number }> {
  const first = await listIds(deps, project);
  if (!first) return { found: 0, removed: 0 };
  const { kept, pendingRemoval } = await readKeptIds(deps, project.id);
  const source = { project, correlation, newSince: project.baseline ? project.began : getNewSince(project) };
  const unknown = [...first.ids].filter((id) => !kept.has(id));
  for (const id of unknown) await readItem(deps, id, source, { rereads: false });

  const missing = [...kept].filter((id) => !first.ids.has(id));
  if (missing.length === 0) return { found: unknown.length, removed: 0 };
  // For items pending removal this is the second read. An archived project lists no items at all (observation rule 5).
  if (missing.some((id) => pendingRemoval.has(id)) && !(await isProjectListed(deps, project.id)))
    return { found: unknown.length, removed: 0 };
  await observeAbsences(deps, missing, first, source);
  await deps.wait(CONFIRM_LOSS_AFTER_MS);
  return { found: unknown.length, removed: await confirmRemovals(deps, project, missing, source) };
}

type ReconcileSource = Omit<ObservationSource, "cause">;

interface ListedIds {
  ids: Set<string>;
  since: number;
  began: number;
  ended: number;
}

async function confirmRemovals(
  deps: ObserveDeps,
  project: KeptProject,
  missing: string[],
  source: ReconcileSource,
): Promise<number> {
  let removed = 0;
  if (missing.length <= SINGLE_READ_LIMIT) {
    for (const id of missing) {
      const { events } = await readItem(deps, id, source);
      if (events.some((event) => event.kind === "removed")) removed += 1;
    }
    return removed;
  }
  const second = await listIds(deps, project);
  if (!second || !(await isProjectListed(deps, project.id))) return 0;
  return observeAbsences(
    deps,
    missing.filter((id) => !second.ids.has(id)),
    second,
    source,
  );
}

async function observeAbsences(
  deps: ObserveDeps,
  ids: string[],
  read: ListedIds,
  source: ReconcileSource,
): Promise<number> {
  const { since, began, ended } = read;
  let removed = 0;
  for (const id of ids) {
    const itemSource = { ...source, cause: `${since}.${began}` };
    const observation = { via: "absence", since, began, ended } as const;
    const { events } = await observeItem(deps, id, observation, itemSource, { rereads: false });
    if (events.some((event) => event.kind === "removed")) removed += 1;
  }
  return removed;
}

/** Reads all ids, oldest first so that new items come last; undefined when the list changed during every attempt. */
async function listIds(deps: ObserveDeps, project: KeptProject): Promise<ListedIds | undefined> {
  for (let attempt = 0; attempt < LIST_ATTEMPTS; attempt += 1) {
    const since = await takeRevisionMark(deps, project.id);
    const began = await deps.store.now();
    const ids = new Set<string>();
    const totals = new Set<number>();
    const query = { fields: "id", order_by: "created_at", per_page: 1000 };
    for await (const { data } of deps.plane.pages(workItemsApi.ids, { params: { project: project.id }, query })) {
      for (const { id } of data.results) ids.add(id);
      totals.add(data.total_count);
    }
    if (totals.size === 1 && totals.has(ids.size)) return { ids, since, began, ended: await deps.store.now() };
  }
  deps.log.warn("id comparison skipped: the list kept changing", { project: project.identifier });
  return undefined;
}

/** Returns the ids of all stored items, and of those that an earlier read did not find. */
async function readKeptIds(
  deps: ObserveDeps,
  project: string,
): Promise<{ kept: Set<string>; pendingRemoval: Set<string> }> {
  const kept = new Set<string>();
  const pendingRemoval = new Set<string>();
  for (const set of [observedSets.items(project), observedSets.quiet(project)]) {
    for await (const { value } of scanRows<KeptItem>(deps, set)) {
      kept.add(value.snapshot.id);
      if (value.doubt?.gone !== undefined) pendingRemoval.add(value.snapshot.id);
    }
  }
  return { kept, pendingRemoval };
}
