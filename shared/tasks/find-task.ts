/** Finding a task by its key or id, reading it again from Plane, and its blockers as they are shown. */

import type { StoreDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { parseTaskKey, type TaskKey } from "../names.ts";
import { keepDefined } from "../omit-undefined.ts";
import type { PlaneClient } from "../plane/endpoint.ts";
import { PlaneAuthError, PlaneNotFoundError } from "../plane/errors.ts";
import { workItemsApi } from "../plane/work-items.ts";
import { isReadableProject, listReadableProjects, type ProjectRecord, type Task } from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import type { Revision, SetName } from "../store/port.ts";
import { readAllRows } from "../store/records.ts";
import { formatItemUrl } from "../sync/event-facts.ts";
import { normalizeItem, singleItemEndpoint, singleItemQuery } from "../sync/normalize.ts";
import { observeItem } from "../sync/observe-item.ts";
import type { RequestSubject } from "../task/request.ts";
import { type ItemRecord, isOpenItem, type Status } from "../task/snapshot.ts";
import { type CallContext, chooseClient } from "./call-context.ts";
import { readHiddenTasks } from "./plan-record.ts";

type FindDeps = StoreDeps & { settings: { plane?: { url: string; workspace: string } } };

/** A blocker as it is shown on its dependants. */
export interface Blocker {
  id: string;
  /** `ONB-12`, or `?-12` when its project is not stored. */
  key: string;
  title: string;
  status: Status;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Limit of reads when other observations overtake them, which happens rarely. */
const MAX_READS = 3;

/**
 * Finds a work item by its key (`ONB-12`) or Plane id. One that is not stored yet, such as a new one, is read from
 * Plane and observed. Throws `bad_request` for another reference, `not_found` for a removed or unknown item.
 */
export async function findTask(context: CallContext, reference: string): Promise<Task> {
  const name = reference.trim();
  const key = parseTaskKey(name);
  const shown = name.slice(0, 60);
  if (!key && !UUID.test(name))
    throw new GroundcrewError("bad_request", `"${shown}" is not a valid task key. Give a key such as ONB-12.`, {
      refusal: { name: "invalidKey", values: { key: shown } },
    });
  const { deps } = context;
  const stored = await findStoredTask(deps, key ? await findTaskId(deps, key) : name.toLowerCase());
  const found = stored ?? (key && (await findStoredTask(deps, await readByKey(context, key.key))));
  if (!found) throw createTaskNotFoundError(name);
  return requirePresent(found);
}

/** Finds the tasks with these keys, without duplicates. Throws as `findTask` does. */
export async function findTasks(context: CallContext, keys: readonly string[]): Promise<Task[]> {
  const tasks = new Map<string, Task>();
  for (const key of keys) {
    const task = await findTask(context, key);
    tasks.set(task.id, task);
  }
  return [...tasks.values()];
}

/** Finds the Plane id of the task with this key; undefined when Groundcrew does not know it. */
export async function findTaskId(deps: FindDeps, { identifier, number }: TaskKey): Promise<string | undefined> {
  const find = async (set: SetName) =>
    (await readAllRows<ProjectRecord>(deps, set)).find(({ value }) => value.identifier.toUpperCase() === identifier);
  // Another project may have the identifier of a deleted one.
  const project = (await find(observedSets.projects)) ?? (await find(observedSets.deletedProjects));
  if (!project) return undefined;
  const page = await deps.store.scan<ItemRecord>(observedSets.numbered(project.value.id, number), undefined, 1);
  return page.rows[0]?.value.snapshot.id;
}

function requirePresent(task: Task): Task {
  const { key, project, item } = task;
  if (isReadableProject(project) && item.removedAt === undefined) return task;
  const reasons = {
    deletedProject: `${key} cannot be read: the project was deleted in Plane`,
    removedTask: `${key} was deleted or archived in Plane`,
    removedProject: `The project of ${key} was archived, deleted or hidden from Groundcrew in Plane`,
  };
  const name = project.deleted ? "deletedProject" : isReadableProject(project) ? "removedTask" : "removedProject";
  const refusal = { name, values: { task: key } } as const;
  throw new GroundcrewError("not_found", `${reasons[name]}. Take another task.`, { refusal });
}

/** Reads an item by its key from Plane and observes it; returns its id when its project is readable. */
async function readByKey(context: CallContext, key: string): Promise<string | undefined> {
  const { deps } = context;
  const client = await chooseClient(context, 2);
  try {
    const { data: found } = await client.call(workItemsApi.byKey, { params: { key } });
    const id = typeof found.project === "string" ? found.project : found.project.id;
    const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(id)]);
    if (!project || !isReadableProject(project.value)) return undefined;
    await refreshTask(context, { id: found.id, project: project.value }, client);
    return found.id;
  } catch (thrown) {
    const isGone = thrown instanceof GroundcrewError && thrown.code === "not_found";
    // Plane gives the same answer for an unknown project and for one of which the caller is no member.
    const isHidden = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (isGone || isHidden || thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

function createTaskNotFoundError(name: string): GroundcrewError {
  return new GroundcrewError(
    "not_found",
    `There is no task ${name.slice(0, 60)} that Groundcrew can see. List your tasks with list_my_tasks.`,
    { refusal: { name: "unknownTask", values: { task: name.slice(0, 60) } } },
  );
}

/** Finds the stored item with this id, also a removed one; undefined when it or its project is not stored. */
export async function findStoredTask(deps: FindDeps, id: string | undefined): Promise<Task | undefined> {
  const [item] = id === undefined ? [] : await deps.store.read<ItemRecord>([observedKeys.item(id)]);
  if (!item) return undefined;
  const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(item.value.snapshot.project)]);
  return project && toTask(deps, item.value, item.rev, project.value);
}

/** Finds the stored item with this id; undefined also when it was removed. */
export async function findPresentTask(deps: FindDeps, id: string | undefined): Promise<Task | undefined> {
  const task = await findStoredTask(deps, id);
  return task?.item.removedAt === undefined ? task : undefined;
}

/** The same; undefined also when it is done or cancelled. */
export async function findOpenTask(deps: FindDeps, id: string): Promise<Task | undefined> {
  const task = await findStoredTask(deps, id);
  return task && isOpenItem(task.item) ? task : undefined;
}

/** Refreshes a task as `refreshTask` does and returns it. Throws `not_found` when it no longer exists. */
export async function readFreshTask(context: CallContext, task: Task): Promise<Task> {
  await refreshTask(context, task);
  return requirePresent((await findStoredTask(context.deps, task.id)) ?? task);
}

/**
 * Reads an item from Plane and observes it, so that the stored item is current. A read that was overtaken by another
 * observation is repeated. Throws `not_found` when the item no longer exists. `client`: the one of `chooseClient` when
 * the caller has chosen already.
 */
export async function refreshTask(context: CallContext, task: Pick<Task, "id" | "project">, client?: PlaneClient) {
  const reader = client ?? (await chooseClient(context));
  for (let reads = 1; (await refreshOnce(context, task, reader)) === "overtaken" && reads < MAX_READS; reads += 1);
}

async function refreshOnce(context: CallContext, { id, project }: Pick<Task, "id" | "project">, client: PlaneClient) {
  const { deps, correlation } = context;
  const readStart = { since: 0, began: 0 };
  const source = () => ({ project, correlation, cause: `${readStart.since}.${readStart.began}` });
  const { data } = await client
    .call(singleItemEndpoint, {
      params: { project: project.id, item: id },
      query: singleItemQuery,
      async beforeSend() {
        Object.assign(readStart, await getReadStart(deps, id));
      },
    })
    .catch(async (thrown: unknown) => {
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
      const known = await findStoredTask(deps, id);
      await observeItem(deps, id, { via: "absence", ...readStart, ended: await deps.store.now() }, source());
      throw createTaskNotFoundError(known?.key ?? id);
    });
  const snapshot = await normalizeItem(deps, data);
  const observation = { via: "read", snapshot, ...readStart, ended: await deps.store.now() } as const;
  const { rereadIn } = await observeItem(deps, id, observation, source());
  return rereadIn === 0 ? "overtaken" : "read";
}

/** The store's state of an item right before a request about it is sent: what the answer shows is newer. */
export async function getReadStart({ store }: StoreDeps, id: string) {
  const [[stored], began] = await Promise.all([store.read([observedKeys.item(id)]), store.now()]);
  return { since: stored?.rev ?? 0, began };
}

/** Combines a stored item and its project to a task. */
export function toTask(
  { settings }: Pick<FindDeps, "settings">,
  item: ItemRecord,
  rev: Revision,
  project: ProjectRecord,
): Task {
  const { id, sequence } = item.snapshot;
  const key = `${project.identifier}-${sequence}`;
  return { id, key, item, rev, project, url: formatItemUrl(settings.plane, project.identifier, sequence) };
}

/** What a request about a task says of it. */
export function toRequestSubject({ id, key, url, item }: Task): RequestSubject {
  return { title: item.snapshot.name, item: id, key, url };
}

/** Reads an agent's open tasks in readable projects, without those of incomplete plans, in no particular order. */
export async function readAgentTasks(deps: FindDeps, agent: string): Promise<Task[]> {
  const isHidden = await readHiddenTasks(deps);
  const rows = (await readAllRows<ItemRecord>(deps, observedSets.tasks(agent))).filter(({ value }) => !isHidden(value));
  const projects = new Map((await listReadableProjects(deps)).map((project) => [project.id, project]));
  return rows.flatMap(({ value, rev }) => {
    const project = projects.get(value.snapshot.project);
    return project ? [toTask(deps, value, rev, project)] : [];
  });
}

/** Finds a stored project by its identifier (`ONB`), name or Plane id; undefined when there is none. */
export async function findProject(deps: FindDeps, reference: string): Promise<ProjectRecord | undefined> {
  const wanted = reference.trim().toLowerCase();
  const projects = await listReadableProjects(deps);
  return (
    projects.find(({ identifier }) => identifier.toLowerCase() === wanted) ??
    projects.find(({ id }) => id === wanted) ??
    projects.find(({ name }) => name.toLowerCase() === wanted)
  );
}

/** Reads the open blockers of these items, by Plane's id: two reads of the store, no request to Plane. */
export async function readOpenBlockers({ store }: StoreDeps, items: readonly ItemRecord[]) {
  const ids = [...new Set(items.flatMap((item) => item.blockers))];
  if (ids.length === 0) return new Map();
  const snapshots = keepDefined(await store.read<ItemRecord>(ids.map(observedKeys.item))).map(
    ({ value }) => value.snapshot,
  );
  const projects = await store.read<ProjectRecord>(snapshots.map(({ project }) => observedKeys.project(project)));
  return new Map(
    snapshots.map(({ id, sequence, name, status }, i) => {
      const key = `${projects[i]?.value.identifier ?? "?"}-${sequence}`;
      return [id, { id, key, title: name, status }];
    }),
  );
}

/** The open blockers as `ONB-3 (in_progress)`; "" when there are none. */
export async function formatOpenBlockers({ deps }: Pick<CallContext, "deps">, { item }: Pick<Task, "item">) {
  const blockersById = await readOpenBlockers(deps, [item]);
  const formatBlocker = (blocker: Blocker | undefined) =>
    blocker ? `${blocker.key} (${blocker.status})` : "a task that cannot be read";
  return item.blockers.map((id) => formatBlocker(blockersById.get(id))).join(", ");
}

/** Finds a project by its identifier or name. Throws `not_found` with the existing ones. */
export async function getProjectByName({ deps }: CallContext, projectName: string): Promise<ProjectRecord> {
  const project = await findProject(deps, projectName);
  if (project) return project;
  const name = projectName.slice(0, 60);
  const existing = (await listReadableProjects(deps)).slice(0, 20).map((one) => `${one.identifier} (${one.name})`);
  const projects = existing.join(", ");
  throw new GroundcrewError(
    "not_found",
    `There is no project "${name}". Create it with create_project. Existing projects: ${projects || "none"}.`,
    { refusal: { name: "unknownProject", values: { project: name, projects: projects || "–" } } },
  );
}
