import { z } from "zod";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { observeBlockedByText } from "../../observe/blocked-by-text.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import { evaluateBlockers } from "../../observe/evaluate-blockers.ts";
import { normalizeItem, observedItemSchema } from "../../observe/normalize.ts";
import { observeItem } from "../../observe/observe-item.ts";
import { observeNewBlockers } from "../../observe/relations.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneConflictError, PlaneInvalidError } from "../../plane/errors.ts";
import { projectsApi } from "../../plane/projects.ts";
import { relationsApi } from "../../plane/relations.ts";
import { planeIdSchema as planeId } from "../../plane/schema.ts";
import { workItemsApi } from "../../plane/work-items.ts";
import type { CallContext } from "../context/call-context.ts";
import { isAgent } from "../context/caller.ts";
import { chooseClient } from "../context/choose-client.ts";
import { findKeptTask, readFreshTask, refreshTask, type Task } from "../tasks/find-task.ts";
import { type Assignee, ensureMembers } from "./assignees.ts";
import { changeTask, type ItemFields } from "./change-task.ts";
import { findReadyState } from "./move-to-status.ts";
import { forgetLabels, getOrCreateLabel } from "./project-labels.ts";

const createEndpoint = { ...workItemsApi.create, answer: observedItemSchema };
const defaultAssigneeEndpoint = { ...projectsApi.get, answer: z.object({ default_assignee: planeId.nullish() }) };

/**
 * Creates a work item as the caller and observes it; returns the existing one when Plane has the external id `id`. What an
 * agent creates is meant to be done, so it is not put into Backlog, Plane's default, of which no agent is woken.
 */
export async function createItem(
  context: CallContext,
  project: KeptProject,
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
    deps.kick();
    item = data.id;
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError) || thrown.id === undefined) throw thrown;
    item = await refreshExistingItem(context, project, thrown.id, fields.name);
    isNew = false;
  }
  const task = await findKeptTask(deps, item);
  if (!task)
    throw new GroundcrewError("internal", `"${fields.name}" was created in ${project.identifier}, but is not stored.`);
  return { task, isNew };
}

async function refreshExistingItem(
  context: CallContext,
  project: KeptProject,
  id: string,
  name: string,
): Promise<string> {
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
 * The `Blocked by:` line of a description in the language of comments, which replaces relations before Plane 1.3; ""
 * where Plane has relations.
 */
export async function renderBlockedByLine(
  { deps }: CallContext,
  blockers: readonly Pick<Task, "key">[],
): Promise<string> {
  if (blockers.length === 0 || (await deps.plane.capabilities()).relations) return "";
  const keys = blockers.map(({ key }) => escapeHtml(key)).join(", ");
  return `<p>${formatTemplate(getTexts(deps.settings.locale).comments.blockedBy, { keys })}</p>`;
}

/**
 * Adds the blockers of a task that we created: as relations where Plane has them, else from the `Blocked by:` line of
 * its description. Idempotent.
 */
export async function addBlockers(context: CallContext, task: Task, blockers: readonly Task[]): Promise<Task> {
  const { deps, correlation } = context;
  if (blockers.length === 0) return task;
  if (!(await deps.plane.capabilities()).relations) {
    await observeBlockedByText(deps, task.id, correlation);
    await evaluateBlockers(deps, task.id, correlation);
    return (await findKeptTask(deps, task.id)) ?? task;
  }
  const startedAt = await deps.store.now();
  const json = { relation_type: "blocked_by", issues: blockers.map(({ id }) => id) };
  const client = await chooseClient(context);
  await client.call(relationsApi.create, { params: { project: task.project.id, item: task.id }, json });
  const edges = new Map(blockers.map(({ id, project }) => [id, project.id]));
  await observeNewBlockers(deps, task.id, edges, startedAt, correlation);
  return (await findKeptTask(deps, task.id)) ?? task;
}

/** The fields of a create or PATCH that assign a task: the assignee and, for an agent, the label `agent:<name>`. */
export async function createAssignFields(
  context: CallContext,
  project: KeptProject,
  assignee: Assignee,
): Promise<ItemFields> {
  const { deps, systemPlane } = context;
  await ensureMembers(context, project, [assignee.id]);
  const label =
    assignee.agent && (await getOrCreateLabel({ ...deps, plane: systemPlane }, project.id, `agent:${assignee.agent}`));
  return { assignees: [assignee.id], ...omitUndefined({ labels: label ? [label] : undefined }) };
}

/**
 * Runs an action that writes labels. When Plane does not know one of them (people deleted it since they were listed),
 * runs it once more with labels that are listed and created again.
 */
export async function retryWithFreshLabels<T>(
  { deps }: CallContext,
  project: Pick<KeptProject, "id">,
  action: (isRetry: boolean) => Promise<T>,
): Promise<T> {
  try {
    return await action(false);
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError) || thrown.fields["labels"] === undefined) throw thrown;
    await forgetLabels(deps, project.id);
    return action(true);
  }
}

/**
 * Assigns an unassigned task. A task that people have assigned or closed meanwhile stays as it is. `refused` says, for
 * people, why Plane does not accept the assignee.
 */
export async function assignIfUnassigned(
  context: CallContext,
  task: Task,
  assignee: Assignee,
): Promise<{ task: Task; refused?: string }> {
  const { word } = task.item.snapshot;
  if (isAssignedTo(task, assignee) || word === "done" || word === "cancelled" || !(await isUnassigned(context, task)))
    return { task };
  const assigned = await addAssignee(context, task, assignee);
  if (isAssignedTo(assigned, assignee)) return { task: assigned };
  // Plane silently ignores assignees who are no longer members of the project.
  await ensureMembers(context, task.project, [assignee.id], { refresh: true });
  const reassigned = await addAssignee(context, assigned, assignee);
  if (isAssignedTo(reassigned, assignee)) return { task: reassigned };
  const { identifier } = task.project;
  const refused = `Plane does not accept ${assignee.name} as the assignee of ${task.key}: ${assignee.name} is only a guest of ${identifier}, or was removed from it; a person must make them a member of that project`;
  return { task: reassigned, refused };
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

async function addAssignee(context: CallContext, initialTask: Task, assignee: Assignee): Promise<Task> {
  return retryWithFreshLabels(context, initialTask.project, async (isRetry) => {
    const task = isRetry ? await readFreshTask(context, initialTask) : initialTask;
    const fields = await createAssignFields(context, task.project, assignee);
    const labels = [...new Set([...task.item.snapshot.labels, ...(fields.labels ?? [])])];
    return changeTask(context, task, { ...fields, labels });
  });
}
