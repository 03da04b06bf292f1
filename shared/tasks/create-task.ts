/**
 * Creates a task as the caller, once even when the call is repeated: the work item, its blockers, its cycle and
 * module, its assignee and its card.
 */

import type { PlannedEstimate } from "../config/sections-schema.ts";
import { GroundcrewError } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { GROUNDCREW_SOURCE } from "../plane/endpoint.ts";
import { PlaneConflictError } from "../plane/errors.ts";
import { workItemsApi } from "../plane/work-items.ts";
import type { ProjectRecord, Task } from "../records/plane-records.ts";
import { normalizeItem, observedItemSchema } from "../sync/normalize.ts";
import { observeItem } from "../sync/observe-item.ts";
import { MINUTE } from "../time.ts";
import { type Assignee, createAssignFields, getAssignee, retryWithFreshLabels } from "./assignees.ts";
import { type CallContext, isAgent, withLock } from "./call-context.ts";
import { updateCard } from "./card-record.ts";
import { addBlockers, renderBlockedByLine } from "./change-blockers.ts";
import { assignIfUnassigned, findReadyState } from "./change-task.ts";
import { findStoredTask, findTasks, getProjectByName, refreshTask } from "./find-task.ts";
import type { NewTask } from "./plan-record.ts";
import { getIdempotencyKey } from "./post-comment.ts";
import {
  addTaskToGroups,
  createProblemsError,
  findTaskProblems,
  type ItemFields,
  toItemFields,
} from "./task-fields.ts";

const createEndpoint = { ...workItemsApi.create, answer: observedItemSchema };

/**
 * Creates one task as the caller; a repeated call within ten minutes returns the same task. A task with blockers is
 * assigned only after Plane has stored its dependencies. Throws `bad_request` with all problems.
 */
export async function createTask(context: CallContext, newTask: NewTask & { project: string }): Promise<Task> {
  const project = await getProjectByName(context, newTask.project);
  const problems = findTaskProblems(newTask);
  if (problems.length > 0) throw createProblemsError("The task was not created", problems);
  const assignee = newTask.assignee === undefined ? undefined : await getAssignee(context, newTask.assignee);
  const blockers = await findTasks(context, newTask.blocked_by ?? []);
  const id = await getIdempotencyKey(context, "create_task", project.id, JSON.stringify(newTask));
  return withLock(context, "task", id, async () => {
    const keys = blockers.map(({ key }) => key);
    const line = await renderBlockedByLine(context, keys);
    const mustWait = blockers.length > 0 && line === "";
    const fields = await toItemFields(newTask, line);
    const { task } = await retryWithFreshLabels(context, project, async () => {
      const assignFields = assignee && !mustWait ? await createAssignFields(context, project, assignee) : {};
      return createItem(context, project, `task:${id}`, { ...fields, ...assignFields });
    });
    const related = await addBlockers(context, task, blockers);
    await addTaskToGroups(context, task, newTask);
    const { task: assigned, refused } = await assignIfUnassigned(context, related, assignee);
    await addPlannedCard(context, assigned, assignee, newTask.estimate);
    if (!refused || !assignee) return assigned;
    const values = { name: assignee.name, task: assigned.key, project: assigned.project.identifier };
    throw new GroundcrewError("conflict", `${assigned.key} was created, but ${refused}.`, {
      refusal: { name: "guest", values },
    });
  });
}

/**
 * Creates a work item as the caller and observes it; returns the existing one when Plane has the external id `id`. What
 * an agent creates is meant to be done, so it is not put into Backlog, Plane's default, of which no agent is woken.
 */
export async function createItem(
  context: CallContext,
  project: ProjectRecord,
  id: string,
  fields: ItemFields & { name: string },
): Promise<{ task: Task; isNew: boolean }> {
  const { deps, plane, correlation } = context;
  const startedAt = await deps.store.now();
  const state = fields.state ?? (isAgent(context.caller) ? await findReadyState(deps, project.id) : undefined);
  const json = { ...fields, ...omitUndefined({ state }), external_source: GROUNDCREW_SOURCE, external_id: id };
  let item: string;
  let isNew = true;
  try {
    const { data } = await plane.call(createEndpoint, { params: { project: project.id }, json });
    const snapshot = await normalizeItem(deps, data);
    const observation = { via: "read", snapshot, since: 0, began: startedAt, ended: await deps.store.now() } as const;
    await observeItem(deps, data.id, observation, { project, correlation, cause: `${correlation}:${data.id}` });
    deps.notify();
    item = data.id;
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError) || thrown.id === undefined) throw thrown;
    item = await refreshExistingItem(context, project, thrown.id, fields.name);
    isNew = false;
  }
  const task = await findStoredTask(deps, item);
  if (!task)
    throw new GroundcrewError("internal", `"${fields.name}" was created in ${project.identifier}, but is not stored.`);
  return { task, isNew };
}

async function refreshExistingItem(context: CallContext, project: ProjectRecord, id: string, name: string) {
  try {
    await refreshTask(context, { id, project });
    return id;
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "not_found") throw thrown;
    const message = `"${name.slice(0, 80)}" was created in ${project.identifier} before and has since been archived or deleted. Give it another title to create it again.`;
    const values = { title: name.slice(0, 80), project: project.identifier };
    throw new GroundcrewError("conflict", message, { cause: thrown, refusal: { name: "existingTask", values } });
  }
}

/**
 * Gives a new task of an agent its card, with the estimate and the assumed confidence (OPENCLAW-11, 12). The estimate
 * of another task is kept for the card that it gets when an agent claims it.
 */
export async function addPlannedCard(
  context: CallContext,
  task: Task,
  assignee: Assignee | undefined,
  { minutes, cost }: PlannedEstimate = {},
): Promise<void> {
  const amounts = omitUndefined({ cost, ms: minutes !== undefined ? minutes * MINUTE : undefined });
  const update = omitUndefined({
    planned: assignee?.agent !== undefined ? (true as const) : undefined,
    estimate: Object.keys(amounts).length > 0 ? amounts : undefined,
  });
  if (Object.keys(update).length > 0) await updateCard(context, task, update);
}
