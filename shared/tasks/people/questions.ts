/**
 * A question of an agent to a person: asked once, with a comment and a message, reminded of twice, answered once by a
 * button, a reply or a comment, and closed with its task. The agent's timer pauses meanwhile.
 */

import { z } from "zod";
import { isRunning, type TimeEntriesRecord } from "../../accounting/time-entries.ts";
import { createTimes, endEntries, findPause, isInWork, prepareTimes, startEntry } from "../../accounting/timer.ts";
import type { Deps, RequestKind, TaskDeps, WrittenRemark } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { createPostJob, type WorkJobBody } from "../../jobs/internal-jobs.ts";
import { escapeHtml, linkToPage } from "../../markdown/plain-text.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { toMarkdown } from "../../markdown/to-markdown.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { GROUNDCREW_SOURCE, shiftPlaneTime, toPlaneTime } from "../../plane/endpoint.ts";
import { commentsApi, type PlaneComment } from "../../plane/work-items.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import { type ClaimRecord, findClaim, readClaims } from "../../records/task-records.ts";
import {
  createRequest,
  findRequest,
  prepareDecision,
  publishRequest,
  readOpenRequests,
  readTaskRequests,
  restoreRequest,
} from "../../requests/requests.ts";
import { readWords } from "../../requests/words.ts";
import type { Job, Revision, StoredValue, StoreKey } from "../../store/port.ts";
import { mergeUpdates, updateValue, type ValueUpdate } from "../../store/records.ts";
import type { Urgency, WorkEvent } from "../../task/events.ts";
import { isRequestOpen, type NewRequest, type RequestOption, type RequestRecord } from "../../task/request.ts";
import { type ItemRecord, isOpen } from "../../task/snapshot.ts";
import { cleanLine, cleanText } from "../../text.ts";
import { DAY, HOUR, type Ms, SECOND } from "../../time.ts";
import { requireOwner } from "../access.ts";
import { type CallContext, createCallContext } from "../call-context.ts";
import { queueCardWrite } from "../card-record.ts";
import { renewClaim, renewOwnClaim, throwIfClaimLost } from "../claim-lease.ts";
import { findStoredTask } from "../find-task.ts";
import { getIdempotencyKey, postComment, toCommentHtml } from "../post-comment.ts";
import { WISH_TEXT_LIMIT, type WishMessage } from "../wishes.ts";
import { prepareWorkEvent } from "../work-events.ts";

type QuestionContent = Pick<RequestRecord, "from" | "text" | "options">;

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

/** Time for which a question about no task waits: 30 days. One about a task waits as long as its task is open. */
const DEADLINE_MS: Ms = 30 * DAY;

/** A question is a request whose answer is a person's own words, or one of the choices. */
export const QUESTION: RequestKind = {
  closesWithTask: true,
  getReminders: ({ urgency }) => REMINDERS[urgency],
  announce: announceQuestion,
  decide: prepareAnswer,
  async close(deps, { value: { id, from: agent, closed }, rev }, correlation) {
    if (closed?.why !== "expired") return {};
    const event = {
      kind: "answered",
      question: id,
      agent,
      text: "Nobody answered in time.",
      by: "Groundcrew",
    } as const;
    return prepareWorkEvent(deps, undefined, event, correlation, { record: workKeys.request(id), rev });
  },
};

/**
 * Asks the human with a comment on the item and a message. Repeating the call within ten minutes, or while the question
 * is open, returns the same question. The answer becomes a comment and wakes the agent.
 */
