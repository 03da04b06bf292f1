import { cleanLine, cleanText } from "../../clean-text.ts";
import { GroundcrewError } from "../../errors.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { isOpen } from "../../task/diff.ts";
import type { Urgency } from "../../task/events.ts";
import { throwIfClaimLost } from "../claims/claim-preconditions.ts";
import { renewOwnClaim } from "../claims/claim-task.ts";
import { getIdempotencyKey, postComment, toCommentHtml } from "../comments/post-comment.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Task } from "../tasks/find-task.ts";
import { requireOwner } from "../tasks/require-owner.ts";
import { publishQuestion } from "./publish-question.ts";
import { findQuestion, isQuestionOpen, type KeptQuestion, readTaskQuestions } from "./question-record.ts";

/** What an agent asks; `urgency` is normal when it is absent. */
export interface NewQuestion {
  text: string;
  choices?: string[] | undefined;
  urgency?: Urgency | undefined;
}

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
