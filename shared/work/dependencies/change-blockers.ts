import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { ignoreDependencies, restoreDependencies } from "../../observe/ignored-dependencies.ts";
import { addBlockers } from "../changes/create-item.ts";
import { getIdempotencyKey, postComment } from "../comments/post-comment.ts";
import type { CallContext } from "../context/call-context.ts";
import { findKeptTask, findTask, type Task } from "../tasks/find-task.ts";
import { findWaitingPath } from "./find-waiting-path.ts";

/** The blockers to add to a task and to remove from it. */
export interface BlockerChanges {
  added: Task[];
  removed: Task[];
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

/** Writes the changed dependencies to Plane and observes them. Idempotent. */
export async function changeBlockers(
  context: CallContext,
  task: Task,
  { added, removed }: BlockerChanges,
): Promise<Task> {
  const { deps, correlation } = context;
  if (added.length > 0)
    await restoreDependencies(
      deps,
      task.id,
      added.map(({ id }) => id),
    );
  const related = await addBlockers(context, task, added);
  if (removed.length === 0) return related;
  await ignoreDependencies(
    deps,
    task.id,
    removed.map(({ id }) => id),
    correlation,
  );
  await postRemovedComment(context, task, removed);
  return (await findKeptTask(deps, task.id)) ?? related;
}

async function findTasks(context: CallContext, keys: readonly string[]): Promise<Task[]> {
  const tasks = new Map<string, Task>();
  for (const key of keys) {
    const task = await findTask(context, key);
    tasks.set(task.id, task);
  }
  return [...tasks.values()];
}

async function rejectCycle({ deps }: CallContext, task: Task, blocker: Task): Promise<void> {
  const path = await findWaitingPath(deps, blocker.id, task.id);
  if (!path) return;
  const tasks = await Promise.all(path.map((id) => findKeptTask(deps, id)));
  const cycle = [task.key, ...tasks.map((found) => found?.key ?? "a deleted task")];
  throw new GroundcrewError(
    "bad_request",
    `${task.key} cannot wait for ${blocker.key}: they would wait for each other (${cycle.join(" → ")}). Nothing was changed.`,
    {
      refusal: {
        name: "blockerCycle",
        values: { task: task.key, blocker: blocker.key, path: cycle.join(" → ") },
      },
    },
  );
}

/** Tells people on the task why it no longer waits. Written with Groundcrew's key, outside of the agent's pace. */
async function postRemovedComment(context: CallContext, task: Task, removed: readonly Task[]): Promise<void> {
  const { deps, caller, systemPlane } = context;
  const keys = removed.map(({ key }) => key);
  const id = await getIdempotencyKey(context, "remove_blockers", task.id, ...keys);
  const text = formatTemplate(getTexts(deps.settings.locale).comments.dependencyRemoved, {
    by: escapeHtml(caller.name),
    blockers: keys.map(escapeHtml).join(", "),
  });
  const systemContext: CallContext = { ...context, plane: systemPlane, usesOwnKey: true };
  await postComment(systemContext, task, `unblock:${id}`, `<p>${text}</p>`);
}
