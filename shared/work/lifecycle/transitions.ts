import { GroundcrewError } from "../../errors.ts";
import { observeBlockedByText } from "../../observe/blocked-by-text.ts";
import { evaluateBlockers } from "../../observe/evaluate-blockers.ts";
import { readRelations } from "../../observe/relations.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import { PlaneNotFoundError } from "../../plane/errors.ts";
import { isOpen } from "../../task/diff.ts";
import type { Status } from "../../task/snapshot.ts";
import { requireNotInReview } from "../claims/claim-preconditions.ts";
import type { CallContext } from "../context/call-context.ts";
import type { KeptStuck } from "../dependencies/block-state.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { type Blocker, readOpenBlockers } from "../tasks/open-blockers.ts";
import type { KeptStatusAttempt } from "./status-attempt.ts";

/** The statuses to which an agent may change its task, by current status (OPENCLAW-04). */
const TRANSITIONS: Record<Status, readonly Status[]> = {
  todo: ["in_progress", "blocked", "cancelled"],
  in_progress: ["in_progress", "done", "blocked", "cancelled", "todo"],
  blocked: ["in_progress", "todo", "cancelled"],
  done: [],
  cancelled: [],
};

/**
 * Throws `conflict`, with what to do instead, when an agent may not change its task to this status: closed tasks stay
 * closed, work is started before it is finished, a task starts after its blockers are done, and an agent may unblock
 * only what it has blocked itself. `lastAttempt` is the latest change of status.
 */
export async function requireTransition(
  context: CallContext,
  task: Task,
  target: Status,
  lastAttempt: KeptStatusAttempt | undefined,
): Promise<void> {
  const { word } = task.item.snapshot;
  const createRefusal = (why: string) => new GroundcrewError("conflict", `${task.key} ${why}`);
  if (!isOpen(word)) throw createRefusal(`is ${word}. Only people and the Concierge can reopen it, in Plane.`);
  requireNotInReview(task);
  if (!TRANSITIONS[word].includes(target)) {
    throw createRefusal(`is ${word}, so it cannot be set to ${target}. Set it to in_progress first.`);
  }
  if (target === "in_progress") {
    const openBlockerText = await formatOpenBlockers(context, task);
    if (openBlockerText !== "")
      throw createRefusal(`cannot be started: it waits for ${openBlockerText}. Take another task.`);
  }
  if (word === "blocked" && target !== "cancelled") await requireUnblockable(context, task, lastAttempt);
}

/**
 * Returns the task with its current blockers when the target status depends on them: Plane sends no webhook for a new
 * relation, and the relations of a new workspace are read one after the other. One request with Groundcrew's own key,
 * none before v1.3.
 */
export async function refreshBlockers(context: CallContext, task: Task, target: Status): Promise<Task> {
  if (target !== "in_progress" && target !== "done") return task;
  const { systemPlane, correlation } = context;
  const deps = { ...context.deps, plane: systemPlane };
  await readRelations(deps, task.item, { project: task.project, correlation, cause: correlation }).catch(
    (thrown: unknown) => {
      // The item existed a moment ago, so this version of Plane does not have the route.
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    },
  );
  await observeBlockedByText(deps, task.id, correlation);
  await evaluateBlockers(deps, task.id, correlation);
  return (await findKeptTask(deps, task.id)) ?? task;
}

/** The open blockers as `ONB-3 (in_progress)`; "" when there are none. */
export async function formatOpenBlockers(
  { deps }: Pick<CallContext, "deps">,
  { item }: Pick<Task, "item">,
): Promise<string> {
  const blockersById = await readOpenBlockers(deps, [item]);
  const formatBlocker = (blocker: Blocker | undefined) =>
    blocker ? `${blocker.key} (${blocker.status})` : "a task that cannot be read";
  return item.blockers.map((id) => formatBlocker(blockersById.get(id))).join(", ");
}

async function requireUnblockable(
  { deps, caller }: CallContext,
  task: Task,
  lastAttempt: KeptStatusAttempt | undefined,
): Promise<void> {
  const createRefusal = (why: string) => new GroundcrewError("conflict", `${task.key} is blocked: ${why}`);
  const [stuck] = await deps.store.read<KeptStuck>([observedKeys.dependencyBlock(task.id)]);
  if (stuck && (stuck.value.phase === "blocking" || stuck.value.phase === "stuck"))
    throw createRefusal("a blocker was cancelled or blocked, and the Concierge decides. Take another task.");
  const isUnblocking = lastAttempt?.unblocks === true && !lastAttempt.over;
  const isOwnBlock =
    lastAttempt?.agent === caller.name &&
    (lastAttempt.status === "blocked" || lastAttempt.failed !== undefined || isUnblocking);
  if (!isOwnBlock) throw createRefusal("somebody else blocked it and must unblock it. Ask with ask_human.");
}
