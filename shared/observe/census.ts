import { workItems } from "../plane/work-items.ts";
import { walk } from "../store/walk.ts";
import { CONFIRM_AFTER_MS } from "../task/accept.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { type ObserveDeps, observeItem, type Source } from "./item.ts";
import type { KeptProject } from "./kept.ts";
import { sets } from "./keys.ts";
import { takeMark } from "./pass.ts";
import { newSince, stillListed } from "./projects.ts";
import { readItem } from "./read.ts";

/** So few missing items are each read again; more are looked for in a second list. */
const READ_SINGLY = 5;
/** A list that changes while it is paged tells nothing; so often it is begun again. */
const TRIES = 3;

/**
 * The full id pass: which items does Plane list, and which do we keep? Items unknown to us are read; kept ones that
 * two looks at least 2 s apart do not find are removed (rule 4). Answers how many of each.
 */
export async function census(
  deps: ObserveDeps,
  project: KeptProject,
  correlation: string,
): Promise<{ found: number; removed: number }> {
  const first = await listIds(deps, project);
  if (!first) return { found: 0, removed: 0 };
  const { kept, doubted } = await keptIds(deps, project.id);
  const source = { project, correlation, newSince: project.baseline ? project.began : newSince(project) };
  const unknown = [...first.ids].filter((id) => !kept.has(id));
  for (const id of unknown) await readItem(deps, id, source, { rereads: false });

  const missing = [...kept].filter((id) => !first.ids.has(id));
  if (missing.length === 0) return { found: unknown.length, removed: 0 };
  // For those this look is the second one; an archived project lists none at all, however often (rule 5).
  if (missing.some((id) => doubted.has(id)) && !(await stillListed(deps, project.id)))
    return { found: unknown.length, removed: 0 };
  await observeAbsent(deps, missing, first, source);
  await deps.wait(CONFIRM_AFTER_MS);
  return { found: unknown.length, removed: await confirm(deps, project, missing, source) };
}

type CensusSource = Omit<Source, "cause">;

interface Ids {
  ids: Set<string>;
  since: number;
  began: number;
  ended: number;
}

async function confirm(
  deps: ObserveDeps,
  project: KeptProject,
  missing: string[],
  source: CensusSource,
): Promise<number> {
  let removed = 0;
  if (missing.length <= READ_SINGLY) {
    for (const id of missing) {
      const { events } = await readItem(deps, id, source);
      if (events.some((event) => event.kind === "removed")) removed += 1;
    }
    return removed;
  }
  const second = await listIds(deps, project);
  if (!second || !(await stillListed(deps, project.id))) return 0;
  return observeAbsent(
    deps,
    missing.filter((id) => !second.ids.has(id)),
    second,
    source,
  );
}

async function observeAbsent(deps: ObserveDeps, ids: string[], read: Ids, source: CensusSource): Promise<number> {
  const { since, began, ended } = read;
  let removed = 0;
  for (const id of ids) {
    const from = { ...source, cause: `${since}.${began}` };
    const seen = { via: "absence", since, began, ended } as const;
    const { events } = await observeItem(deps, id, seen, from, { rereads: false });
    if (events.some((event) => event.kind === "removed")) removed += 1;
  }
  return removed;
}

/** All ids Plane lists, oldest first so that new items come last; undefined when the list would not hold still. */
async function listIds(deps: ObserveDeps, project: KeptProject): Promise<Ids | undefined> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const since = await takeMark(deps, project.id);
    const began = await deps.store.now();
    const ids = new Set<string>();
    const totals = new Set<number>();
    const query = { fields: "id", order_by: "created_at", per_page: 1000 };
    for await (const { data } of deps.plane.pages(workItems.ids, { params: { project: project.id }, query })) {
      for (const { id } of data.results) ids.add(id);
      totals.add(data.total_count);
    }
    if (totals.size === 1 && totals.has(ids.size)) return { ids, since, began, ended: await deps.store.now() };
  }
  deps.log.warn("census gave up: the list kept changing", { project: project.identifier });
  return undefined;
}

/** The ids of all items kept, and of those that an earlier look has missed. */
async function keptIds(deps: ObserveDeps, project: string): Promise<{ kept: Set<string>; doubted: Set<string> }> {
  const kept = new Set<string>();
  const doubted = new Set<string>();
  for (const set of [sets.items(project), sets.quiet(project)]) {
    for await (const { value } of walk<KeptItem>(deps, set)) {
      kept.add(value.snapshot.id);
      if (value.doubt?.gone !== undefined) doubted.add(value.snapshot.id);
    }
  }
  return { kept, doubted };
}
