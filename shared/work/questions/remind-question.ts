import type { WorkJobBody } from "../../jobs/work-jobs.ts";
import { isOpenItem } from "../../task/diff.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { findKeptTask } from "../tasks/find-task.ts";
import { closeQuestions } from "./close-questions.ts";
import { publishQuestion } from "./publish-question.ts";
import { findQuestion, isQuestionOpen } from "./question-record.ts";

/** Sends a reminder of an unanswered question while its task, if it has one, is open. `after` is the number of earlier reminders. */
export async function remindQuestion(
  deps: WorkDeps,
  { question: id, after, correlation }: Extract<WorkJobBody, { do: "remind" }>,
): Promise<void> {
  const record = await findQuestion(deps, id);
  const item = record?.value.item;
  const task = item === undefined ? undefined : await findKeptTask(deps, item);
  // A job that is repeated after its reminder was stored finds a higher number of reminders and does nothing.
  if (!record || !isQuestionOpen(record.value) || record.value.reminded !== after) return;
  if (item !== undefined && !task) return;
  if (task && !isOpenItem(task.item)) return closeQuestions(deps, task.id);
  await publishQuestion(deps, task, { ...record.value, reminded: after + 1 }, record.rev, correlation);
}
