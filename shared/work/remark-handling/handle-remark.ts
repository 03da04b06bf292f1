import { cleanLine } from "../../clean-text.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import type { WorkJobBody } from "../../jobs/work-jobs.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { postComment } from "../comments/post-comment.ts";
import { createCallContext, type WorkDeps } from "../context/call-context.ts";
import { answerFromComment } from "../questions/answer-from-comment.ts";
import { isQuestionOpen, readTaskQuestions } from "../questions/question-record.ts";
import { isStopWord } from "../remarks/stop-word.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { findMentionedAgents, findTaskWorkers } from "./find-recipients.ts";
import { receiveRemark } from "./receive-remark.ts";
import { releaseStoppedTask, stopTask } from "./stop-task.ts";

type RemarkJob = Extract<WorkJobBody, { do: "remark" }>;

/**
 * Handles what a person wrote about a task, in Plane, Telegram or on the page. `stop` ends the work. Anything else may
 * answer an open question, wakes the task's agents and those that are mentioned, and lets a stopped task continue.
 * Repeating the job has no effect.
 */
export async function handleRemark(deps: WorkDeps, job: RemarkJob): Promise<void> {
  const task = await findKeptTask(deps, job.item);
  if (!task || task.item.gone !== undefined) return;
  const [workers, mentioned] = await Promise.all([
    findTaskWorkers(deps, task),
    findMentionedAgents(deps, job.mentions),
  ]);
  const isForWorkers = mentioned.length === 0 || mentioned.some((agent) => workers.includes(agent));
  if (isForWorkers && workers.length > 0 && isStopWord(job.text) && !(await isChoice(deps, job))) {
    await stopTask(deps, job, job.correlation);
    await receiveRemark(deps, task, job, { agents: [], mentioned: [] });
    if (job.source === "message") await postRemark(deps, task, job);
    return;
  }
  // The agent reads the comment in Plane, so it is there before the agent is woken.
  if (job.source === "message") await postRemark(deps, task, job);
  const answered =
    job.source === "comment" ? await answerFromComment(deps, { ...job, comment: job.remark }) : undefined;
  if (workers.length > 0) await releaseStoppedTask(deps, job.item);
  const agents = [...new Set([...workers, ...mentioned])].filter((agent) => agent !== answered);
  if (agents.length > 0 || answered !== undefined) await receiveRemark(deps, task, job, { agents, mentioned });
}

/** Whether the word is a choice of an open question, which it answers. */
async function isChoice(deps: WorkDeps, { item, text }: RemarkJob): Promise<boolean> {
  const questions = (await readTaskQuestions(deps, item)).filter(isQuestionOpen);
  const wanted = cleanLine(text, 100).toLowerCase();
  return questions.some(({ choices }) => choices.some((choice) => choice.toLowerCase() === wanted));
}

/** Writes what a person wrote outside of Plane as a comment that names the person. */
async function postRemark(deps: WorkDeps, task: Task, { remark, by, text, correlation }: RemarkJob): Promise<void> {
  const context = createCallContext(deps, { name: by, role: "human" }, correlation);
  const title = formatTemplate(getTexts(deps.settings.locale).comments.remark, { by: escapeHtml(by) });
  const html = `<p>${title}</p><p>${escapeHtml(text).replaceAll("\n", "<br>")}</p>`;
  await postComment(context, task, `remark:${remark}`, html);
}
