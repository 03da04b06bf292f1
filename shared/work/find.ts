import { GroundcrewError } from "../errors.ts";
import { single, singleQuery, snapshotOf } from "../observe/door.ts";
import { itemUrl } from "../observe/facts.ts";
import { type ObserveDeps, observeItem } from "../observe/item.ts";
import type { KeptProject } from "../observe/kept.ts";
import { keys, sets } from "../observe/keys.ts";
import { isReadable, readableProjects } from "../observe/projects.ts";
import { PlaneAuthError, PlaneNotFoundError } from "../plane/errors.ts";
import { workItems } from "../plane/work-items.ts";
import type { Rev } from "../store/port.ts";
import { all } from "../store/walk.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { Acting } from "./acting.ts";

/** A work item as it is kept, with what it is called. */
export interface Task {
  id: string;
  /** `ONB-12` */
  key: string;
  item: KeptItem;
  rev: Rev;
  project: KeptProject;
  /** Where Plane shows it. */
  url: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** In capitals. Identifiers have not only ASCII's letters: Plane's page takes `ÖKO`, its API also `A_B`. */
const KEY = /^([\p{L}\p{N}_]{1,12})-([1-9]\d{0,9})$/u;

type FindDeps = Pick<ObserveDeps, "store"> & { settings: { plane?: { url: string; workspace: string } } };

/**
 * The work item with this key (`ONB-12`) or Plane id. One that is not kept yet (made a moment ago, say) is read from
 * Plane and observed. Throws `not_found` for one that is gone or was never there.
 */
export async function findTask(acting: Acting, given: string): Promise<Task> {
  const name = given.trim();
  const key = KEY.exec(name.toUpperCase());
  if (!key && !UUID.test(name))
    throw new GroundcrewError("bad_request", `"${name.slice(0, 60)}" names no task. Give its key, such as ONB-12.`);
  const { deps } = acting;
  const id = key ? await numbered(deps, key[1] ?? "", Number(key[2])) : name.toLowerCase();
  const kept = id === undefined ? undefined : await keptTask(deps, id);
  if (kept) return present(kept);
  const read = key ? await readByKey(acting, name.toUpperCase()) : undefined;
  const found = read === undefined ? undefined : await keptTask(deps, read);
  if (!found) throw notThere(name);
  return present(found);
}

/** The kept item with this id, also one that is gone; undefined when it or its project is not kept. */
export async function keptTask(deps: FindDeps, id: string): Promise<Task | undefined> {
  const [item] = await deps.store.read<KeptItem>([keys.item(id)]);
  if (!item) return undefined;
  const [project] = await deps.store.read<KeptProject>([keys.project(item.value.snapshot.project)]);
  return project && taskOf(deps, item.value, item.rev, project.value);
}

/** Puts together what is kept of an item and what it is called. */
export function taskOf({ settings }: Pick<FindDeps, "settings">, item: KeptItem, rev: Rev, project: KeptProject): Task {
  const { id, sequence } = item.snapshot;
  const key = `${project.identifier}-${sequence}`;
  return { id, key, item, rev, project, url: itemUrl(settings.plane, project.identifier, sequence) };
}

/** The agent's open tasks in projects that can be read, in no order. */
export async function tasksOf(deps: FindDeps, agent: string): Promise<Task[]> {
  const rows = await all<KeptItem>(deps, sets.tasks(agent));
  const ids = [...new Set(rows.map(({ value }) => value.snapshot.project))];
  const kept = await deps.store.read<KeptProject>(ids.map(keys.project));
  const projects = new Map(kept.flatMap((one) => (one && isReadable(one.value) ? [[one.value.id, one.value]] : [])));
  return rows.flatMap(({ value, rev }) => {
    const project = projects.get(value.snapshot.project);
    return project ? [taskOf(deps, value, rev, project)] : [];
  });
}

/** The kept project with this identifier (`ONB`), name or Plane id; undefined when there is none. */
export async function findProject(deps: FindDeps, given: string): Promise<KeptProject | undefined> {
  const wanted = given.trim().toLowerCase();
  const projects = await readableProjects(deps);
  return (
    projects.find(({ identifier }) => identifier.toLowerCase() === wanted) ??
    projects.find(({ id }) => id === wanted) ??
    projects.find(({ name }) => name.toLowerCase() === wanted)
  );
}

async function numbered(deps: FindDeps, identifier: string, sequence: number): Promise<string | undefined> {
  const project = (await all<KeptProject>(deps, sets.projects)).find(
    ({ value }) => value.identifier.toUpperCase() === identifier,
  );
  if (!project) return undefined;
  const found = await deps.store.scan<KeptItem>(sets.numbered(project.value.id, sequence), undefined, 1);
  return found.rows[0]?.value.snapshot.id;
}

/** Reads an item by its key with Plane's own search for it; its id when it is in a project we follow. */
async function readByKey(acting: Acting, key: string): Promise<string | undefined> {
  const { deps, plane } = acting;
  try {
    const { data: found } = await plane.call(workItems.byKey, { params: { key } });
    const id = typeof found.project === "string" ? found.project : found.project.id;
    const [project] = await deps.store.read<KeptProject>([keys.project(id)]);
    if (!project || !isReadable(project.value)) return undefined;
    await readNow(acting, { id: found.id, project: project.value });
    return found.id;
  } catch (thrown) {
    const gone = thrown instanceof GroundcrewError && thrown.code === "not_found";
    // Where there is no such project, or the caller is not in it, Plane says the same.
    const hidden = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (gone || hidden || thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

/** Something else is observed while Plane answers, now and then; not each time. */
const READS = 3;

/**
 * Reads an item from Plane as the caller and observes it: what is kept afterwards is what is true now. A read that was
 * overtaken by another observation is made again. Throws `not_found` when it is gone.
 */
export async function readNow(acting: Acting, task: Pick<Task, "id" | "project">): Promise<void> {
  for (let reads = 1; (await readOnce(acting, task)) === "overtaken" && reads < READS; reads += 1);
}

async function readOnce(acting: Acting, { id, project }: Pick<Task, "id" | "project">): Promise<"read" | "overtaken"> {
  const { deps, plane, correlation } = acting;
  const start = { since: 0, began: 0 };
  let known: KeptItem | undefined;
  const source = () => ({ project, correlation, cause: `${start.since}.${start.began}` });
  const { data } = await plane
    .call(single, {
      params: { project: project.id, item: id },
      query: singleQuery,
      async before() {
        const [[kept], began] = await Promise.all([deps.store.read<KeptItem>([keys.item(id)]), deps.store.now()]);
        Object.assign(start, { since: kept?.rev ?? 0, began });
        known = kept?.value;
      },
    })
    .catch(async (thrown: unknown) => {
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
      await observeItem(deps, id, { via: "absence", ...start, ended: await deps.store.now() }, source());
      throw notThere(known ? `${project.identifier}-${known.snapshot.sequence}` : id);
    });
  const snapshot = await snapshotOf(deps, data);
  const seen = { via: "read", snapshot, ...start, ended: await deps.store.now() } as const;
  const { rereadIn } = await observeItem(deps, id, seen, source());
  return rereadIn === 0 ? "overtaken" : "read";
}

/** The same as `readNow`, and the task as it is then; throws `not_found` when it is gone. */
export async function readAfresh(acting: Acting, task: Task): Promise<Task> {
  await readNow(acting, task);
  return present((await keptTask(acting.deps, task.id)) ?? task);
}

function present(task: Task): Task {
  if (!isReadable(task.project))
    throw new GroundcrewError(
      "not_found",
      `${task.key} is in a project that was archived, deleted or hidden from Groundcrew in Plane: nothing can be done on it.`,
    );
  if (task.item.gone === undefined) return task;
  throw new GroundcrewError("not_found", `${task.key} was deleted or archived in Plane: there is nothing to do on it.`);
}

function notThere(name: string): GroundcrewError {
  return new GroundcrewError(
    "not_found",
    `There is no task ${name.slice(0, 60)} that Groundcrew can see. list_my_tasks shows the keys of yours.`,
  );
}
