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
import { findClaim, renewOwnClaim, throwIfClaimLost } from "../claims/claims.ts";
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
  /** How often it was asked again. */
  reminded: number;
  answer?: {
    text: string;
    by: string;
    at: Ms;
    /** Plane's id of the comment that was the answer. */
    comment?: string;
  };
  /** Its task was over before anybody answered. */
  closed?: Ms;
}

/** So long after it was asked, a question nobody has answered is asked again: twice at most. */
const REMINDERS: Record<Urgency, readonly [Ms, Ms]> = {
  low: [4 * HOUR, DAY],
  normal: [HOUR, 6 * HOUR],
  high: [HOUR / 4, HOUR],
};

/** An answered question can still be looked at for so long. */
const ANSWERED_MS: Ms = 30 * DAY;

/**
 * Asks the human: a comment on the item and a message; the same call within ten minutes, or while nobody has
 * answered, is the same question.
 * The answer comes as a comment and wakes the agent.
 */
export async function askHuman(context: CallContext, task: Task, newQuestion: NewQuestion): Promise<KeptQuestion> {
  const { deps, caller, correlation } = context;
  await requireOwner(context, task);
  if (!isOpen(task.item.snapshot.word))
    throw new GroundcrewError("conflict", `${task.key} is ${task.item.snapshot.word}: there is nothing left to ask.`);
  await throwIfClaimLost(context, task);
  await renewOwnClaim(context, task);
  const text = cleanText(newQuestion.text, 2_000);
  const cleanChoices = (newQuestion.choices ?? []).map((choice) => cleanLine(choice, 100));
  const choices = [...new Set(cleanChoices)].filter((choice) => choice !== "");
  const urgency = newQuestion.urgency ?? "normal";
  const fingerprint = JSON.stringify([caller.name, text, choices]);
  const isSame = (one: KeptQuestion) => JSON.stringify([one.agent, one.text, one.choices]) === fingerprint;
  const openQuestion = (await readTaskQuestions(deps, task.id)).find((one) => isQuestionOpen(one) && isSame(one));
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

/** The questions on an item, open and answered ones, the latest last. */
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
 * Takes the human's answer, once: it becomes a comment (unless it came as one: `comment`), and the agent is woken.
 * `already`: it was answered before; `unknown`: there is no such question any more, or its task is over.
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
      // From now on it is for the agent to call again.
      const claim = await findClaim(deps, item);
      if (claim?.agent === agent) await renewClaim(deps, claim);
    };
    return { ...update, result: "answered", afterCommit };
  });
}

/** The answer as a comment on the item, said by Groundcrew for whoever gave it. */
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

/** Asks again what nobody has answered while its task is still open; twice at most. `after` so many reminders. */
export async function remindQuestion(
  deps: WorkDeps,
  { question: id, after, correlation }: Extract<WorkJobBody, { do: "remind" }>,
): Promise<void> {
  const record = await findQuestion(deps, id);
  const task = record && (await findKeptTask(deps, record.value.item));
  // A job that is run once more after its reminder was kept finds that there is one more of them.
  if (!record || !task || !isQuestionOpen(record.value) || record.value.reminded !== after) return;
  if (!isTaskOpen(task)) return closeQuestions(deps, task.id);
  await publishQuestion(deps, task, { ...record.value, reminded: after + 1 }, record.rev, correlation);
}

/** The task is over: nobody needs an answer to its questions any more. */
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
    // Stale: it was answered in this moment.
    await deps.store.commit({ expect: [[key, record.rev]], put: [put] });
  }
}

/** Somebody may still answer it. */
export function isQuestionOpen({ answer, closed }: KeptQuestion): boolean {
  return answer === undefined && closed === undefined;
}

function isTaskOpen({ item }: Task): boolean {
  return item.gone === undefined && isOpen(item.snapshot.word);
}

/** Keeps the question as it is now and tells of it, in one commit with the next reminder. */
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
