import { activities } from "../plane/activities-links.ts";
import { type Relations, relations as relationCalls } from "../plane/relations.ts";
import type { Job, Kept, Key, Put, Rev, Row } from "../store/port.ts";
import { all, walk } from "../store/walk.ts";
import { diff, holdsOthersUp } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { edgeSets, edgesOf } from "./edges.ts";
import { keepItem, type ObserveDeps, type Source } from "./item.ts";
import { evaluateJob } from "./jobs.ts";
import type { KeptEdge, KeptProject, KeptRelations } from "./kept.ts";
import { keys, sets } from "./keys.ts";
import { isReadable, newSince } from "./projects.ts";
import { readItem } from "./read.ts";

/** Reads an item's relations, where Plane has them (not on v1.2), and takes over who waits for whom. */
export async function readRelations(deps: ObserveDeps, item: KeptItem, source: Source): Promise<void> {
  if (!(await deps.plane.capabilities()).relations) return;
  const began = await deps.store.now();
  const params = { project: item.snapshot.project, item: item.snapshot.id };
  const { data } = await deps.plane.call(relationCalls.list, { params, priority: "spare" });
  await observeRelations(deps, item, data, began, source);
}

/**
 * A relation belongs to the pair, and the latest reading of either end wins (rule 7): an edge is taken from this
 * reading unless the other end was read later. `began` is store time before the request.
 */
export async function observeRelations(
  deps: ObserveDeps,
  item: KeptItem,
  read: Pick<Relations, "blocked_by" | "blocking">,
  began: number,
  source: Source,
): Promise<void> {
  const { id, project } = item.snapshot;
  const seen = new Map<Key, KeptEdge>();
  for (const end of read.blocked_by) {
    seen.set(keys.edge(id, end.issue_id), { blocked: id, blocker: end.issue_id, blockerProject: end.project_id });
  }
  for (const end of read.blocking) {
    seen.set(keys.edge(end.issue_id, id), { blocked: end.issue_id, blocker: id, blockerProject: project });
  }
  let silent: boolean | undefined;
  for (;;) {
    const kept = await edgesOf(deps, id);
    const others = [...new Set([...seen.values(), ...kept.map((row) => row.value)].map((edge) => otherEnd(edge, id)))];
    const readings = await deps.store.read<KeptRelations>([id, ...others].map(keys.relations));
    const [own, ...theirs] = readings;
    const now = await deps.store.now();
    // One from times to come was before the store's clock was set back.
    const isLater = (other: Kept<KeptRelations> | undefined) =>
      other !== undefined && other.value.at > began && other.value.at <= now;
    if (isLater(own)) return;
    silent ??= own === undefined && !(await changedSince(deps, item, source.project, seen.size));
    const later = new Set(others.filter((_, i) => isLater(theirs[i])));
    const mine = (edge: KeptEdge) => !later.has(otherEnd(edge, id));

    const came = [...seen].filter(([key, edge]) => mine(edge) && !kept.some((row) => row.key === key));
    const left = kept.filter((row) => mine(row.value) && !seen.has(row.key));
    const put: Put[] = [
      { key: keys.relations(id), value: { at: began } satisfies KeptRelations },
      ...came.map(([key, edge]) => ({
        key,
        value: { ...edge, ...(silent && { unsaid: true }) },
        sets: edgeSets(edge),
      })),
      ...left.map((row) => ({ key: row.key, value: undefined })),
    ];
    const waiting = new Set(
      [...came.map(([, edge]) => edge), ...left.map((row) => row.value)].map((edge) => edge.blocked),
    );
    const cause = `${id}:${own?.rev ?? 0}`;
    const jobs: Job[] = [...waiting].map((blocked) => evaluateJob(blocked, cause, source.correlation));
    const expect: [Key, Rev][] = [id, ...others].map((end, i) => [keys.relations(end), readings[i]?.rev ?? 0]);
    if ((await deps.store.commit({ expect, put, jobs })) === "kept") return;
  }
}

/**
 * Takes over that `id` waits for `blockers` as of now, by id and project: Plane has just been told so. `id` is an item
 * of our own making. A reading of it that began before (`began`, store time) is older than this and undoes nothing.
 */
export async function observeMade(
  deps: ObserveDeps,
  id: string,
  blockers: ReadonlyMap<string, string>,
  began: number,
  correlation: string,
): Promise<void> {
  for (;;) {
    const key = keys.relations(id);
    const [[own], kept] = await Promise.all([
      deps.store.read<KeptRelations>([key]),
      all<KeptEdge>(deps, sets.blockers(id)),
    ]);
    const came = [...blockers].filter(([blocker]) => !kept.some(({ value }) => value.blocker === blocker));
    const edges = came.map(([blocker, blockerProject]): KeptEdge => ({ blocked: id, blocker, blockerProject }));
    const value: KeptRelations = { at: Math.max(own?.value.at ?? 0, began) };
    const put = edges.map((edge) => ({ key: keys.edge(id, edge.blocker), value: edge, sets: edgeSets(edge) }));
    const outcome = await deps.store.commit({ expect: [[key, own?.rev ?? 0]], put: [{ key, value }, ...put] });
    if (outcome === "kept") return evaluate(deps, id, correlation);
  }
}

