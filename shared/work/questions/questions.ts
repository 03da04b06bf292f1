import { cleanLine, cleanText } from "../../clean-text.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { createWorkJob, type WorkJobBody } from "../../jobs/work-jobs.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Job, StoredValue } from "../../store/port.ts";
import { updateValue } from "../../store/update.ts";
import { isOpen } from "../../task/diff.ts";
import type { Urgency, WorkEvent } from "../../task/events.ts";
import { DAY, HOUR, type Ms } from "../../time.ts";
import { renewClaim } from "../claims/claim-lease.ts";
import { throwIfClaimLost } from "../claims/claim-preconditions.ts";
import { renewOwnClaim } from "../claims/claim-task.ts";
import { findClaim } from "../claims/find-claim.ts";
import { getIdempotencyKey, postComment, toCommentHtml } from "../comments/post-comment.ts";
import { type CallContext, createCallContext, type WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { prepareWorkEvent, publishWorkEvent } from "../tasks/publish-work-event.ts";
import { requireOwner } from "../tasks/require-owner.ts";

export interface NewQuestion {
  text: string;
  choices?: string[] | undefined;
  urgency?: Urgency | undefined;
}

/** A question of an agent to the human. */
export interface KeptQuestion {
  id: string;
  item: string;
  agent: string;
  text: string;
  choices: string[];
  urgency: Urgency;
  /** Store time. */
  asked: Ms;
  /** Number of reminders sent. */
  reminded: number;
  answer?: {
    text: string;
    by: string;
    at: Ms;
    /** Plane's id of the comment, when the answer came as one. */
    comment?: string;
  };
  /** Store time at which the task was closed before anybody answered. */
  closed?: Ms;
}

/** Intervals from the question to its two reminders, by urgency. */
const REMINDERS: Record<Urgency, readonly [Ms, Ms]> = {
  low: [4 * HOUR, DAY],
  normal: [HOUR, 6 * HOUR],
  high: [HOUR / 4, HOUR],
};

/** Retention of an answered or closed question: 30 days, so that messages and details can still show it. */
const ANSWERED_MS: Ms = 30 * DAY;

/**
 * Asks the human with a comment on the item and a message. Repeating the call within ten minutes, or while the question
 * is open, returns the same question. The answer becomes a comment and wakes the agent.
 */
export async function askHuman(context: CallContext, task: Task, newQuestion: NewQuestion): Promise<KeptQuestion> {
  const { deps, caller, correlation } = context;
  await requireOwner(context, task);
  if (!isOpen(task.item.snapshot.word))
    throw new GroundcrewError("conflict", `${task.key} is ${task.item.snapshot.word}. Ask only about open tasks.`);
  await throwIfClaimLost(context, task);
  await renewOwnClaim(context, task);
  const text = cleanText(newQuestion.text, 2_000);
  const cleanChoices = (newQuestion.choices ?? []).map((choice) => cleanLine(choice, 100));
  const choices = [...new Set(cleanChoices)].filter((choice) => choice !== "");
  const urgency = newQuestion.urgency ?? "normal";
  const fingerprint = JSON.stringify([caller.name, text, choices]);
  const isSame = (other: KeptQuestion) => JSON.stringify([other.agent, other.text, other.choices]) === fingerprint;
  const openQuestion = (await readTaskQuestions(deps, task.id)).find((other) => isQuestionOpen(other) && isSame(other));
  if (openQuestion) return openQuestion;
  const id = await getIdempotencyKey(context, "ask", task.id, text, ...choices);
  const choiceList =
    choices.length === 0 ? "" : `<ul>${choices.map((one) => `<li>${escapeHtml(one)}</li>`).join("")}</ul>`;
  await postComment(
    context,
    task,
    `ask:${id}`,
    `<p>${getTexts(deps.settings.locale).comments.question}</p>${await toCommentHtml(text)}${choiceList}`,
  );
  const askedAt = await deps.store.now();
  const question: KeptQuestion = {
    id,
    item: task.id,
    agent: caller.name,
    text,
    choices,
    urgency,
    asked: askedAt,
    reminded: 0,
  };
  await publishQuestion(deps, task, question, undefined, correlation);
  return (await findQuestion(deps, id))?.value ?? question;
}

/** Reads the open and answered questions on an item, oldest first. */
export async function readTaskQuestions(deps: Pick<WorkDeps, "store">, item: string): Promise<KeptQuestion[]> {
  const { rows } = await deps.store.scan<KeptQuestion>(workSets.questionsOf(item));
  return rows.map((row) => row.value).sort((a, b) => a.asked - b.asked);
}

export async function findQuestion(
  deps: Pick<WorkDeps, "store">,
  id: string,
): Promise<StoredValue<KeptQuestion> | undefined> {
  const [kept] = await deps.store.read<KeptQuestion>([workKeys.question(id)]);
  return kept;
}

/**
 * Records the human's answer once: it becomes a comment (unless it came as one: `comment`), and the agent is woken.
 * `already`: the question was answered before; `unknown`: it no longer exists, or its task is closed.
 */
export async function answerQuestion(
  deps: WorkDeps,
  id: string,
  { text, by, comment }: { text: string; by: string; comment?: string },
  correlation: string = deps.newId(),
): Promise<"answered" | "already" | "unknown"> {
  const record = workKeys.question(id);
  return updateValue<KeptQuestion, "answered" | "already" | "unknown">(deps, record, async (question, rev) => {
    const task = question && (await findKeptTask(deps, question.item));
    if (!question || !task || question.closed !== undefined) return { result: "unknown" };
    if (question.answer) return { result: "already" };
    const { agent, item } = question;
    const answer = {
      text: cleanText(text, 4_000),
      by: cleanLine(by, 80),
      at: await deps.store.now(),
      ...omitUndefined({ comment }),
    };
    const value: KeptQuestion = { ...question, answer };
    const event: WorkEvent = { kind: "answered", question: id, agent, text: cleanLine(text, 1_000), by: answer.by };
    const jobs: Job[] = comment
      ? []
      : [createWorkJob(`answer:${id}`, `work:${item}`, { do: "answer", item, question: id, correlation })];
    const put = [{ key: record, value, sets: [workSets.questionsOf(item)], expires: ANSWERED_MS }];
    const update = await prepareWorkEvent(deps, task, event, correlation, { record, rev, put, jobs });
    const afterCommit = async () => {
      await update.afterCommit?.();
      // While the question was open its claim was kept alive; from now on the agent must call to renew it.
      const claim = await findClaim(deps, item);
      if (claim?.agent === agent) await renewClaim(deps, claim);
    };
    return { ...update, result: "answered", afterCommit };
  });
}

/** Writes the answer as a comment on the item, on behalf of the person who gave it. */
export async function postAnswer(deps: WorkDeps, id: string, correlation: string): Promise<void> {
  const record = await findQuestion(deps, id);
  const task = record && (await findKeptTask(deps, record.value.item));
  if (!record?.value.answer || !task || task.item.gone !== undefined) return;
  const { text, by } = record.value.answer;
  const context = createCallContext(deps, { name: by, role: "human" }, correlation);
  const title = formatTemplate(getTexts(deps.settings.locale).comments.answer, { by: escapeHtml(by) });
  const html = `<p>${title}</p>${await toHtml(text)}`;
  await postComment(context, task, `answer:${id}`, html);
}

/** Sends a reminder of an unanswered question while its task is open. `after` is the number of earlier reminders. */
export async function remindQuestion(
  deps: WorkDeps,
  { question: id, after, correlation }: Extract<WorkJobBody, { do: "remind" }>,
): Promise<void> {
  const record = await findQuestion(deps, id);
  const task = record && (await findKeptTask(deps, record.value.item));
  // A job that is repeated after its reminder was stored finds a higher number of reminders and does nothing.
  if (!record || !task || !isQuestionOpen(record.value) || record.value.reminded !== after) return;
  if (!isTaskOpen(task)) return closeQuestions(deps, task.id);
  await publishQuestion(deps, task, { ...record.value, reminded: after + 1 }, record.rev, correlation);
}

/** Closes the open questions of a closed task, whose answers are no longer needed. */
export async function closeQuestions(deps: WorkDeps, item: string): Promise<void> {
  const openQuestions = (await readTaskQuestions(deps, item)).filter(isQuestionOpen);
  const task = openQuestions.length > 0 ? await findKeptTask(deps, item) : undefined;
  if (!task || isTaskOpen(task)) return;
  const closedAt = await deps.store.now();
  for (const { id } of openQuestions) {
    const record = await findQuestion(deps, id);
    if (!record || !isQuestionOpen(record.value)) continue;
    const key = workKeys.question(id);
    const put = {
      key,
      value: { ...record.value, closed: closedAt },
      sets: [workSets.questionsOf(item)],
      expires: ANSWERED_MS,
    };
    // A stale commit means that the question was answered just now.
    await deps.store.commit({ expect: [[key, record.rev]], put: [put] });
  }
}

/** Whether the question can still be answered. */
export function isQuestionOpen({ answer, closed }: KeptQuestion): boolean {
  return answer === undefined && closed === undefined;
}

function isTaskOpen({ item }: Task): boolean {
  return item.gone === undefined && isOpen(item.snapshot.word);
}

/** Stores the question and publishes it, in one commit with the job for its next reminder. */
async function publishQuestion(
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
