import { createWorkJob } from "../../jobs/work-jobs.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Put } from "../../store/port.ts";
import type { Urgency, WorkEvent } from "../../task/events.ts";
import { DAY, HOUR, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { publishWorkEvent } from "../tasks/publish-work-event.ts";
import type { KeptQuestion } from "./question-record.ts";

/** Intervals from the question to its two reminders, by urgency. */
const REMINDERS: Record<Urgency, readonly [Ms, Ms]> = {
  low: [4 * HOUR, DAY],
  normal: [HOUR, 6 * HOUR],
  high: [HOUR / 4, HOUR],
};

/** Retention of a question about no task that nobody answers: 30 days after its last reminder. */
const UNANSWERED_MS: Ms = 30 * DAY;

/**
 * Stores the question and publishes it, in one commit with the job for its next reminder. A question about no task is
 * closed by nothing but its answer, so it expires.
 */
export async function publishQuestion(
  deps: WorkDeps,
  task: Task | undefined,
  question: KeptQuestion,
  rev: number | undefined,
  correlation: string,
): Promise<void> {
  const { id, agent, text, choices, urgency, reminded, item } = question;
  const event: WorkEvent = { kind: "asked", question: id, agent, text, choices, urgency, reminder: reminded };
  const reminderDelay = REMINDERS[urgency][reminded];
  const at = question.asked + (reminderDelay ?? 0);
  const reminderBody = {
    do: "remind",
    ...omitUndefined({ item }),
    question: id,
    after: reminded,
    correlation,
  } as const;
  const record = workKeys.question(id);
  const put: Put =
    item === undefined
      ? { key: record, value: question, sets: [workSets.questions], expires: UNANSWERED_MS }
      : { key: record, value: question, sets: [workSets.questions, workSets.questionsOf(item)] };
  await publishWorkEvent(deps, task, event, correlation, {
    record,
    rev: rev ?? 0,
    put: [put],
    jobs:
      reminderDelay === undefined ? [] : [createWorkJob(`remind:${id}:${reminded}`, `remind:${id}`, reminderBody, at)],
  });
}