export async function askHuman(context: CallContext, task: Task, newQuestion: NewQuestion): Promise<RequestRecord> {
  const { deps, caller, correlation } = context;
  await requireOwner(context, task);
  if (!isOpen(task.item.snapshot.status))
    throw new GroundcrewError("conflict", `${task.key} is ${task.item.snapshot.status}. Ask only about open tasks.`);
  await throwIfClaimLost(context, task);
  await renewOwnClaim(context, task);
  const content = toQuestionContent(caller.name, newQuestion);
  const { text, options } = content;
  const questions = await readTaskQuestions(deps, task.id);
  const openQuestion = questions.find((other) => isRequestOpen(other) && isSameQuestion(other, content));
  if (openQuestion) return openQuestion;
  const choices = options.map(({ label }) => label);
  const id = await getIdempotencyKey(context, "ask", task.id, text, ...choices);
  const list = choices.length === 0 ? "" : `<ul>${choices.map((one) => `<li>${escapeHtml(one)}</li>`).join("")}</ul>`;
  const { publicUrl, locale } = deps.settings;
  const data = encodeURIComponent(JSON.stringify({ text, choices, urgency: content.urgency } satisfies NewQuestion));
  const link = linkToPage(publicUrl, `/inbox?request=${id}`, getTexts(locale).comments.question);
  const title = `<p data-groundcrew="${data}">${link}</p>`;
  const { postedAt } = await postComment(context, task, `ask:${id}`, title + (await toCommentHtml(text)) + list);
  const subject = { title: task.item.snapshot.name, item: task.id, key: task.key, url: task.url };
  const question = { id, subject, ...content, ...omitUndefined({ postedAt }) };
  return storeQuestion(deps, await createRequest(question, await deps.store.now()), correlation);
}

/**
 * Asks a question about no task, which replies to a person's message and waits for 30 days. Repeating the call within
 * ten minutes, or while the question is open, returns the same question.
 */
export async function askWithoutTask(
  context: CallContext,
  newQuestion: NewQuestion,
  message: WishMessage | undefined,
): Promise<RequestRecord> {
  const { deps, caller, correlation } = context;
  const content = toQuestionContent(caller.name, newQuestion);
  const openQuestion = (await readOpenRequests(deps, "question")).find(
    (other) => other.subject.item === undefined && isSameQuestion(other, content),
  );
  if (openQuestion) return openQuestion;
  const id = await getIdempotencyKey(
    context,
    "message_ask",
    content.text,
    ...content.options.map(({ label }) => label),
  );
  const now = await deps.store.now();
  const question = {
    id,
    subject: { title: "", ...omitUndefined({ message }) },
    ...content,
    deadline: now + DEADLINE_MS,
  };
  return storeQuestion(deps, await createRequest(question, now), correlation);
}

/**
 * Stores the questions about a task again that wait for an answer by their comments in Plane, after the store was lost.
 * People have been asked: the buttons of those messages have an effect again, and the reminders follow.
 */
export async function restoreQuestions(deps: TaskDeps, task: Task, agent: string, correlation: string): Promise<void> {
  const comments: PlaneComment[] = [];
  const params = { project: task.project.id, item: task.id };
  for await (const { data } of deps.plane.pages(commentsApi.list, { params })) comments.push(...data.results);
  const subject = { title: task.item.snapshot.name, item: task.id, key: task.key, url: task.url };
  for (const { external_source: source, external_id, comment_html, created_at: postedAt } of comments) {
    const [, id] = /^ask:([\w-]{1,36})$/.exec((source === GROUNDCREW_SOURCE && external_id) || "") ?? [];
    const given = id === undefined ? undefined : parseQuestionComment(comment_html);
    // What people write after a question answers it.
    const isAnswered = comments.some(
      (other) => other.created_at > postedAt && other.external_source !== GROUNDCREW_SOURCE,
    );
    const isPosted = comments.some((other) => other.external_id === `answer:${id}`);
    if (id === undefined || !given || isAnswered || isPosted) continue;
    const question = { id, subject, ...toQuestionContent(agent, given), postedAt };
    await restoreRequest(deps, await createRequest(question, Date.parse(postedAt)), correlation);
  }
}

/** Reads a question back from its comment; undefined when people have edited it. */
function parseQuestionComment(html: string): NewQuestion | undefined {
  const [, data = ""] = /<p data-groundcrew="([^"]*)">/.exec(html) ?? [];
  try {
    return newQuestionSchema.safeParse(JSON.parse(decodeURIComponent(data))).data;
  } catch {
    return undefined;
  }
}

