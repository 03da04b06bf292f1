import { GroundcrewError } from "../../errors.ts";
import { formatItemUrl } from "../../observe/event-facts.ts";
import { normalizeItem, singleItemEndpoint, singleItemQuery } from "../../observe/normalize.ts";
import { type ObserveDeps, observeItem } from "../../observe/observe-item.ts";
import { isReadableProject, listReadableProjects } from "../../observe/project-record.ts";
import { observedKeys, observedSets } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import type { PlaneClient } from "../../plane/client.ts";
import { PlaneAuthError, PlaneNotFoundError } from "../../plane/errors.ts";
import { workItemsApi } from "../../plane/work-items.ts";
import type { Revision } from "../../store/port.ts";
import { readAllRows } from "../../store/scan-set.ts";
import { isOpenItem } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { parseTaskKey, type TaskKey } from "../../task-key.ts";
import type { CallContext } from "../context/call-context.ts";
import { chooseClient } from "../context/choose-client.ts";
import { readHiddenTasks } from "../plan-runs/hidden-tasks.ts";

/** A stored work item with its key, project and URL. */
export interface Task {
  id: string;
  /** `ONB-12` */
  key: string;
  item: KeptItem;
  rev: Revision;
  project: KeptProject;
  /** URL of the item's page in Plane. */
  url: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

type FindDeps = Pick<ObserveDeps, "store"> & { settings: { plane?: { url: string; workspace: string } } };

/**
 * Finds a work item by its key (`ONB-12`) or Plane id. One that is not stored yet, such as a new one, is read from
 * Plane and observed. Throws `bad_request` for another reference, `not_found` for a removed or unknown item.
 */
export async function findTask(context: CallContext, reference: string): Promise<Task> {
  const name = reference.trim();
  const key = parseTaskKey(name);
  if (!key && !UUID.test(name))
    throw new GroundcrewError(
      "bad_request",
      `"${name.slice(0, 60)}" is not a valid task key. Give a key such as ONB-12.`,
      { refusal: { name: "invalidKey", values: { key: name.slice(0, 60) } } },
    );
  const { deps } = context;
  const id = key ? await findTaskId(deps, key) : name.toLowerCase();
  const existing = id === undefined ? undefined : await findKeptTask(deps, id);
  if (existing) return requirePresent(existing);
  const readId = key ? await readByKey(context, key.key) : undefined;
  const found = readId === undefined ? undefined : await findKeptTask(deps, readId);
  if (!found) throw createTaskNotFoundError(name);
  return requirePresent(found);
}

/** Finds the stored item with this id, also a removed one; undefined when it or its project is not stored. */
export async function findKeptTask(deps: FindDeps, id: string): Promise<Task | undefined> {
  const [item] = await deps.store.read<KeptItem>([observedKeys.item(id)]);
  if (!item) return undefined;
  const [project] = await deps.store.read<KeptProject>([observedKeys.project(item.value.snapshot.project)]);
  return project && toTask(deps, item.value, item.rev, project.value);
}

/** Finds the stored item with this id; undefined also when it was removed, is done or is cancelled. */
export async function findOpenTask(deps: FindDeps, id: string): Promise<Task | undefined> {
  const task = await findKeptTask(deps, id);
  return task && isOpenItem(task.item) ? task : undefined;
}

/** Combines a stored item and its project to a task. */
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

/** Reads an agent's open tasks in readable projects, without those of incomplete plans, in no particular order. */
export async function readAgentTasks(deps: FindDeps, agent: string): Promise<Task[]> {
  const isHidden = await readHiddenTasks(deps);
  const rows = (await readAllRows<KeptItem>(deps, observedSets.tasks(agent))).filter(({ value }) => !isHidden(value));
  const ids = [...new Set(rows.map(({ value }) => value.snapshot.project))];
  const kept = await deps.store.read<KeptProject>(ids.map(observedKeys.project));
  const projects = new Map(
    kept.flatMap((record) => (record && isReadableProject(record.value) ? [[record.value.id, record.value]] : [])),
  );
  return rows.flatMap(({ value, rev }) => {
    const project = projects.get(value.snapshot.project);
    return project ? [toTask(deps, value, rev, project)] : [];
  });
}

/** Finds a stored project by its identifier (`ONB`), name or Plane id; undefined when there is none. */
export async function findProject(deps: FindDeps, reference: string): Promise<KeptProject | undefined> {
  const wanted = reference.trim().toLowerCase();
  const projects = await listReadableProjects(deps);
  return (
    projects.find(({ identifier }) => identifier.toLowerCase() === wanted) ??
    projects.find(({ id }) => id === wanted) ??
    projects.find(({ name }) => name.toLowerCase() === wanted)
  );
}

async function findTaskId(deps: FindDeps, { identifier, number }: TaskKey): Promise<string | undefined> {
  const project = (await readAllRows<KeptProject>(deps, observedSets.projects)).find(
    ({ value }) => value.identifier.toUpperCase() === identifier,
  );
  if (!project) return undefined;
  const page = await deps.store.scan<KeptItem>(observedSets.numbered(project.value.id, number), undefined, 1);
  return page.rows[0]?.value.snapshot.id;
}

/** Reads an item by its key from Plane and observes it; returns its id when its project is readable. */
async function readByKey(context: CallContext, key: string): Promise<string | undefined> {
  const { deps } = context;
  const client = await chooseClient(context, 2);
  try {
    const { data: found } = await client.call(workItemsApi.byKey, { params: { key } });
    const id = typeof found.project === "string" ? found.project : found.project.id;
    const [project] = await deps.store.read<KeptProject>([observedKeys.project(id)]);
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

/** Limit of reads when other observations overtake them, which happens rarely. */
const MAX_READS = 3;

/**
 * Reads an item from Plane and observes it, so that the stored item is current. A read that was overtaken by another
 * observation is repeated. Throws `not_found` when the item no longer exists. `client`: the one of `chooseClient` when
 * the caller has chosen already.
 */
export async function refreshTask(
  context: CallContext,
  task: Pick<Task, "id" | "project">,
  client?: PlaneClient,
): Promise<void> {
  const reader = client ?? (await chooseClient(context));
  for (let reads = 1; (await refreshOnce(context, task, reader)) === "overtaken" && reads < MAX_READS; reads += 1);
}

async function refreshOnce(
  context: CallContext,
  { id, project }: Pick<Task, "id" | "project">,
  client: PlaneClient,
): Promise<"read" | "overtaken"> {
  const { deps, correlation } = context;
  const readStart = { since: 0, began: 0 };
  let knownItem: KeptItem | undefined;
  const source = () => ({ project, correlation, cause: `${readStart.since}.${readStart.began}` });
  const { data } = await client
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

/** Refreshes a task as `refreshTask` does and returns it. Throws `not_found` when it no longer exists. */
export async function readFreshTask(context: CallContext, task: Task): Promise<Task> {
  await refreshTask(context, task);
  return requirePresent((await findKeptTask(context.deps, task.id)) ?? task);
}

function requirePresent(task: Task): Task {
  if (!isReadableProject(task.project))
    throw new GroundcrewError(
      "not_found",
      `The project of ${task.key} was archived, deleted or hidden from Groundcrew in Plane. Take another task.`,
      { refusal: { name: "removedProject", values: { task: task.key } } },
    );
  if (task.item.gone === undefined) return task;
  throw new GroundcrewError("not_found", `${task.key} was deleted or archived in Plane. Take another task.`, {
    refusal: { name: "removedTask", values: { task: task.key } },
  });
}

function createTaskNotFoundError(name: string): GroundcrewError {
  return new GroundcrewError(
    "not_found",
    `There is no task ${name.slice(0, 60)} that Groundcrew can see. List your tasks with list_my_tasks.`,
    { refusal: { name: "unknownTask", values: { task: name.slice(0, 60) } } },
  );
}
