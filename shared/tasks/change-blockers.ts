/**
 * The blockers of a task: written as relations, or as a `Blocked by:` line before Plane v1.3, added and removed as the
 * caller, never in a circle.
 */

import type { StoreDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { formatTemplate } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import { relationsApi } from "../plane/work-items.ts";
import type { EdgeRecord, Task } from "../records/plane-records.ts";
import { observedSets } from "../records/store-keys.ts";
import { readAllRows } from "../store/records.ts";
import { evaluateBlockers, ignoreDependencies, observeNewBlockers, restoreDependencies } from "../sync/blockers.ts";
import { observeBlockedByText } from "../sync/dependency-edges.ts";
import { type CallContext, chooseClient } from "./call-context.ts";
import { findStoredTask, findTasks } from "./find-task.ts";
import { getIdempotencyKey, postComment } from "./post-comment.ts";

/** The blockers to add to a task and to remove from it. */
export interface BlockerChanges {
  added: Task[];
  removed: Task[];
}

/** Writes the changed dependencies to Plane and observes them. Idempotent. */
export async function changeBlockers(context: CallContext, task: Task, { added, removed }: BlockerChanges) {
  const { deps, correlation } = context;
  const [addedIds, removedIds] = [added.map(({ id }) => id), removed.map(({ id }) => id)];
  if (added.length > 0) await restoreDependencies(deps, task.id, addedIds);
  const related = await addBlockers(context, task, added);
  if (removed.length === 0) return related;
  await ignoreDependencies(deps, task.id, removedIds, correlation);
  await postRemovedComment(context, task, removed);
  return (await findStoredTask(deps, task.id)) ?? related;
}

/** Tells people on the task why it no longer waits. Written with Groundcrew's key, outside of the agent's pace. */
async function postRemovedComment(context: CallContext, task: Task, removed: readonly Task[]): Promise<void> {
  const { deps, caller, systemPlane } = context;
  const keys = removed.map(({ key }) => key);
  const id = await getIdempotencyKey(context, "remove_blockers", task.id, ...keys);
  const values = { by: escapeHtml(caller.name), blockers: keys.map(escapeHtml).join(", ") };
  const text = formatTemplate(getTexts(deps.settings.locale).comments.dependencyRemoved, values);
  const systemContext: CallContext = { ...context, plane: systemPlane, usesOwnKey: true };
  await postComment(systemContext, task, `unblock:${id}`, `<p>${text}</p>`);
}

/**
 * Finds the tasks of a change of blockers. Throws `bad_request` for a task in both lists and for one that already waits
 * for this task, with the whole cycle that would result.
 */
export async function findBlockerChanges(
  context: CallContext,
  task: Task,
  keys: { added: readonly string[]; removed: readonly string[] },
): Promise<BlockerChanges> {
  const added = await findTasks(context, keys.added);
  const removed = await findTasks(context, keys.removed);
  const both = added.find(({ id }) => removed.some((other) => other.id === id));
  if (both)
    throw new GroundcrewError("bad_request", `${both.key} is in add_blockers and in remove_blockers. Give it once.`, {
      refusal: { name: "blockerTwice", values: { blocker: both.key } },
    });
  for (const blocker of added) await rejectCycle(context, task, blocker);
  return { added, removed };
}

async function rejectCycle({ deps }: CallContext, task: Task, blocker: Task): Promise<void> {
  const path = await findWaitingPath(deps, blocker.id, task.id);
  if (!path) return;
  const tasks = await Promise.all(path.map((id) => findStoredTask(deps, id)));
  const cycle = [task.key, ...tasks.map((found) => found?.key ?? "a deleted task")].join(" → ");
  throw new GroundcrewError(
    "bad_request",
    `${task.key} cannot wait for ${blocker.key}: they would wait for each other (${cycle}). Nothing was changed.`,
    { refusal: { name: "blockerCycle", values: { task: task.key, blocker: blocker.key, path: cycle } } },
  );
}

/**
 * Finds how one task waits for another: the ids from `from` to `to`, each waiting for the next one. Undefined when it
 * does not, directly or through others. Reads the stored dependencies, breadth first, so the path is a shortest one.
 */
async function findWaitingPath(deps: StoreDeps, from: string, to: string): Promise<string[] | undefined> {
  const previous = new Map<string, string | undefined>([[from, undefined]]);
  for (const id of previous.keys()) {
    if (id === to) {
      const path: string[] = [];
      for (let step: string | undefined = to; step !== undefined; step = previous.get(step)) path.unshift(step);
      return path;
    }
    const edges = await readAllRows<EdgeRecord>(deps, observedSets.blockers(id));
    // A Map that is extended while it is iterated also visits the new entries, in the order of their insertion.
    for (const { value } of edges) if (!previous.has(value.blocker)) previous.set(value.blocker, id);
  }
  return undefined;
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
  } else {
    const startedAt = await deps.store.now();
    const json = { relation_type: "blocked_by", issues: blockers.map(({ id }) => id) };
    const client = await chooseClient(context);
    await client.call(relationsApi.create, { params: { project: task.project.id, item: task.id }, json });
    const edges = new Map(blockers.map(({ id, project }) => [id, project.id]));
    await observeNewBlockers(deps, task.id, edges, startedAt, correlation);
  }
  return (await findStoredTask(deps, task.id)) ?? task;
}

/**
 * The `Blocked by:` line of a description in the language of comments, which replaces relations before Plane 1.3; ""
 * where Plane has relations.
 */
export async function renderBlockedByLine({ deps }: CallContext, blockers: readonly { key: string }[]) {
  if (blockers.length === 0 || (await deps.plane.capabilities()).relations) return "";
  const { blockedBy } = getTexts(deps.settings.locale).comments;
  return `<p>${formatTemplate(blockedBy, { keys: blockers.map(({ key }) => escapeHtml(key)).join(", ") })}</p>`;
}
