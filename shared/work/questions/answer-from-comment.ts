import type { WorkJobBody } from "../../jobs/work-jobs.ts";
import { toMarkdown } from "../../markdown/to-markdown.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import { commentsApi } from "../../plane/comments.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { findKeptTask } from "../tasks/find-task.ts";
import { answerQuestion } from "./answer-question.ts";
import { isQuestionOpen, readTaskQuestions } from "./question-record.ts";

type Reply = Pick<Extract<WorkJobBody, { do: "reply" }>, "item" | "comment" | "by" | "correlation">;

/**
 * Takes a person's comment as the answer to the latest question on the item that was older than the comment, by Plane's
 * clock. Repeating the job has no effect, and a comment that is observed late does not answer later questions. Returns
 * the agent whose question the comment answers.
 */
export async function answerFromComment(
  deps: WorkDeps,
  { item, comment, by, correlation }: Reply,
): Promise<string | undefined> {
  const questions = await readTaskQuestions(deps, item);
  const answered = questions.find(({ answer }) => answer?.comment === comment);
  if (answered) return answered.agent;
  const openQuestions = questions.filter(isQuestionOpen);
  const task = openQuestions.length > 0 ? await findKeptTask(deps, item) : undefined;
  if (!task) return undefined;
  const params = { project: task.project.id, item };
  const askedAtById = new Map<string, string>();
  let reply: { html: string; at: string } | undefined;
  for await (const { data } of deps.plane.pages(commentsApi.list, { params })) {
    for (const { id, comment_html, created_at, external_source, external_id } of data.results) {
      if (id === comment) reply = { html: comment_html, at: created_at };
      if (external_source === GROUNDCREW_SOURCE && external_id !== null) askedAtById.set(external_id, created_at);
    }
  }
  const text = reply ? await toMarkdown(reply.html) : "";
  if (!reply || text.trim() === "") return undefined;
  const { at } = reply;
  const question = openQuestions.findLast(({ id }) => (askedAtById.get(`ask:${id}`) ?? "") < at);
  if (!question) return undefined;
  const outcome = await answerQuestion(deps, question.id, { text, by, comment }, correlation);
  return outcome === "answered" ? question.agent : undefined;
}
