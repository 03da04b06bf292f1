/**
 * Creates tasks and changes them as callers give their fields: the work item, its blockers, the assignee and the card.
 * Repeating a call has no further effect.
 */

import { z } from "zod";
import type { PlannedEstimate } from "../config/sections-schema.ts";
import { GroundcrewError } from "../errors.ts";
import { toHtml } from "../markdown/to-html.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { GROUNDCREW_SOURCE } from "../plane/endpoint.ts";
import { PlaneConflictError } from "../plane/errors.ts";
import { workItemsApi } from "../plane/work-items.ts";
import type { ProjectRecord, Task } from "../records/plane-records.ts";
import { parseBlockedByText, removeBlockedByLines } from "../sync/dependency-edges.ts";
import { normalizeItem, observedItemSchema } from "../sync/normalize.ts";
import { observeItem } from "../sync/observe-item.ts";
import { PRIORITIES } from "../task/snapshot.ts";
import { MINUTE } from "../time.ts";
import { type Assignee, createAssignFields, getAssignee, type ItemFields, retryWithFreshLabels } from "./assignees.ts";
import { type CallContext, isAgent, withLock } from "./call-context.ts";
import { updateCard } from "./card-record.ts";
import {
  addBlockers,
  type BlockerChanges,
  changeBlockers,
  findBlockerChanges,
  renderBlockedByLine,
} from "./change-blockers.ts";
import {
  assignIfUnassigned,
  changeAssignee,
  changeTask,
  createSoleAssigneeFields,
  createUnassignFields,
  findReadyState,
} from "./change-task.ts";
import { findStoredTask, findTasks, getProjectByName, readFreshTask, refreshTask } from "./find-task.ts";
import type { NewTask } from "./plan-record.ts";
import { getIdempotencyKey } from "./post-comment.ts";
import {
  addTaskToGroups,
  cleanTitle,
  createProblemsError,
  type FieldProblem,
  findTaskProblems,
  toItemFields,
} from "./task-fields.ts";

const day = z.string().nullable().optional();

/** What to change of a task. Absent fields stay as they are; null removes a value. */
export const taskChangesSchema = z.object({
  title: z.string().optional(),
  text: z.string().optional().describe("whole description, Markdown"),
  /** An agent's name, or a person's e-mail address or display name. */
  assignee: z.string().nullable().optional(),
  priority: z.enum(PRIORITIES).optional(),
  start_date: day,
  due_date: day,
  add_blockers: z.array(z.string()).max(50).optional().describe("task keys"),
  remove_blockers: z.array(z.string()).max(50).optional(),
  /** Names of a cycle and a module of the project, which are created when there is none with the name. */
  cycle: z.string().optional(),
  module: z.string().optional(),
});

export type TaskChanges = z.infer<typeof taskChangesSchema>;

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
    const line = await renderBlockedByLine(context, blockers);
    const mustWait = blockers.length > 0 && line === "";
    const fields = await toItemFields(newTask, line);
    const task = await retryWithFreshLabels(context, project, async () => {
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
): Promise<Task> {
  const { deps, plane, correlation } = context;
  const startedAt = await deps.store.now();
  const state = fields.state ?? (isAgent(context.caller) ? await findReadyState(deps, project.id) : undefined);
  const json = { ...fields, ...omitUndefined({ state }), external_source: GROUNDCREW_SOURCE, external_id: id };
  let item: string;
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
  }
  const task = await findStoredTask(deps, item);
  if (!task)
    throw new GroundcrewError("internal", `"${fields.name}" was created in ${project.identifier}, but is not stored.`);
  return task;
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
  const estimate = omitUndefined({ cost, ms: minutes === undefined ? undefined : minutes * MINUTE });
  const hasEstimate = Object.keys(estimate).length > 0;
  const planned = assignee?.agent === undefined ? undefined : (true as const);
  if (planned || hasEstimate)
    await updateCard(context, task, omitUndefined({ planned, estimate: hasEstimate ? estimate : undefined }));
}

/**
 * Changes a task as the caller: its fields with one request, its blockers with another. Repeating the call has no
 * effect. Throws `bad_request` with all problems, and when tasks would wait for each other, before anything is written.
 */
export async function updateTask(context: CallContext, storedTask: Task, changes: TaskChanges): Promise<Task> {
  const problems = findChangeProblems(changes);
  if (problems.length > 0) throw createProblemsError("Nothing was changed", problems);
  const { add_blockers: added = [], remove_blockers: removed = [] } = changes;
  const blockers = await findBlockerChanges(context, storedTask, { added, removed });
  const assignee =
    typeof changes.assignee === "string" ? await getAssignee(context, changes.assignee) : changes.assignee;
  // Lists in Plane are replaced as a whole, so the current ones must be known.
  const task = await readFreshTask(context, storedTask);
  const changed = await retryWithFreshLabels(context, task.project, async () => {
    const { title, text, priority, start_date, due_date: target_date } = changes;
    const name = title === undefined ? undefined : cleanTitle(title);
    const description_html = await renderDescription(context, task, text, blockers);
    const texts: ItemFields = omitUndefined({ name, description_html, priority, start_date, target_date });
    const assigned = assignee ? await createSoleAssigneeFields(context, task, assignee) : undefined;
    if (assignee && assigned) return changeAssignee(context, task, assignee, { ...texts, ...assigned });
    const fields = { ...texts, ...(assignee === null ? await createUnassignFields(context, task) : {}) };
    return Object.keys(fields).length > 0 ? changeTask(context, task, fields) : task;
  });
  // With Groundcrew's key, outside of the agent's pace.
  await addTaskToGroups({ ...context, plane: context.systemPlane }, changed, changes);
  return changeBlockers(context, changed, blockers);
}

function findChangeProblems(changes: TaskChanges): FieldProblem[] {
  const { start_date, due_date } = changes;
  const refusal = { name: "invalidChange" } as const;
  if (Object.values(changes).every((value) => value === undefined))
    return [{ text: "give at least one field to change", refusal }];
  const problems = findTaskProblems(changes);
  const isReversed = start_date && due_date && start_date > due_date;
  return problems.length === 0 && isReversed ? [{ text: "start_date is after due_date", refusal }] : problems;
}

/** The new description; undefined when it does not change. Throws `conflict` for a line that people must edit. */
async function renderDescription(
  context: CallContext,
  { key, item }: Task,
  text: string | undefined,
  { added, removed }: BlockerChanges,
): Promise<string | undefined> {
  const newHtml = text === undefined ? undefined : await toHtml(text);
  const { relations } = await context.deps.plane.capabilities();
  if (relations || (newHtml === undefined && added.length + removed.length === 0)) return newHtml;
  const { description } = item.snapshot;
  const listKeys = (tasks: readonly Task[]) => tasks.map((task) => task.key.toUpperCase());
  const removedKeys = listKeys(removed);
  const named = new Set([...parseBlockedByText(description), ...listKeys(added)]);
  const remaining = [...named].filter((one) => !removedKeys.includes(one)).map((one) => ({ key: one }));
  const html = (newHtml ?? removeBlockedByLines(description)) + (await renderBlockedByLine(context, remaining));
  const stillNamed = parseBlockedByText(html).find((one) => removedKeys.includes(one));
  if (stillNamed === undefined) return html;
  throw new GroundcrewError(
    "conflict",
    `The description of ${key} names ${stillNamed} in a "Blocked by" line inside other text. Give the whole description in text.`,
    { refusal: { name: "blockerLine", values: { task: key, blocker: stillNamed } } },
  );
}
