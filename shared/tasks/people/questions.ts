/**
 * A question of an agent to a person: asked once, with a comment and a message, reminded of twice, answered once by a
 * button, a reply or a comment, and closed with its task. The agent's timer pauses meanwhile.
 */

import { z } from "zod";
import { isRunning, type TimeEntriesRecord } from "../../accounting/time-entries.ts";
import { changeTimes, endEntries, findPause, isInWork, startEntry } from "../../accounting/timer.ts";
import type { Deps, RequestKind, StoreDeps, TaskDeps, WrittenRemark } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { createPostJob, type WorkJobBody } from "../../jobs/internal-jobs.ts";
import { escapeHtml, linkToPage } from "../../markdown/plain-text.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { toMarkdown } from "../../markdown/to-markdown.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { GROUNDCREW_SOURCE, readList, shiftPlaneTime, toPlaneTime } from "../../plane/endpoint.ts";
import { commentsApi } from "../../plane/work-items.ts";
import { type ClaimRecord, findClaim } from "../../records/claim-record.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
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
import type { StoredValue } from "../../store/port.ts";
import { mergeUpdates, type ValueUpdate } from "../../store/records.ts";
import type { Urgency, WorkEvent } from "../../task/events.ts";
import { isRequestOpen, type RequestRecord } from "../../task/request.ts";
import { type ItemRecord, isOpen } from "../../task/snapshot.ts";
import { cleanLine, cleanText } from "../../text.ts";
import { DAY, HOUR, type Ms, SECOND } from "../../time.ts";
import { requireOwner } from "../access.ts";
import { type CallContext, createCallContext } from "../call-context.ts";
import { queueCardWrite } from "../card-record.ts";
import { renewClaim, renewOwnClaim, throwIfClaimLost } from "../claims.ts";
import { findPresentTask, findStoredTask, toRequestSubject } from "../find-task.ts";
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
    const answer = { text: "Nobody answered in time.", by: "Groundcrew" };
    const event = { kind: "answered", question: id, agent, ...answer } as const;
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
  const { text, urgency } = content;
  const questions = await readTaskQuestions(deps, task.id);
  const openQuestion = questions.find((other) => isRequestOpen(other) && isSameQuestion(other, content));
  if (openQuestion) return openQuestion;
  const choices = listChoices(content);
  const id = await getIdempotencyKey(context, "ask", task.id, text, ...choices);
  const list = choices.length === 0 ? "" : `<ul>${choices.map((one) => `<li>${escapeHtml(one)}</li>`).join("")}</ul>`;
  const { publicUrl, locale } = deps.settings;
  const data = encodeURIComponent(JSON.stringify({ text, choices, urgency } satisfies NewQuestion));
  const link = linkToPage(publicUrl, `/inbox?request=${id}`, getTexts(locale).comments.question);
  const title = `<p data-groundcrew="${data}">${link}</p>`;
  const { postedAt } = await postComment(context, task, `ask:${id}`, title + (await toCommentHtml(text)) + list);
  const question = { id, subject: toRequestSubject(task), ...content, ...omitUndefined({ postedAt }) };
  return storeQuestion(deps, await createRequest(question, await deps.store.now()), correlation);
}

/**
 * Asks a question about no task, which replies to a person's message and waits for 30 days. Repeating the call within
 * ten minutes, or while the question is open, returns the same question.
 */
export async function askWithoutTask(context: CallContext, newQuestion: NewQuestion, message: WishMessage | undefined) {
  const { deps, caller, correlation } = context;
  const content = toQuestionContent(caller.name, newQuestion);
  const openQuestion = (await readOpenRequests(deps, "question")).find(
    (other) => other.subject.item === undefined && isSameQuestion(other, content),
  );
  if (openQuestion) return openQuestion;
  const id = await getIdempotencyKey(context, "message_ask", content.text, ...listChoices(content));
  const now = await deps.store.now();
  const subject = { title: "", ...omitUndefined({ message }) };
  const question = { id, subject, ...content, deadline: now + DEADLINE_MS };
  return storeQuestion(deps, await createRequest(question, now), correlation);
}

/**
 * Stores the questions about a task again that wait for an answer by their comments in Plane, after the store was lost.
 * People have been asked: the buttons of those messages have an effect again, and the reminders follow.
 */
