import { createWorkJob } from "../../jobs/work-jobs.ts";
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

/** Stores the question and publishes it, in one commit with the job for its next reminder. */
export async function publishQuestion(
  deps: WorkDeps,
  task: Task,
  question: KeptQuestion,
  rev: number | undefined,
  correlation: string,
): Promise<void> {
  const { id, agent, text, choices, urgency, reminded, item } = question;
  const event: WorkEvent = { kind: "asked", question: id, agent, text, choices, urgency, reminder: reminded };
  const reminderDelay = REMINDERS[urgency][reminded];
  const at = question.asked + (reminderDelay ?? 0);
  const reminderBody = { do: "remind", item, question: id, after: reminded, correlation } as const;
  const record = workKeys.question(id);
  await publishWorkEvent(deps, task, event, correlation, {
    record,
    rev: rev ?? 0,
    put: [{ key: record, value: question, sets: [workSets.questions, workSets.questionsOf(item)] }],
    jobs:
      reminderDelay === undefined ? [] : [createWorkJob(`remind:${id}:${reminded}`, `remind:${id}`, reminderBody, at)],
  });
}
