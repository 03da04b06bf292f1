import { GroundcrewError } from "../errors.ts";
import { observeLines } from "../observe/lines.ts";
import { evaluate, readRelations } from "../observe/relations.ts";
import { PlaneNotFoundError } from "../plane/errors.ts";
import { isOpen } from "../task/diff.ts";
import type { Word } from "../task/snapshot.ts";
import type { Acting } from "./acting.ts";
import type { KeptAttempt } from "./attempt.ts";
import { type Blocker, blockersOf } from "./blockers.ts";
import { mustNotBeInReview } from "./claims.ts";
import { keptTask, type Task } from "./find.ts";
import { workKeys } from "./keys.ts";
import type { KeptStuck } from "./stuck.ts";

/** Where an agent may bring its task from where it is (OPENCLAW-04). */
const WAYS: Record<Word, readonly Word[]> = {
  todo: ["in_progress", "blocked", "cancelled"],
  in_progress: ["in_progress", "done", "blocked", "cancelled", "todo"],
  blocked: ["in_progress", "todo", "cancelled"],
  done: [],
  cancelled: [],
};

/**
 * Throws `conflict` when an agent may not bring its task from where it is to this status, with what to do instead:
 * what is over stays over, work is started before it is finished, nothing starts before what it waits for, and who did
 * not block a task does not unblock it. `last`: the latest change of status.
 */
export async function mayMove(acting: Acting, task: Task, to: Word, last: KeptAttempt | undefined): Promise<void> {
  const { word } = task.item.snapshot;
  const refuse = (why: string) => new GroundcrewError("conflict", `${task.key} ${why}`);
  if (!isOpen(word)) throw refuse(`is ${word}: only people and the Concierge open it again, in Plane.`);
  mustNotBeInReview(task);
  if (!WAYS[word].includes(to)) {
    throw refuse(`is ${word}, so it cannot be ${to}: set it to in_progress first.`);
  }
  if (to === "in_progress") {
    const open = await openBlockers(acting, task);
    if (open !== "") throw refuse(`cannot be started: it waits for ${open}. Take another task.`);
  }
  if (word === "blocked" && to !== "cancelled") await mayUnblock(acting, task, last);
}

/**
 * The task with who it waits for now, where that matters: of a relation that was added Plane tells nobody, and those of
 * a new workspace are read one after the other. With Groundcrew's own key, one request; none before v1.3.
 */
export async function withBlockers(acting: Acting, task: Task, to: Word): Promise<Task> {
  if (to !== "in_progress" && to !== "done") return task;
  const { main, correlation } = acting;
  const deps = { ...acting.deps, plane: main };
  await readRelations(deps, task.item, { project: task.project, correlation, cause: correlation }).catch(
    (thrown: unknown) => {
      // The item was there a moment ago: this Plane has no such route.
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    },
  );
  await observeLines(deps, task.id, correlation);
  await evaluate(deps, task.id, correlation);
  return (await keptTask(deps, task.id)) ?? task;
}

/** The open blockers as `ONB-3 (in_progress)`; "" when there are none. */
export async function openBlockers({ deps }: Pick<Acting, "deps">, { item }: Pick<Task, "item">): Promise<string> {
  const known = await blockersOf(deps, [item]);
  const named = (blocker: Blocker | undefined) =>
    blocker ? `${blocker.key} (${blocker.word})` : "a task that cannot be read";
  return item.blockers.map((id) => named(known.get(id))).join(", ");
}

async function mayUnblock({ deps, caller }: Acting, task: Task, last: KeptAttempt | undefined): Promise<void> {
  const refuse = (why: string) => new GroundcrewError("conflict", `${task.key} is blocked: ${why}`);
  const [stuck] = await deps.store.read<KeptStuck>([workKeys.stuck(task.id)]);
  if (stuck && (stuck.value.phase === "blocking" || stuck.value.phase === "stuck"))
    throw refuse("what it waits for was cancelled or blocked, and the Concierge decides. Take another task.");
  const going = last?.unblocks === true && !last.over;
  const own = last?.agent === caller.name && (last.status === "blocked" || last.failed !== undefined || going);
  if (!own) throw refuse("somebody else marked it so, and they take that back. ask_human asks for it.");
}
