import { isOpenItem } from "../../task/diff.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { findKeptTask } from "../tasks/find-task.ts";
import {
  ANSWERED_MS,
  findQuestion,
  getClosedQuestionSets,
  isQuestionOpen,
  readTaskQuestions,
} from "./question-record.ts";

/** Closes the open questions of a closed task, whose answers are no longer needed. */
export async function closeQuestions(deps: WorkDeps, item: string): Promise<void> {
  const openQuestions = (await readTaskQuestions(deps, item)).filter(isQuestionOpen);
  const task = openQuestions.length > 0 ? await findKeptTask(deps, item) : undefined;
  if (!task || isOpenItem(task.item)) return;
  const closedAt = await deps.store.now();
  for (const { id } of openQuestions) {
    const record = await findQuestion(deps, id);
    if (!record || !isQuestionOpen(record.value)) continue;
    const key = workKeys.question(id);
    const put = {
      key,
      value: { ...record.value, closed: closedAt },
      sets: getClosedQuestionSets(record.value),
      expires: ANSWERED_MS,
    };
    // A stale commit means that the question was answered just now.
    await deps.store.commit({ expect: [[key, record.rev]], put: [put] });
  }
}