/** Stores and publishes a question; returns the earlier one with this id where there is one. */
async function storeQuestion(deps: TaskDeps, question: RequestRecord, correlation: string): Promise<RequestRecord> {
  await publishRequest(deps, question, correlation);
  const { item } = question.subject;
  const task = item === undefined ? undefined : await findStoredTask(deps, item);
  if (task && (await syncTimer(deps, task))) await queueCardWrite(deps, task.id, correlation);
  return (await findRequest(deps, question.id))?.value ?? question;
}

async function announceQuestion(
  deps: TaskDeps,
  { value: question, rev }: StoredValue<RequestRecord>,
  correlation: string,
): Promise<ValueUpdate> {
  const { id, from: agent, text, urgency, reminders, subject, options } = question;
  const task = subject.item === undefined ? undefined : await findStoredTask(deps, subject.item);
  const choices = options.map(({ label }) => label);
  const event: WorkEvent = { kind: "asked", question: id, agent, text, choices, urgency, reminder: reminders };
  return prepareWorkEvent(deps, task, event, correlation, { record: workKeys.request(id), rev });
}

/** Prepares what an answer does: the agent is woken, and an answer about a task becomes a comment if it is not one. */
async function prepareAnswer(
  deps: TaskDeps,
  { value: question, rev }: Parameters<RequestKind["decide"]>[1],
  correlation: string,
): Promise<ValueUpdate | undefined> {
  const { id, from: agent, verdict } = question;
  const { item } = question.subject;
  const task = item === undefined ? undefined : await findStoredTask(deps, item);
  if (item !== undefined && !task) return undefined;
  // About a task, the rest is in the comment.
  const text = cleanLine(verdict.comment ?? "", item === undefined ? WISH_TEXT_LIMIT : 1_000);
  const event: WorkEvent = { kind: "answered", question: id, agent, text, by: verdict.by };
  const needsComment = item !== undefined && verdict.posted === undefined;
  const body = { type: "answer", request: id, correlation } as const;
  const jobs: Job[] = needsComment ? [createPostJob(`answer:${id}`, `work:${item}`, body)] : [];
  const update = await prepareWorkEvent(deps, task, event, correlation, { record: workKeys.request(id), rev, jobs });
  const afterCommit = async () => {
    await update.afterCommit?.();
    // While the question was open its claim was kept alive; from now on the agent must call to renew it.
    const claim = item === undefined ? undefined : await findClaim(deps, item);
    if (claim?.agent === agent) await renewClaim(deps, claim);
    if (task && (await syncTimer(deps, task))) await queueCardWrite(deps, task.id, correlation);
  };
  return { ...update, afterCommit };
}

/**
 * Prepares a comment as the answer to the latest question on its task that was older, by Plane's clock: a comment that
 * is observed late does not answer later questions. One of recurring work is answered by its choices only. Undefined when
 * it answers none; what sessions ask has another way (shared/tickets/approval.ts). Makes no request to Plane.
 */
export async function prepareAnswerFromComment(
  deps: TaskDeps,
  task: Task,
  { id: posted, by, comment: written, isByProgram }: WrittenRemark,
  correlation: string,
): Promise<{ question: RequestRecord; update: ValueUpdate } | undefined> {
  if (!written) return undefined;
  const questions = (await readTaskRequests(deps, task.id, "question")).filter(
    ({ value }) =>
      !value.session &&
      !(isByProgram && value.schedule !== undefined) &&
      isRequestOpen(value) &&
      getRequestTime(value) < written.createdAt,
  );
  const text = questions.length > 0 ? await toMarkdown(written.html) : "";
  const question = questions.findLast(({ value }) => readWords(value, text));
  const words = question && readWords(question.value, text);
  if (!words || text.trim() === "") return undefined;
  const decision = { ...words, hash: question.value.hash, by, where: "plane", posted } as const;
  const decided = await prepareDecision(deps, question, decision, correlation);
  const expect: [StoreKey, Revision][] = [[workKeys.request(question.value.id), question.rev]];
  return decided && { question: question.value, update: mergeUpdates([decided.update, { expect }]) };
}

