/**
 * A question of an agent to a person: asked once, with a comment and a message, reminded of twice, answered once by a
 * button, a reply or a comment, and closed with its task. The agent's timer pauses meanwhile.
 */

import { z } from "zod";
import { isRunning, type TimeEntriesRecord } from "../../accounting/time-entries.ts";
import { createTimes, endEntries, findPause, isInWork, prepareTimes, startEntry } from "../../accounting/timer.ts";
import type { Deps, TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { createPostJob, createWorkJob, type WorkJobBody } from "../../jobs/work-jobs.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { toMarkdown } from "../../markdown/to-markdown.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { shiftPlaneTime, toPlaneTime } from "../../plane/endpoint.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys, workSets } from "../../records/store-keys.ts";
import { type ClaimRecord, findClaim } from "../../records/task-records.ts";
import type { Job, Put, Revision, StoredValue, StoreKey } from "../../store/port.ts";
import { updateValue, type ValueUpdate } from "../../store/records.ts";
import type { Urgency, WorkEvent } from "../../task/events.ts";
import { type ItemRecord, isOpen, isOpenItem } from "../../task/snapshot.ts";
import { cleanLine, cleanText } from "../../text.ts";
import { DAY, HOUR, type Ms, SECOND } from "../../time.ts";
import { requireOwner } from "../access.ts";
import { type CallContext, createCallContext } from "../call-context.ts";
import { queueCardWrite } from "../card-record.ts";
import { renewClaim, renewOwnClaim, throwIfClaimLost } from "../claim-lease.ts";
import { createComment, getIdempotencyKey, postComment, toCommentHtml } from "../comments.ts";
import { findStoredTask } from "../find-task.ts";
import type { WishMessage } from "../wishes.ts";
import { prepareWorkEvent, publishWorkEvent } from "../work-events.ts";

/** A question of an agent to the human. */
export interface QuestionRecord {
  id: string;
  /** Plane's id of the item; absent for a question that is about no task. */
  item?: string;
  agent: string;
  text: string;
  choices: string[];
  urgency: Urgency;
  /** The person's message that a question about no task replies to. */
  message?: WishMessage;
  /** Store time. */
  askedAt: Ms;
  /** Plane's time of the comment with the question; absent when an interrupted call had written it. */
  postedAt?: string;
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

type QuestionContent = Pick<QuestionRecord, "agent" | "text" | "choices">;

/** A person's answer. `comment` is Plane's id of the comment, when it came as one. */
interface QuestionAnswer {
  text: string;
  by: string;
  comment?: string;
}

/** Retention of an answered or closed question: 30 days, so that messages and details can still show it. */
const ANSWERED_MS: Ms = 30 * DAY;

/** Limit of a question in UTF-16 units; longer ones are truncated. */
export const QUESTION_TEXT_LIMIT = 2_000;

export const choicesSchema = z.array(z.string().min(1).max(100)).max(8);

/** What an agent asks; `urgency` is normal when it is absent. */
export const newQuestionSchema = z.object({
  text: z.string().min(1).max(QUESTION_TEXT_LIMIT),
  choices: choicesSchema.optional(),
  urgency: z.enum(["low", "normal", "high"]).optional(),
});

export type NewQuestion = z.infer<typeof newQuestionSchema>;

/** Intervals from the question to its two reminders, by urgency. */
const REMINDERS: Record<Urgency, readonly [Ms, Ms]> = {
  low: [4 * HOUR, DAY],
  normal: [HOUR, 6 * HOUR],
  high: [HOUR / 4, HOUR],
};

/** Retention of a question about no task that nobody answers: 30 days after its last reminder. */
const UNANSWERED_MS: Ms = 30 * DAY;

/**
 * Asks the human with a comment on the item and a message. Repeating the call within ten minutes, or while the question
 * is open, returns the same question. The answer becomes a comment and wakes the agent.
 */
export async function askHuman(context: CallContext, task: Task, newQuestion: NewQuestion): Promise<QuestionRecord> {
  const { deps, caller, correlation } = context;
  await requireOwner(context, task);
  if (!isOpen(task.item.snapshot.status))
    throw new GroundcrewError("conflict", `${task.key} is ${task.item.snapshot.status}. Ask only about open tasks.`);
  await throwIfClaimLost(context, task);
  await renewOwnClaim(context, task);
  const content = { agent: caller.name, ...toQuestionContent(newQuestion) };
  const { text, choices } = content;
  const questions = await readTaskQuestions(deps, task.id);
  const openQuestion = questions.find((other) => isQuestionOpen(other) && isSameQuestion(other, content));
  if (openQuestion) return openQuestion;
  const id = await getIdempotencyKey(context, "ask", task.id, text, ...choices);
  const choiceList =
    choices.length === 0 ? "" : `<ul>${choices.map((one) => `<li>${escapeHtml(one)}</li>`).join("")}</ul>`;
  const title = `<p>${getTexts(deps.settings.locale).comments.question}</p>`;
  const { postedAt } = await createComment(
    context,
    task,
    `ask:${id}`,
    title + (await toCommentHtml(text)) + choiceList,
  );
  const askedAt = await deps.store.now();
  const question: QuestionRecord = {
    ...{ id, item: task.id, ...content, askedAt, reminded: 0 },
    ...omitUndefined({ postedAt }),
  };
  await publishQuestion(deps, task, question, 0, correlation);
  if (await syncTimer(deps, task)) await queueCardWrite(deps, task.id, correlation);
  return (await findQuestion(deps, id))?.value ?? question;
}

/**
 * Stores the question and publishes it, in one commit with the job for its next reminder. A question about no task is
 * closed by nothing but its answer, so it expires.
 */
export async function publishQuestion(
  deps: TaskDeps,
  task: Task | undefined,
  question: QuestionRecord,
  rev: Revision,
  correlation: string,
): Promise<void> {
  const { id, agent, text, choices, urgency, reminded, item } = question;
  const event: WorkEvent = { kind: "asked", question: id, agent, text, choices, urgency, reminder: reminded };
  const reminderDelay = REMINDERS[urgency][reminded];
  const at = question.askedAt + (reminderDelay ?? 0);
  const body = { type: "remind", ...omitUndefined({ item }), question: id, after: reminded, correlation } as const;
  const jobs = reminderDelay === undefined ? [] : [createWorkJob(`remind:${id}:${reminded}`, `remind:${id}`, body, at)];
  const record = workKeys.question(id);
  const { questions, questionsOf } = workSets;
  const put: Put =
    item === undefined
      ? { key: record, value: question, sets: [questions], expires: UNANSWERED_MS }
      : { key: record, value: question, sets: [questions, questionsOf(item)] };
  await publishWorkEvent(deps, task, event, correlation, { record, rev, put: [put], jobs });
}

/** Sends a reminder of an unanswered question while its task, if it has one, is open. `after` is the number of earlier reminders. */
export async function remindQuestion(
  deps: TaskDeps,
  { question: id, after, correlation }: Extract<WorkJobBody, { type: "remind" }>,
): Promise<void> {
  const record = await findQuestion(deps, id);
  const item = record?.value.item;
  const task = item === undefined ? undefined : await findStoredTask(deps, item);
  // A job that is repeated after its reminder was stored finds a higher number of reminders and does nothing.
  if (!record || !isQuestionOpen(record.value) || record.value.reminded !== after) return;
  if (item !== undefined && !task) return;
  if (task && !isOpenItem(task.item)) return closeQuestions(deps, task.id);
  await publishQuestion(deps, task, { ...record.value, reminded: after + 1 }, record.rev, correlation);
}

/**
 * Records the human's answer once, and the agent is woken. `already`: the question was answered before; `unknown`: it
 * no longer exists, or its task is closed.
 */
export async function answerQuestion(
  deps: TaskDeps,
  id: string,
  answer: QuestionAnswer,
  correlation: string = deps.newId(),
): Promise<"answered" | "already" | "unknown"> {
  const record = workKeys.question(id);
  return updateValue<QuestionRecord, "answered" | "already" | "unknown">(deps, record, async (question, rev) => {
    if (!question || question.closed !== undefined) return { result: "unknown" };
    const { item } = question;
    const task = item === undefined ? undefined : await findStoredTask(deps, item);
    if (item !== undefined && !task) return { result: "unknown" };
    if (question.answer) return { result: "already" };
    return { ...(await prepareAnswer(deps, task, { value: question, rev }, answer, correlation)), result: "answered" };
  });
}

/**
 * Prepares the answer to an open question, for a commit that expects the question to be unchanged. The answer to a
 * question about a task becomes a comment, unless it came as one.
 */
async function prepareAnswer(
  deps: TaskDeps,
  task: Task | undefined,
  { value: question, rev }: StoredValue<QuestionRecord>,
  { text, by, comment }: QuestionAnswer,
  correlation: string,
): Promise<ValueUpdate & { put: Put[] }> {
  const { id, agent, item } = question;
  const answer = {
    text: cleanText(text, 4_000),
    by: cleanLine(by, 80),
    at: await deps.store.now(),
    ...omitUndefined({ comment }),
  };
  const event: WorkEvent = { kind: "answered", question: id, agent, text: cleanLine(text, 1_000), by: answer.by };
  const needsComment = item !== undefined && comment === undefined;
  const body = { type: "answer", item: item ?? "", question: id, correlation } as const;
  const jobs: Job[] = needsComment ? [createPostJob(`answer:${id}`, `work:${item}`, body)] : [];
  const put = [toEndedQuestionPut({ ...question, answer })];
  const record = workKeys.question(id);
  const update = await prepareWorkEvent(deps, task, event, correlation, { record, rev, put, jobs });
  const afterCommit = async () => {
    await update.afterCommit?.();
    // While the question was open its claim was kept alive; from now on the agent must call to renew it.
    const claim = item === undefined ? undefined : await findClaim(deps, item);
    if (claim?.agent === agent) await renewClaim(deps, claim);
    if (task && (await syncTimer(deps, task))) await queueCardWrite(deps, task.id, correlation);
  };
  return { ...update, afterCommit };
}

/** The put of a question that is no longer open; one about no task is in no set. */
function toEndedQuestionPut(question: QuestionRecord): Put {
  const sets = question.item === undefined ? [] : [workSets.questionsOf(question.item)];
  return { key: workKeys.question(question.id), value: question, sets, expires: ANSWERED_MS };
}

/**
 * Prepares a comment as the answer to the latest question on its task that was older, by Plane's clock: a comment that
 * is observed late does not answer later questions. Undefined when it answers none. Makes no request to Plane.
 */
export async function prepareAnswerFromComment(
  deps: TaskDeps,
  task: Task,
  { id: comment, by, html, createdAt }: { id: string; by: string; html: string; createdAt: string },
  correlation: string,
): Promise<{ agent: string; update: ValueUpdate } | undefined> {
  const { rows } = await deps.store.scan<QuestionRecord>(workSets.questionsOf(task.id));
  const [question] = rows
    .filter(({ value }) => isQuestionOpen(value) && getPostedAt(value) < createdAt)
    .sort((a, b) => b.value.askedAt - a.value.askedAt);
  const text = question ? await toMarkdown(html) : "";
  if (!question || text.trim() === "") return undefined;
  const update = await prepareAnswer(deps, task, question, { text, by, comment }, correlation);
  const expect: [StoreKey, Revision][] = [[question.key, question.rev]];
  return { agent: question.value.agent, update: { ...update, expect } };
}

/** When the question was written to Plane, by Plane's clock where it is known. */
function getPostedAt({ postedAt, askedAt }: QuestionRecord): string {
  return postedAt ?? shiftPlaneTime(toPlaneTime(new Date(askedAt).toISOString()), askedAt % SECOND);
}

/** Closes the open questions of a closed task, whose answers are no longer needed. */
export async function closeQuestions(deps: TaskDeps, item: string): Promise<void> {
  const openQuestions = (await readTaskQuestions(deps, item)).filter(isQuestionOpen);
  const task = openQuestions.length > 0 ? await findStoredTask(deps, item) : undefined;
  if (!task || isOpenItem(task.item)) return;
  const closedAt = await deps.store.now();
  for (const { id } of openQuestions) {
    await updateValue<QuestionRecord>(deps, workKeys.question(id), (question) =>
      // It may have been answered just now.
      question && isQuestionOpen(question)
        ? { put: [toEndedQuestionPut({ ...question, closed: closedAt })] }
        : undefined,
    );
  }
}

/**
 * Brings the timer of a held task in line with its state: it stops when the agent asks a human and starts again with
 * the answer, at the times of both, and it runs while the task is in progress. Called when either happens, and by the
 * claims tick, which repairs what a killed process did not do. True when something was changed.
 */
export async function syncTimer(
  deps: Pick<Deps, "store" | "settings">,
  task: Pick<Task, "id" | "key" | "project" | "item">,
): Promise<boolean> {
  return updateValue<TimeEntriesRecord, boolean>(deps, workKeys.time(task.id), async (stored, rev) => {
    const [claim, questions, now] = await Promise.all([
      findClaim(deps, task.id),
      readTaskQuestions(deps, task.id),
      deps.store.now(),
    ]);
    if (!claim || claim.until <= now) return { result: false };
    const times = stored ?? createTimes(task);
    const own = questions.filter(({ agent }) => agent === claim.agent);
    const next = alignTimes(times, task.item, claim, own, now);
    if (!next) return { result: false };
    return {
      ...(await prepareTimes(deps, task, stored && { value: stored, rev }, next)),
      fence: [workKeys.claim(task.id), claim.fence],
      result: true,
      resultIfFenced: false,
    };
  });
}

/** The times as they should be; undefined when they are so already. */
function alignTimes(
  times: TimeEntriesRecord,
  item: ItemRecord,
  claim: ClaimRecord,
  questions: readonly QuestionRecord[],
  now: Ms,
): TimeEntriesRecord | undefined {
  const running = times.entries.find((entry) => isRunning(entry, claim));
  if (running) {
    // A timer that was started after the question is one with which the agent goes on meanwhile.
    const askedAt = questions.find((question) => isQuestionOpen(question) && question.askedAt > running.from)?.askedAt;
    if (askedAt === undefined) return undefined;
    const paused = { agent: claim.agent, since: claim.since, reason: "asked", at: askedAt } as const;
    return { ...endEntries(times, (entry) => entry === running, askedAt), paused };
  }
  const pause = findPause(times, claim);
  if (!isInWork(item) || pause?.reason === "stopped") return undefined;
  if (!pause) return startEntry(times, claim, now);
  const since = questions.filter(({ askedAt }) => askedAt >= pause.at);
  if (since.some(isQuestionOpen)) return undefined;
  const resumed = Math.max(pause.at, ...since.map(({ answer, closed }) => answer?.at ?? closed ?? pause.at));
  return startEntry(times, claim, Math.min(now, resumed));
}

/** Reads the open and answered questions on an item, oldest first. */
export async function readTaskQuestions(deps: Pick<TaskDeps, "store">, item: string): Promise<QuestionRecord[]> {
  const { rows } = await deps.store.scan<QuestionRecord>(workSets.questionsOf(item));
  return rows.map((row) => row.value).sort((a, b) => a.askedAt - b.askedAt);
}

/** Finds a question by its id, with its revision. */
export async function findQuestion(
  deps: Pick<TaskDeps, "store">,
  id: string,
): Promise<StoredValue<QuestionRecord> | undefined> {
  const [stored] = await deps.store.read<QuestionRecord>([workKeys.question(id)]);
  return stored;
}

/** Whether the question can still be answered. */
export function isQuestionOpen({ answer, closed }: QuestionRecord): boolean {
  return answer === undefined && closed === undefined;
}

/** Cleans a question of characters that hide or reorder text, and drops choices that are repeated or empty. */
export function toQuestionContent({ text, choices = [], urgency = "normal" }: NewQuestion) {
  const cleanChoices = choices.map((choice) => cleanLine(choice, 100));
  return {
    text: cleanText(text, QUESTION_TEXT_LIMIT),
    choices: [...new Set(cleanChoices)].filter((choice) => choice !== ""),
    urgency,
  };
}

/** Whether two questions are the same one, asked again. */
export function isSameQuestion(one: QuestionContent, other: QuestionContent): boolean {
  const toFingerprint = ({ agent, text, choices }: QuestionContent) => JSON.stringify([agent, text, choices]);
  return toFingerprint(one) === toFingerprint(other);
}

/** Writes the answer as a comment on the item, on behalf of the person who gave it. */
export async function postAnswer(deps: TaskDeps, id: string, correlation: string): Promise<void> {
  const record = await findQuestion(deps, id);
  const task = record?.value.item === undefined ? undefined : await findStoredTask(deps, record.value.item);
  if (!record?.value.answer || !task || task.item.removedAt !== undefined) return;
  const { text, by } = record.value.answer;
  const context = createCallContext(deps, { name: by, role: "human" }, correlation);
  const title = formatTemplate(getTexts(deps.settings.locale).comments.answer, { by: escapeHtml(by) });
  const html = `<p>${title}</p>${await toHtml(text)}`;
  await postComment(context, task, `answer:${id}`, html);
}
