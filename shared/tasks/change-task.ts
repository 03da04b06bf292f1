/**
 * Every write to a work item: its fields, its status (which state or label means what) and its assignee, as the
 * caller, with the claim verified before and Plane's answer observed.
 */

import { z } from "zod";
import { GroundcrewError, getErrorMessage } from "../errors.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { type Endpoint, planeIdSchema as planeId } from "../plane/endpoint.ts";
import { PlaneInvalidError } from "../plane/errors.ts";
import { projectsApi, type statesApi as stateCalls } from "../plane/projects.ts";
import { workItemsApi } from "../plane/work-items.ts";
import type { Task } from "../records/plane-records.ts";
import { findPersonIdByEmail, readStates } from "../sync/names.ts";
import { normalizeItem, type ObservedItem, observedItemSchema } from "../sync/normalize.ts";
import { observeItem } from "../sync/observe-item.ts";
import { isOpen, type Snapshot, type Status, toStatus } from "../task/snapshot.ts";
import { HOUR, isRecent, type Ms } from "../time.ts";
import { markManaged } from "./access.ts";
import {
  type Assignee,
  applyLabelChange,
  createAssignFields,
  ensureMembers,
  forgetLabels,
  type ItemFields,
  type LabelChange,
  type LabelDeps,
  readNormalizedLabels,
  retryWithFreshLabels,
} from "./assignees.ts";
import type { CallContext } from "./call-context.ts";
import { findStoredTask, getReadStart, readFreshTask, refreshTask } from "./find-task.ts";

/** What must hold at the moment in which a write begins; each throws to refuse it. `requireClaim` also runs after it. */
interface WriteChecks {
  requireClaim?: (() => Promise<void>) | undefined;
  beforeSend?: (() => Promise<void>) | undefined;
}

/** The fields of a project's state that are needed to choose one. */
type ProjectState = Pick<z.infer<typeof stateCalls.create.answer>, "id" | "name" | "group" | "default" | "sequence">;

const updateEndpoint = { ...workItemsApi.update, answer: observedItemSchema } satisfies Endpoint<ObservedItem>;

/** The label that marks a task as blocked where the project has no state for it. */
const BLOCKED_LABEL = "blocked";

/** Retention of a project's cached states: 1 h, because people rarely add states. */
const STATES_CACHE_MS: Ms = HOUR;

const defaultAssigneeEndpoint = { ...projectsApi.get, answer: z.object({ default_assignee: planeId.nullish() }) };

/**
 * Changes a work item as the caller, observes Plane's answer and returns the updated task. When the claim expires during
 * the write, the item is read back and the call is refused. `beforeSend` may refuse the write at the last moment, after
 * the wait for Plane's quota.
 */
export async function changeTask(
  context: CallContext,
  task: Task,
  fields: ItemFields,
  { requireClaim, beforeSend }: WriteChecks = {},
): Promise<Task> {
  const { deps, plane, correlation } = context;
  await markManaged(context, task);
  const readStart = { since: 0, began: 0 };
  const { data } = await plane.call(updateEndpoint, {
    params: { project: task.project.id, item: task.id },
    json: { ...fields },
    async beforeSend() {
      await requireClaim?.();
      await beforeSend?.();
      Object.assign(readStart, await getReadStart(deps, task.id));
    },
  });
  const snapshot = await normalizeItem(deps, data);
  await requireClaim?.().catch(async (thrown: unknown) => {
    throw await createLateWriteError(context, task, thrown);
  });
  const emptied = (["assignees", "labels"] as const).filter((field) => fields[field]?.length === 0);
  const observation = { via: "read", snapshot, ...readStart, ended: await deps.store.now(), emptied } as const;
  const hint = await createActorHint(context, fields, snapshot);
  const source = { project: task.project, correlation, cause: `${correlation}:${readStart.since}` };
  const { rereadIn } = await observeItem(deps, task.id, observation, { ...source, ...omitUndefined({ hint }) });
  // Something else was observed while Plane answered. Only another read shows which of the two is newer.
  if (rereadIn === 0) await refreshTask(context, task);
  deps.notify();
  return (await findStoredTask(deps, task.id)) ?? task;
}

/** Extends the refusal of a claim that expired during a write with the status that Plane has now. */
async function createLateWriteError(context: CallContext, task: Task, error: unknown): Promise<unknown> {
  if (!(error instanceof GroundcrewError)) return error;
  await refreshTask(context, task);
  const currentStatus = (await findStoredTask(context.deps, task.id))?.item.snapshot.status ?? "deleted";
  return new GroundcrewError(
    error.code,
    `${getErrorMessage(error)} A change had already been sent: ${task.key} is ${currentStatus} in Plane now.`,
  );
}

