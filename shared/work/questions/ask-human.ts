import { GroundcrewError } from "../../errors.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { isOpen } from "../../task/diff.ts";
import { queueCardWrite } from "../card/card-record.ts";
import { throwIfClaimLost } from "../claims/claim-preconditions.ts";
import { renewOwnClaim } from "../claims/claim-task.ts";
import { getIdempotencyKey, postComment, toCommentHtml } from "../comments/post-comment.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Task } from "../tasks/find-task.ts";
import { requireOwner } from "../tasks/require-owner.ts";
import { publishQuestion } from "./publish-question.ts";
import { isSameQuestion, type NewQuestion, toQuestionContent } from "./question-content.ts";
import { findQuestion, isQuestionOpen, type KeptQuestion, readTaskQuestions } from "./question-record.ts";
import { syncTimer } from "./sync-timer.ts";

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
  const content = { agent: caller.name, ...toQuestionContent(newQuestion) };
  const { text, choices } = content;
  const questions = await readTaskQuestions(deps, task.id);
  const openQuestion = questions.find((other) => isQuestionOpen(other) && isSameQuestion(other, content));
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
  const question: KeptQuestion = { id, item: task.id, ...content, asked: askedAt, reminded: 0 };
  await publishQuestion(deps, task, question, undefined, correlation);
  if (await syncTimer(deps, task)) await queueCardWrite(deps, task.id, correlation);
  return (await findQuestion(deps, id))?.value ?? question;
}
