import { evaluateBlockers } from "../../observe/evaluate-blockers.ts";
import { readRelations } from "../../observe/relations.ts";
import type { CallContext } from "../context/call-context.ts";
import { findKeptTask, type Task } from "./find-task.ts";

/**
 * Returns the task with its blockers known: reads them from Plane when the first look at its project has not come to
 * them yet, with one request.
 */
export async function readUnknownBlockers(context: CallContext, task: Task): Promise<Task> {
  if (!task.item.blockersUnknown) return task;
  const { deps, correlation, systemPlane } = context;
  const source = { project: task.project, correlation, cause: correlation };
  await readRelations({ ...deps, plane: systemPlane }, task.item, source);
  await evaluateBlockers(deps, task.id, correlation);
  return (await findKeptTask(deps, task.id)) ?? task;
}