/** Drops all edges of an item that is gone (Plane does so too) and has everyone who waited for it looked at. */
export async function dropEdges(deps: ObserveDeps, id: string, correlation: string): Promise<void> {
  const kept = await edgesOf(deps, id);
  if (kept.length === 0) return;
  const waiting = new Set(kept.map((row) => row.value.blocked).filter((blocked) => blocked !== id));
  await deps.store.commit({
    put: kept.map((row) => ({ key: row.key, value: undefined })),
    jobs: [...waiting].map((blocked) => evaluateJob(blocked, correlation, correlation)),
  });
}

/**
 * Reckons anew which open blockers an item has, from the kept relations and snapshots. A blocker nobody has seen is
 * read once where its project can be; beside that no request to Plane.
 * Blockers that count, or count no longer, only because of relations that were there before us are taken over without
 * telling anyone: until such a blocker itself has been seen, nobody knows whether it was open.
 */
export async function evaluate(deps: ObserveDeps, id: string, correlation: string): Promise<void> {
  for (;;) {
    const [kept] = await deps.store.read<KeptItem>([keys.item(id)]);
    if (!kept || kept.value.gone !== undefined) return;
    const [project] = await deps.store.read<KeptProject>([keys.project(kept.value.snapshot.project)]);
    if (!project || !isReadable(project.value)) return;
    const edges = await all<KeptEdge>(deps, sets.blockers(id));
    const items = await deps.store.read<KeptItem>(edges.map((row) => keys.item(row.value.blocker)));
    const unknown = edges.filter((row, i) => !items[i] && !row.value.absent);
    if (await lookFor(deps, unknown, correlation)) continue;
    // A blocker that cannot be read yet counts as open: starting too early is worse than waiting.
    const open = edges.filter(
      (row, i) =>
        holdsOthersUp(items[i]?.value, deps.settings.done.dependants_wait) && !(row.value.absent && !items[i]),
    );
    const blockers = open.map((row) => row.value.blocker).sort();
    const changed = [
      ...blockers.filter((blocker) => !kept.value.blockers.includes(blocker)),
      ...kept.value.blockers.filter((blocker) => !blockers.includes(blocker)),
    ];
    const seen = edges.filter((row, i) => row.value.unsaid && (items[i] || row.value.absent));
    if (changed.length === 0 && seen.length === 0) return;

    const next: KeptItem = { ...kept.value, blockers };
    const silent = changed.every((id) => edges.some(({ value }) => value.blocker === id && value.unsaid));
    // Whose blocker was cancelled does not go on: it is blocked for that (OPENCLAW-14).
    const inVain =
      deps.settings.agents.length > 0 &&
      items.some(
        (blocker) => blocker?.value.snapshot.word === "cancelled" && changed.includes(blocker.value.snapshot.id),
      );
    const result = await keepItem(deps, {
      before: kept.value,
      rev: kept.rev,
      next,
      events: silent ? [] : diff(kept.value, next).filter(({ kind }) => kind !== "unblocked" || !inVain),
      source: { project: project.value, correlation, cause: correlation },
      via: "relations",
      jobs: [],
      also: {
        expect: seen.map((row) => [row.key, row.rev]),
        put: seen.map(({ key, value: { unsaid: _, ...edge } }) => ({ key, value: edge, sets: edgeSets(edge) })),
      },
    });
    if (result === "kept") return;
  }
}

/** Reads blockers nobody has seen, in projects that have been read: an archived one, say, is in no list. True when it did. */
async function lookFor(deps: ObserveDeps, unknown: Row<KeptEdge>[], correlation: string): Promise<boolean> {
  const projects = await deps.store.read<KeptProject>(unknown.map((row) => keys.project(row.value.blockerProject)));
  let looked = false;
  for (const [i, { key, value, rev }] of unknown.entries()) {
    const project = projects[i]?.value;
    if (!project?.baseline || !isReadable(project)) continue;
    looked = true;
    await readItem(deps, value.blocker, { project, correlation });
    const [found] = await deps.store.read([keys.item(value.blocker)]);
    if (found) continue;
    const put = [{ key, value: { ...value, absent: true }, sets: edgeSets(value) }];
    await deps.store.commit({ expect: [[key, rev]], put });
  }
  return looked;
}

/** All items that wait for something, each looked at again: heals what a lost job left behind (rule 10). */
export async function evaluateAll(deps: ObserveDeps, correlation: string): Promise<void> {
  const ids = new Set((await all<KeptEdge>(deps, sets.edges)).map(({ value }) => value.blocked));
  for await (const { value } of walk<KeptItem>(deps, sets.waiting)) ids.add(value.snapshot.id);
  for (const id of ids) await evaluate(deps, id, correlation);
}

/** On the first reading of an item that was there before us, only its activities tell whether a relation is new. */
async function changedSince(deps: ObserveDeps, item: KeptItem, project: KeptProject, edges: number): Promise<boolean> {
  const { snapshot } = item;
  const since = newSince(project);
  if (snapshot.createdAt >= since) return true;
  if (edges === 0 || snapshot.updatedAt < since) return false;
  const params = { project: snapshot.project, item: snapshot.id };
  for await (const { data } of deps.plane.pages(activities.list, { params, priority: "spare" })) {
    const related = data.results.some(
      ({ field, created_at }) => (field === "blocked_by" || field === "blocking") && created_at >= since,
    );
    if (related) return true;
  }
  return false;
}

function otherEnd(edge: KeptEdge, id: string): string {
  return edge.blocked === id ? edge.blocker : edge.blocked;
}