/**
 * The actor hint that a webhook of this change would carry; a changed state takes precedence over other fields.
 * Undefined when the caller does not write with its own key.
 */
async function createActorHint({ deps, caller, usesOwnKey }: CallContext, fields: ItemFields, snapshot: Snapshot) {
  const agent = deps.settings.agents.find(({ name }) => name === caller.name);
  const id = usesOwnKey && agent ? await findPersonIdByEmail(deps, agent.email) : undefined;
  if (!agent || id === undefined) return undefined;
  const [field = null, value] =
    fields.state === undefined ? (Object.entries(fields)[0] ?? []) : ["state", snapshot.state];
  return { field, value, actor: { id, name: agent.name } };
}

/**
 * Moves a task to a status as the caller and returns the updated task. Makes no request when the task has the status
 * already. When a cached state or label has been deleted in Plane, tries once more with fresh ones.
 */
export async function moveToStatus(
  context: CallContext,
  task: Task,
  status: Status,
  { labels = {}, ...checks }: WriteChecks & { labels?: LabelChange } = {},
): Promise<Task> {
  const { deps } = context;
  const fields = await createStatusFields(deps, task, status, labels);
  if (Object.keys(fields).length === 0) return task;
  try {
    return await changeTask(context, task, fields, checks);
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError)) throw thrown;
    await Promise.all([deps.cache.removeItem(statesKey(task.project.id)), forgetLabels(deps, task.project.id)]);
    const freshFields = await createStatusFields(deps, task, status, labels);
    if (JSON.stringify(freshFields) === JSON.stringify(fields)) throw thrown;
    return changeTask(context, task, freshFields, checks);
  }
}

const statesKey = (project: string) => `states-of:${project}`;

/**
 * Assigns an unassigned task. A task that people have assigned or closed meanwhile stays as it is. `refused` says, for
 * people, why Plane does not accept the assignee.
 */
export async function assignIfUnassigned(context: CallContext, task: Task, assignee: Assignee | undefined) {
  if (!assignee || isAssignedTo(task, assignee) || !isOpen(task.item.snapshot.status)) return { task };
  if (!(await isUnassigned(context, task))) return { task };
  const assigned = await retryWithFreshLabels(context, task.project, async (isRetry) => {
    const current = isRetry ? await readFreshTask(context, task) : task;
    const fields = await createAssignFields(context, task.project, assignee);
    const labels = [...new Set([...current.item.snapshot.labels, ...(fields.labels ?? [])])];
    return changeAssignee(context, current, assignee, { ...fields, labels });
  });
  if (isAssignedTo(assigned, assignee)) return { task: assigned };
  const { identifier } = task.project;
  const refused = `Plane does not accept ${assignee.name} as the assignee of ${task.key}: ${assignee.name} is only a guest of ${identifier}, or was removed from it; a person must make them a member of that project`;
  return { task: assigned, refused };
}

const isAssignedTo = ({ item }: Task, { id }: Assignee) => item.snapshot.assignees.includes(id);

/** Whether a task has no assignee, or only the project's default assignee, which Plane sets by itself. */
async function isUnassigned({ systemPlane }: CallContext, { item, project }: Task): Promise<boolean> {
  const [first, ...others] = item.snapshot.assignees;
  if (first === undefined) return true;
  if (others.length > 0) return false;
  const { data } = await systemPlane.call(defaultAssigneeEndpoint, { params: { project: project.id } });
  return data.default_assignee === first;
}

/**
 * The fields of a PATCH that move a task to a status; none when it has that status already. The state stays when it
 * means the status by itself. `labels` are added and removed in the same PATCH; all other labels stay. Throws
 * `conflict` when no state of the project means the status.
 */
