import { GroundcrewError } from "../../errors.ts";
import { formatItemUrl } from "../../observe/event-facts.ts";
import { normalizeItem, singleItemEndpoint, singleItemQuery } from "../../observe/normalize.ts";
import { type ObserveDeps, observeItem } from "../../observe/observe-item.ts";
import { isReadableProject, listReadableProjects } from "../../observe/projects.ts";
import { observedKeys, observedSets } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { PlaneAuthError, PlaneNotFoundError } from "../../plane/errors.ts";
import { workItemsApi } from "../../plane/work-items.ts";
import type { Revision } from "../../store/port.ts";
import { readAllRows } from "../../store/scan-set.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { CallContext } from "../context/call-context.ts";

/** A work item as it is kept, with what it is called. */
export interface Task {
  id: string;
  /** `ONB-12` */
  key: string;
  item: KeptItem;
  rev: Revision;
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
export async function findTask(context: CallContext, reference: string): Promise<Task> {
  const name = reference.trim();
  const key = KEY.exec(name.toUpperCase());
  if (!key && !UUID.test(name))
    throw new GroundcrewError("bad_request", `"${name.slice(0, 60)}" names no task. Give its key, such as ONB-12.`);
  const { deps } = context;
  const id = key ? await findTaskId(deps, key[1] ?? "", Number(key[2])) : name.toLowerCase();
  const existing = id === undefined ? undefined : await findKeptTask(deps, id);
  if (existing) return requirePresent(existing);
  const readId = key ? await readByKey(context, name.toUpperCase()) : undefined;
  const found = readId === undefined ? undefined : await findKeptTask(deps, readId);
  if (!found) throw createTaskNotFoundError(name);
  return requirePresent(found);
}

/** The kept item with this id, also one that is gone; undefined when it or its project is not kept. */
export async function findKeptTask(deps: FindDeps, id: string): Promise<Task | undefined> {
  const [item] = await deps.store.read<KeptItem>([observedKeys.item(id)]);
  if (!item) return undefined;
  const [project] = await deps.store.read<KeptProject>([observedKeys.project(item.value.snapshot.project)]);
  return project && toTask(deps, item.value, item.rev, project.value);
}

/** Puts together what is kept of an item and what it is called. */
export function toTask(
  { settings }: Pick<FindDeps, "settings">,
  item: KeptItem,
  rev: Revision,
  project: KeptProject,
): Task {
  const { id, sequence } = item.snapshot;
  const key = `${project.identifier}-${sequence}`;
  return { id, key, item, rev, project, url: formatItemUrl(settings.plane, project.identifier, sequence) };
}

/** The agent's open tasks in projects that can be read, in no order. */
export async function readAgentTasks(deps: FindDeps, agent: string): Promise<Task[]> {
  const rows = await readAllRows<KeptItem>(deps, observedSets.tasks(agent));
  const ids = [...new Set(rows.map(({ value }) => value.snapshot.project))];
  const kept = await deps.store.read<KeptProject>(ids.map(observedKeys.project));
  const projects = new Map(
    kept.flatMap((one) => (one && isReadableProject(one.value) ? [[one.value.id, one.value]] : [])),
  );
  return rows.flatMap(({ value, rev }) => {
    const project = projects.get(value.snapshot.project);
    return project ? [toTask(deps, value, rev, project)] : [];
  });
}

/** The kept project with this identifier (`ONB`), name or Plane id; undefined when there is none. */
export async function findProject(deps: FindDeps, reference: string): Promise<KeptProject | undefined> {
  const wanted = reference.trim().toLowerCase();
  const projects = await listReadableProjects(deps);
  return (
    projects.find(({ identifier }) => identifier.toLowerCase() === wanted) ??
    projects.find(({ id }) => id === wanted) ??
    projects.find(({ name }) => name.toLowerCase() === wanted)
  );
}

async function findTaskId(deps: FindDeps, identifier: string, sequence: number): Promise<string | undefined> {
  const project = (await readAllRows<KeptProject>(deps, observedSets.projects)).find(
    ({ value }) => value.identifier.toUpperCase() === identifier,
  );
  if (!project) return undefined;
  const found = await deps.store.scan<KeptItem>(observedSets.numbered(project.value.id, sequence), undefined, 1);
  return found.rows[0]?.value.snapshot.id;
}

/** Reads an item by its key with Plane's own search for it; its id when it is in a project we follow. */
async function readByKey(context: CallContext, key: string): Promise<string | undefined> {
  const { deps, plane } = context;
  try {
    const { data: found } = await plane.call(workItemsApi.byKey, { params: { key } });
    const id = typeof found.project === "string" ? found.project : found.project.id;
    const [project] = await deps.store.read<KeptProject>([observedKeys.project(id)]);
    if (!project || !isReadableProject(project.value)) return undefined;
    await refreshTask(context, { id: found.id, project: project.value });
    return found.id;
  } catch (thrown) {
    const isGone = thrown instanceof GroundcrewError && thrown.code === "not_found";
    // Where there is no such project, or the caller is not in it, Plane says the same.
    const isHidden = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (isGone || isHidden || thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

/** Something else is observed while Plane answers, now and then; not each time. */
const READS = 3;

/**
 * Reads an item from Plane as the caller and observes it: what is kept afterwards is what is true now. A read that was
 * overtaken by another observation is made again. Throws `not_found` when it is gone.
 */
export async function refreshTask(context: CallContext, task: Pick<Task, "id" | "project">): Promise<void> {
  for (let reads = 1; (await refreshOnce(context, task)) === "overtaken" && reads < READS; reads += 1);
}

async function refreshOnce(
  context: CallContext,
  { id, project }: Pick<Task, "id" | "project">,
): Promise<"read" | "overtaken"> {
  const { deps, plane, correlation } = context;
  const readStart = { since: 0, began: 0 };
  let knownItem: KeptItem | undefined;
  const source = () => ({ project, correlation, cause: `${readStart.since}.${readStart.began}` });
  const { data } = await plane
    .call(singleItemEndpoint, {
      params: { project: project.id, item: id },
      query: singleItemQuery,
      async beforeSend() {
        const [[kept], startedAt] = await Promise.all([
          deps.store.read<KeptItem>([observedKeys.item(id)]),
          deps.store.now(),
        ]);
        Object.assign(readStart, { since: kept?.rev ?? 0, began: startedAt });
        knownItem = kept?.value;
      },
    })
    .catch(async (thrown: unknown) => {
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
      await observeItem(deps, id, { via: "absence", ...readStart, ended: await deps.store.now() }, source());
      throw createTaskNotFoundError(knownItem ? `${project.identifier}-${knownItem.snapshot.sequence}` : id);
    });
  const snapshot = await normalizeItem(deps, data);
  const observation = { via: "read", snapshot, ...readStart, ended: await deps.store.now() } as const;
  const { rereadIn } = await observeItem(deps, id, observation, source());
  return rereadIn === 0 ? "overtaken" : "read";
}

/** The same as `readNow`, and the task as it is then; throws `not_found` when it is gone. */
export async function readFreshTask(context: CallContext, task: Task): Promise<Task> {
  await refreshTask(context, task);
  return requirePresent((await findKeptTask(context.deps, task.id)) ?? task);
}

function requirePresent(task: Task): Task {
  if (!isReadableProject(task.project))
    throw new GroundcrewError(
      "not_found",
      `${task.key} is in a project that was archived, deleted or hidden from Groundcrew in Plane: nothing can be done on it.`,
    );
  if (task.item.gone === undefined) return task;
  throw new GroundcrewError("not_found", `${task.key} was deleted or archived in Plane: there is nothing to do on it.`);
}

function createTaskNotFoundError(name: string): GroundcrewError {
  return new GroundcrewError(
    "not_found",
    `There is no task ${name.slice(0, 60)} that Groundcrew can see. list_my_tasks shows the keys of yours.`,
  );
}