export async function restoreQuestions(deps: TaskDeps, task: Task, agent: string, correlation: string): Promise<void> {
  const params = { project: task.project.id, item: task.id };
  const { rows: comments } = await readList(deps.plane, commentsApi.list, { params });
  for (const { external_source: source, external_id, comment_html, created_at: postedAt } of comments) {
    const [, id] = /^ask:([\w-]{1,36})$/.exec((source === GROUNDCREW_SOURCE && external_id) || "") ?? [];
    const given = id === undefined ? undefined : parseQuestionComment(comment_html);
    // What people write after a question answers it.
    const isAnswered = comments.some(
      (other) => other.created_at > postedAt && other.external_source !== GROUNDCREW_SOURCE,
    );
    const isPosted = comments.some((other) => other.external_id === `answer:${id}`);
    if (id === undefined || !given || isAnswered || isPosted) continue;
    const question = { id, subject: toRequestSubject(task), ...toQuestionContent(agent, given), postedAt };
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
  await showPause(deps, await findStoredTask(deps, question.subject.item), correlation);
  return (await findRequest(deps, question.id))?.value ?? question;
}

/** Brings the timer of the question's task in line, and shows that on the card. */
async function showPause(deps: TaskDeps, task: Task | undefined, correlation: string): Promise<void> {
  if (task && (await syncTimer(deps, task))) await queueCardWrite(deps, task.id, correlation);
}

async function announceQuestion(
  deps: TaskDeps,
  { value: question, rev }: StoredValue<RequestRecord>,
  correlation: string,
): Promise<ValueUpdate> {
  const { id, from: agent, text, urgency, reminders: reminder, subject } = question;
  const task = await findStoredTask(deps, subject.item);
  const choices = listChoices(question);
  const event: WorkEvent = { kind: "asked", question: id, agent, text, choices, urgency, reminder };
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
  const task = await findStoredTask(deps, item);
  if (item !== undefined && !task) return undefined;
  // About a task, the rest is in the comment.
  const text = cleanLine(verdict.comment ?? "", item === undefined ? WISH_TEXT_LIMIT : 1_000);
  const event: WorkEvent = { kind: "answered", question: id, agent, text, by: verdict.by };
  const body = { type: "answer", request: id, correlation } as const;
  const jobs = task && !verdict.posted ? [createPostJob(`answer:${id}`, `work:${item}`, body)] : [];
  const update = await prepareWorkEvent(deps, task, event, correlation, { record: workKeys.request(id), rev, jobs });
  const afterCommit = async () => {
    update.afterCommit();
    // While the question was open its claim was kept alive; from now on the agent must call to renew it.
    const claim = task && (await findClaim(deps, task.id));
    if (claim?.agent === agent) await renewClaim(deps, claim);
    await showPause(deps, task, correlation);
  };
  return { ...update, afterCommit };
}

/**
 * Prepares a comment as the answer to the latest question on its task that was older, by Plane's clock: a comment that
 * is observed late does not answer later questions. One of recurring work is answered by its choices only. Undefined
 * when it answers none; what sessions ask has another way (shared/tickets/approval.ts). Makes no request to Plane.
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
  const { value, rev } = question;
  const decision = { ...words, hash: value.hash, by, where: "plane", posted } as const;
  const decided = await prepareDecision(deps, question, decision, correlation);
  const update = decided && mergeUpdates([decided.update, { expect: [[workKeys.request(value.id), rev]] }]);
  return update && { question: value, update };
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
  const isChanged = await changeTimes(deps, task, async (times, claim, now) => {
    const questions = await readTaskQuestions(deps, task.id);
    const own = questions.filter(({ from }) => from === claim.agent);
    const next = alignTimes(times, task.item, claim, own, now);
    return { next, result: next !== undefined };
  });
  return isChanged === true;
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
    const at = questions.find((one) => isRequestOpen(one) && one.createdAt > running.from)?.createdAt;
    if (at === undefined) return undefined;
    const paused = { agent: claim.agent, since: claim.since, reason: "asked", at } as const;
    return { ...endEntries(times, (entry) => entry === running, at), paused };
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
export async function readTaskQuestions(deps: StoreDeps, item: string): Promise<RequestRecord[]> {
  return (await readTaskRequests(deps, item, "question")).map(({ value }) => value);
}

const listChoices = ({ options }: Pick<RequestRecord, "options">) => options.map(({ label }) => label);

/** Cleans a question of characters that hide or reorder text, and drops choices that are repeated or empty. */
function toQuestionContent(from: string, { text, choices = [], urgency = "normal" }: NewQuestion) {
  const labels = new Set(choices.map((choice) => cleanLine(choice, 100)).filter((choice) => choice !== ""));
  const content = { text: cleanText(text, QUESTION_TEXT_LIMIT), options: [...labels].map((label) => ({ label })) };
  return { kind: "question" as const, from, ...content, urgency, input: [], answers: ["answer"] };
}

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
  const task = await findPresentTask(deps, subject?.item);
  if (!verdict || !task) return;
  const context = createCallContext(deps, { name: verdict.by, role: "human" }, correlation);
  const title = formatTemplate(getTexts(deps.settings.locale).comments.answer, { by: escapeHtml(verdict.by) });
  const html = `<p>${title}</p>${await toHtml(verdict.comment ?? "")}`;
  await postComment(context, task, `answer:${id}`, html);
}
