import { observedKeys } from "../../observe/store-keys.ts";
import type { KeptDependencyBlock } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Revision } from "../../store/port.ts";
import { isOpenItem } from "../../task/diff.ts";
import type { Status } from "../../task/snapshot.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { workSets } from "../context/work-keys.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { isManaged } from "../tasks/managed-tasks.ts";
import { type BlockCauses, findBlockCauses } from "./block-causes.ts";

/** A task that Groundcrew has blocked because of its blockers (OPENCLAW-14). */
export interface KeptStuck extends KeptDependencyBlock {
  item: string;
  for: BlockCauses;
  /** Part of the external ids of this episode's comments, so that each comment is written once. */
  episode: string;
}

type BlockStep = "nothing" | "block" | "release" | "excuse" | "forget";

/** A task with its stored record, and the step that follows from both. */
export interface BlockState {
  step: BlockStep;
  id: string;
  task?: Task;
  stuck?: KeptStuck;
  rev: Revision;
  causes: BlockCauses;
}

/** Reads the stored state of a task and chooses its next step. Makes no request to Plane. */
export async function readBlockState(deps: WorkDeps, id: string): Promise<BlockState> {
  const [task, [kept]] = await Promise.all([
    findKeptTask(deps, id),
    deps.store.read<KeptStuck>([observedKeys.dependencyBlock(id)]),
  ]);
  const isOpenTask = task !== undefined && isOpenItem(task.item);
  const causes = isOpenTask ? await findBlockCauses(deps, id) : {};
  const stuck = kept?.value;
  const wanted = isOpenTask ? chooseStep(task.item.snapshot.word, stuck, causes) : stuck ? "forget" : "nothing";
  // A task that was there before keeps its state until an agent works on it; a block that was begun is completed.
  const isNewBlock = wanted === "block" && stuck?.phase !== "blocking";
  const step = isNewBlock && task && !(await isManaged(deps, task)) ? "nothing" : wanted;
  return { step, id, ...omitUndefined({ task, stuck }), rev: kept?.rev ?? 0, causes };
}

function chooseStep(status: Status, stuck: KeptStuck | undefined, causes: BlockCauses): BlockStep {
  const hasCauses = Object.keys(causes).length > 0;
  const hasNewCauses = Object.keys(causes).some((blocker) => !stuck?.for[blocker]);
  switch (stuck?.phase) {
    case undefined:
      // A task that a person or an agent has blocked already stays as it is.
      return hasCauses && status !== "blocked" ? "block" : "nothing";
    case "blocking":
      return hasCauses ? "block" : "release";
    case "stuck":
      if (status !== "blocked") return hasCauses ? "excuse" : "forget";
      return !hasCauses ? "release" : hasNewCauses ? "block" : "nothing";
    case "releasing":
      return "release";
    case "excused":
      if (!hasCauses) return "forget";
      return hasNewCauses && status !== "blocked" ? "block" : "nothing";
  }
}

/** Saves or deletes the record. Returns its new revision, 0 after a concurrent change, and 1 for a deleted record. */
export async function saveStuck(
  { deps }: CallContext,
  { id, rev }: Pick<BlockState, "id" | "rev">,
  next: KeptStuck | undefined,
): Promise<Revision> {
  const key = observedKeys.dependencyBlock(id);
  const put = [{ key, value: next, ...omitUndefined({ sets: next ? [workSets.stuck] : undefined }) }];
  if ((await deps.store.commit({ expect: [[key, rev]], put })) !== "kept") return 0;
  if (!next) return 1;
  const [kept] = await deps.store.read([key]);
  return kept?.rev ?? 0;
}
