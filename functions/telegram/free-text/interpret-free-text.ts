import { cleanLine } from "../../../shared/clean-text.ts";
import { readAllRows } from "../../../shared/store/scan-set.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { DAY, HOUR, isRecent, type Ms } from "../../../shared/time.ts";
import { workSets } from "../../../shared/work/context/work-keys.ts";
import type { KeptReview } from "../../../shared/work/lifecycle/review-record.ts";
import type { PlanRun } from "../../../shared/work/plan-runs/plan-run.ts";
import { isQuestionOpen, type KeptQuestion } from "../../../shared/work/questions/question-record.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";
import { normalizeName } from "../commands/match-name.ts";
import { type CommandOption, offerChoices } from "../commands/offer-choices.ts";
import { findConcierge, sendFreeText } from "../commands/send-to-concierge.ts";
import { isApproval } from "../live-messages/approval-word.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { answerQuestionWithText, toAnswerArguments } from "./answer-command.ts";

/** Time after a question in which the only text is taken as its answer: 1 h. Later, a button decides. */
const ANSWER_MS: Ms = HOUR;
/** Time in which a text may be about a question or a plan, so that a button decides: 1 day. */
const PENDING_MS: Ms = DAY;
/** Maximum number of questions and of plans that are offered. */
const OFFER_LIMIT = 3;

/**
 * Handles what a person wrote without a command, as a reply to nothing that waits for an answer. `reply` is the message
 * of the bot that it replies to. The text is the answer when the Concierge has just asked one thing; when it might be
 * about something that waits, buttons decide; else it goes to the Concierge.
 */
export async function interpretFreeText(
  context: CommandContext,
  text: string,
  reply?: { text: string },
): Promise<CommandResult> {
  const { freeText } = context.presentation.texts;
  // A reply is about the message that it replies to.
  if (reply) return sendFreeText(context, addQuote(text, reply.text));
  const { questions, plans, reviews } = await readPending(context);
  const now = await context.deps.store.now();
  const [question] = questions;
  if (question && questions.length === 1 && isAnswer(question, text, now))
    return answerQuestionWithText(context, question.id, text);
  if (isApproval(text) && questions.length === 0 && plans.length + reviews.length > 0)
    return { reply: { rich: fillTemplate(`ℹ️ ${freeText.approveWhere}`, {}) } };
  const options = [
    ...questions.slice(0, OFFER_LIMIT).map(({ id, text: asked }) => ({
      ...toAnswerArguments({ kind: "question", id }, text),
      label: fillTemplate(freeText.isAnswer, { question: cleanLine(asked, 80) }).text,
    })),
    ...plans.slice(0, OFFER_LIMIT).map(({ id, hash, plan }) => ({
      ...toAnswerArguments({ kind: "plan", id, hash }, text),
      label: fillTemplate(freeText.isPlanChange, { plan: cleanLine(plan.project, 80) }).text,
    })),
  ];
  if (options.length === 0) return sendFreeText(context, text);
  return offerChoices(context, freeText.chooseMeaning, [...options, createConciergeOption(context, text)]);
}

/** The button with which a text goes to the Concierge as a message of its own. */
function createConciergeOption({ deps, presentation }: CommandContext, text: string): CommandOption {
  const agent = findConcierge(deps.settings)?.name ?? "Concierge";
  const label = fillTemplate(presentation.texts.freeText.isNew, { agent: toSafeText(agent, 40) }).text;
  return { ...toAnswerArguments({ kind: "message" }, text), label };
}

/** Whether a text that replies to nothing answers this question: one of its choices, or written soon and no question. */
function isAnswer({ choices, asked }: KeptQuestion, text: string, now: Ms): boolean {
  if (choices.some((choice) => normalizeName(choice) === normalizeName(text))) return true;
  return isRecent(asked, ANSWER_MS, now) && !/[?？]\s*$/.test(text);
}

/** Reads what waits for a person's answer since yesterday: questions about no task, plans and reviews. */
async function readPending({ deps }: CommandContext) {
  const [now, questions, runs, reviews] = await Promise.all([
    deps.store.now(),
    readAllRows<KeptQuestion>(deps, workSets.questions),
    readAllRows<PlanRun>(deps, workSets.unfinishedPlanRuns),
    readAllRows<KeptReview>(deps, workSets.reviews),
  ]);
  return {
    questions: questions
      .map(({ value }) => value)
      .filter((one) => one.item === undefined && isQuestionOpen(one) && isRecent(one.asked, PENDING_MS, now))
      .sort((a, b) => b.asked - a.asked),
    plans: runs
      .map(({ value }) => value)
      .filter(({ state, at }) => state === "awaiting_approval" && isRecent(at, PENDING_MS, now))
      .sort((a, b) => b.at - a.at),
    reviews: reviews.filter(({ value }) => !value.verdict),
  };
}

/** Limit of the part of a message that a reply quotes, in UTF-16 units. */
const QUOTE_LIMIT = 300;

/** Puts the message that a text replies to before it, because the Concierge may not remember it. Agents read English. */
function addQuote(text: string, quoted: string): string {
  const quote = cleanLine(quoted, QUOTE_LIMIT);
  return quote === "" ? text : `(in reply to “${quote}”) ${text}`;
}
