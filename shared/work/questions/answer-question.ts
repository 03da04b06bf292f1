import { cleanLine, cleanText } from "../../clean-text.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Job } from "../../store/job-operations.ts";
import { updateValue } from "../../store/update.ts";
import type { WorkEvent } from "../../task/events.ts";
import { queueCardWrite } from "../card/card-record.ts";
import { renewClaim } from "../claims/claim-lease.ts";
import { findClaim } from "../claims/find-claim.ts";
import { postComment } from "../comments/post-comment.ts";
import { createCallContext, type WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { findKeptTask } from "../tasks/find-task.ts";
import { prepareWorkEvent } from "../tasks/publish-work-event.ts";
import { ANSWERED_MS, findQuestion, getClosedQuestionSets, type KeptQuestion } from "./question-record.ts";
import { syncTimer } from "./sync-timer.ts";

/**
 * Records the human's answer once, and the agent is woken. The answer to a question about a task becomes a comment,
 * unless it came as one (`comment`). `already`: the question was answered before; `unknown`: it no longer exists, or its
 * task is closed.
 */
export async function answerQuestion(
  deps: WorkDeps,
  id: string,
  { text, by, comment }: { text: string; by: string; comment?: string },
  correlation: string = deps.newId(),
): Promise<"answered" | "already" | "unknown"> {
  const record = workKeys.question(id);
  return updateValue<KeptQuestion, "answered" | "already" | "unknown">(deps, record, async (question, rev) => {
    if (!question || question.closed !== undefined) return { result: "unknown" };
    const { agent, item } = question;
    const task = item === undefined ? undefined : await findKeptTask(deps, item);
    if (item !== undefined && !task) return { result: "unknown" };
    if (question.answer) return { result: "already" };
    const answer = {
      text: cleanText(text, 4_000),
      by: cleanLine(by, 80),
      at: await deps.store.now(),
      ...omitUndefined({ comment }),
    };
    const value: KeptQuestion = { ...question, answer };
    const event: WorkEvent = { kind: "answered", question: id, agent, text: cleanLine(text, 1_000), by: answer.by };
    const needsComment = item !== undefined && comment === undefined;
    const jobs: Job[] = needsComment
      ? [createWorkJob(`answer:${id}`, `work:${item}`, { do: "answer", item, question: id, correlation })]
      : [];
    const put = [{ key: record, value, sets: getClosedQuestionSets(question), expires: ANSWERED_MS }];
    const update = await prepareWorkEvent(deps, task, event, correlation, { record, rev, put, jobs });
    const afterCommit = async () => {
      await update.afterCommit?.();
      // While the question was open its claim was kept alive; from now on the agent must call to renew it.
      const claim = item === undefined ? undefined : await findClaim(deps, item);
      if (claim?.agent === agent) await renewClaim(deps, claim);
      if (task && (await syncTimer(deps, task))) await queueCardWrite(deps, task.id, correlation);
    };
    return { ...update, result: "answered", afterCommit };
  });
}

/** Writes the answer as a comment on the item, on behalf of the person who gave it. */
export async function postAnswer(deps: WorkDeps, id: string, correlation: string): Promise<void> {
  const record = await findQuestion(deps, id);
  const task = record?.value.item === undefined ? undefined : await findKeptTask(deps, record.value.item);
  if (!record?.value.answer || !task || task.item.gone !== undefined) return;
  const { text, by } = record.value.answer;
  const context = createCallContext(deps, { name: by, role: "human" }, correlation);
  const title = formatTemplate(getTexts(deps.settings.locale).comments.answer, { by: escapeHtml(by) });
  const html = `<p>${title}</p>${await toHtml(text)}`;
  await postComment(context, task, `answer:${id}`, html);
}