export async function createStatusFields(deps: LabelDeps, task: Task, status: Status, labels: LabelChange = {}) {
  const { snapshot } = task.item;
  const overrides = deps.settings.states;
  const states = await readProjectStates(deps, task.project.id);
  const getStateStatus = (state: ProjectState) => toStatus(state, [], overrides);
  const currentState = states.find(({ id }) => id === snapshot.state);
  const pickFirst = (wanted: Status) =>
    pickState(
      states.filter((state) => getStateStatus(state) === wanted),
      overrides[wanted],
    );

  const matchingState = currentState && getStateStatus(currentState) === status ? currentState : pickFirst(status);
  const usesLabel = status === "blocked" && !matchingState;
  const openState = currentState && isOpen(getStateStatus(currentState)) ? currentState : undefined;
  const state = usesLabel ? (openState ?? pickFirst("todo")) : matchingState;
  if (!state) {
    // People will add a state before they repeat the call, so the cached ones must not be used then.
    await deps.cache.removeItem(statesKey(task.project.id));
    const { name: project } = task.project;
    throw new GroundcrewError("conflict", `No state of ${project} in Plane means ${status}. A person must add one.`, {
      refusal: { name: "noState", values: { project, status } },
    });
  }
  const newLabels = await applyLabelChange(deps, task.project.id, snapshot.labels, {
    add: keepDefined([...(labels.add ?? []), usesLabel ? BLOCKED_LABEL : undefined]),
    drop: keepDefined([...(labels.drop ?? []), status === "blocked" ? undefined : BLOCKED_LABEL]),
  });
  return omitUndefined({ state: state.id !== snapshot.state ? state.id : undefined, labels: newLabels });
}

async function readProjectStates(deps: LabelDeps, project: string): Promise<ProjectState[]> {
  const cached = await deps.cache.getItem<{ at: Ms; states: ProjectState[] }>(statesKey(project));
  if (cached && isRecent(cached.at, STATES_CACHE_MS, deps.clock())) return cached.states;
  const states: ProjectState[] = await readStates(deps, project, { priority: "interactive" });
  await deps.cache.setItem(statesKey(project), { at: deps.clock(), states });
  return states;
}

/**
 * Chooses among states that mean the same: in the setting's order, else unstarted before backlog, the default first.
 */
function pickState(states: readonly ProjectState[], preferred: readonly string[] = []): ProjectState | undefined {
  const getPreference = ({ name }: ProjectState) => {
    const at = preferred.findIndex((other) => other.trim().toLowerCase() === name.trim().toLowerCase());
    return at < 0 ? preferred.length : at;
  };
  // Triage comes last, because tasks are not put there, and before it the backlog, because its tasks are not due yet.
  const rankGroup = ({ group }: ProjectState) => ["backlog", "triage"].indexOf(group);
  return [...states].sort(
    (a, b) =>
      getPreference(a) - getPreference(b) ||
      rankGroup(a) - rankGroup(b) ||
      Number(b.default) - Number(a.default) ||
      a.sequence - b.sequence,
  )[0];
}

/** Finds the id of the state for tasks that an agent may start: one that means todo and is not in the group Backlog. */
export async function findReadyState(deps: LabelDeps, project: string): Promise<string | undefined> {
  const overrides = deps.settings.states;
  const states = await readProjectStates(deps, project);
  const ready = states.filter((state) => state.group !== "backlog" && toStatus(state, [], overrides) === "todo");
  return pickState(ready, overrides.todo)?.id;
}

/**
 * Writes fields that contain a new assignee, and repeats the write when Plane has ignored the assignee: it does so
 * silently when the user is no longer a member of the project.
 */
export async function changeAssignee(context: CallContext, task: Task, assignee: Assignee, fields: ItemFields) {
  const assigned = await changeTask(context, task, fields);
  if (isAssignedTo(assigned, assignee)) return assigned;
  await ensureMembers(context, task.project, [assignee.id], { refresh: true });
  return changeTask(context, assigned, fields);
}

/**
 * The fields that make this user the only assignee and its label the only `agent:` label of a task; undefined when that
 * is already so. Other labels stay.
 */
export async function createSoleAssigneeFields(context: CallContext, task: Task, assignee: Assignee) {
  const { assignees, labels } = task.item.snapshot;
  const fields = await createAssignFields(context, task.project, assignee);
  const newLabels = [...new Set([...(await listOtherLabels(context, task)), ...(fields.labels ?? [])])];
  const isSole = assignees.length === 1 && assignees[0] === assignee.id;
  const hasLabels = labels.length === newLabels.length && labels.every((label) => newLabels.includes(label));
  return isSole && hasLabels ? undefined : { assignees: [assignee.id], labels: newLabels };
}

/** Lists the labels of a task without the labels `agent:<name>`. */
async function listOtherLabels({ deps }: CallContext, { item, project }: Task): Promise<string[]> {
  const { labels } = item.snapshot;
  const names = await readNormalizedLabels(deps, project.id, labels);
  return labels.filter((_, i) => !names[i]?.startsWith("agent:"));
}

/** The fields that remove all assignees and the labels `agent:<name>`. */
export async function createUnassignFields(context: CallContext, task: Task): Promise<ItemFields> {
  return { assignees: [], labels: await listOtherLabels(context, task) };
}
