import { toMarkdown } from "../markdown/to-markdown.ts";
import { OUR_SOURCE } from "../observe/comments.ts";
import { comments } from "../plane/comments.ts";
import type { WorkDeps } from "./acting.ts";
import { keptTask } from "./find.ts";
import type { WorkBody } from "./jobs.ts";
import { answerQuestion, isWaiting, questionsOf } from "./question.ts";

type Reply = Extract<WorkBody, { do: "reply" }>;

/**
 * A comment by people answers the latest question on the item that was there when they wrote it, by Plane's clock.
 * Once, however often the job is run; one that is seen late answers nothing that was asked after it.
 */
export async function takeReply(deps: WorkDeps, { item, comment, by, correlation }: Reply): Promise<void> {
  const questions = await questionsOf(deps, item);
  const waiting = questions.filter(isWaiting);
  const task = waiting.length > 0 ? await keptTask(deps, item) : undefined;
  if (!task || questions.some(({ answer }) => answer?.comment === comment)) return;
  const params = { project: task.project.id, item };
  const asked = new Map<string, string>();
  let reply: { html: string; at: string } | undefined;
  for await (const { data } of deps.plane.pages(comments.list, { params })) {
    for (const { id, comment_html, created_at, external_source, external_id } of data.results) {
      if (id === comment) reply = { html: comment_html, at: created_at };
      if (external_source === OUR_SOURCE && external_id !== null) asked.set(external_id, created_at);
    }
  }
  const text = reply ? await toMarkdown(reply.html) : "";
  if (!reply || text.trim() === "") return;
  const { at } = reply;
  const question = waiting.findLast(({ id }) => (asked.get(`ask:${id}`) ?? "") < at);
  if (question) await answerQuestion(deps, question.id, { text, by, comment }, correlation);
}