/** When a request was made, by Plane's clock where it was written to Plane. */
export function getRequestTime({ postedAt, createdAt }: RequestRecord): string {
  return postedAt ?? shiftPlaneTime(toPlaneTime(new Date(createdAt).toISOString()), createdAt % SECOND);
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
    const [[claim], questions, now] = await Promise.all([
      readClaims(deps, [task.id]),
      readTaskQuestions(deps, task.id),
      deps.store.now(),
    ]);
    if (!claim || claim.value.until <= now) return { result: false };
    const times = stored ?? createTimes(task);
    const own = questions.filter(({ from }) => from === claim.value.agent);
    const next = alignTimes(times, task.item, claim.value, own, now);
    if (!next) return { result: false };
    const { expect, put } = await prepareTimes(deps, task, stored && { value: stored, rev }, next);
    return { expect: [...expect, [workKeys.claim(task.id), claim.rev]], put, result: true };
  });
}

/** The times as they should be; undefined when they are so already. */
function alignTimes(
  times: TimeEntriesRecord,
  item: ItemRecord,
  claim: ClaimRecord,
  questions: readonly RequestRecord[],
  now: Ms,
): TimeEntriesRecord | undefined {
  const running = times.entries.find((entry) => isRunning(entry, claim));
  if (running) {
    // A timer that was started after the question is one with which the agent goes on meanwhile.
    const askedAt = questions.find((one) => isRequestOpen(one) && one.createdAt > running.from)?.createdAt;
    if (askedAt === undefined) return undefined;
    const paused = { agent: claim.agent, since: claim.since, reason: "asked", at: askedAt } as const;
    return { ...endEntries(times, (entry) => entry === running, askedAt), paused };
  }
  const pause = findPause(times, claim);
  if (!isInWork(item) || pause?.reason === "stopped") return undefined;
  if (!pause) return startEntry(times, claim, now);
  const since = questions.filter(({ createdAt }) => createdAt >= pause.at);
  if (since.some(isRequestOpen)) return undefined;
  const resumed = Math.max(pause.at, ...since.map(({ verdict, closed }) => (verdict ?? closed)?.at ?? pause.at));
  return startEntry(times, claim, Math.min(now, resumed));
}

/** Reads the open and closed questions on an item, oldest first. */
export async function readTaskQuestions(deps: Pick<TaskDeps, "store">, item: string): Promise<RequestRecord[]> {
  return (await readTaskRequests(deps, item, "question")).map(({ value }) => value);
}

/** Cleans a question of characters that hide or reorder text, and drops choices that are repeated or empty. */
function toQuestionContent(from: string, { text, choices = [], urgency = "normal" }: NewQuestion) {
  const cleanChoices = choices.map((choice) => cleanLine(choice, 100));
  const labels = [...new Set(cleanChoices)].filter((choice) => choice !== "");
  const options: RequestOption[] = labels.map((label) => ({ label }));
  const cleaned = cleanText(text, QUESTION_TEXT_LIMIT);
  return { kind: "question", from, text: cleaned, options, urgency, input: [], answers: ["answer"] } satisfies Omit<
    NewRequest,
    "id" | "subject"
  >;
}

/** Whether two questions are the same one, asked again. */
function isSameQuestion(...questions: [QuestionContent, QuestionContent]): boolean {
  const [one, other] = questions.map(({ from, text, options }) => JSON.stringify([from, text, options]));
  return one === other;
}

/** Writes the answer as a comment on the item, on behalf of the person who gave it. */
export async function postAnswer(
  deps: TaskDeps,
  { request: id, correlation }: Extract<WorkJobBody, { type: "answer" }>,
): Promise<void> {
  const { verdict, subject } = (await findRequest(deps, id))?.value ?? {};
  const task = subject?.item === undefined ? undefined : await findStoredTask(deps, subject.item);
  if (!verdict || !task || task.item.removedAt !== undefined) return;
  const context = createCallContext(deps, { name: verdict.by, role: "human" }, correlation);
  const title = formatTemplate(getTexts(deps.settings.locale).comments.answer, { by: escapeHtml(verdict.by) });
  const html = `<p>${title}</p>${await toHtml(verdict.comment ?? "")}`;
  await postComment(context, task, `answer:${id}`, html);
}
