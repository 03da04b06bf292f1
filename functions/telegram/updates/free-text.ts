/**
 * A text that is no command: the answer when the Concierge has just asked, a choice when it may be about something
 * that waits, a greeting or the like that needs no agent, else a message to the Concierge.
 */

import { workSets } from "../../../shared/records/store-keys.ts";
import type { ReviewRecord } from "../../../shared/records/task-records.ts";
import { findRequest, readOpenRequests } from "../../../shared/requests/requests.ts";
import { readAllRows } from "../../../shared/store/records.ts";
import type { RequestRecord } from "../../../shared/task/request.ts";
import { findPlanRun, type PlanRun } from "../../../shared/tasks/plan-record.ts";
import { findPlanVerdict } from "../../../shared/tasks/planning/decide-plan.ts";
import { toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { DAY, HOUR, isRecent, type Ms } from "../../../shared/time.ts";
import { normalizeName } from "../commands/arguments.ts";
import { type CommandOption, offerChoices } from "../commands/choices.ts";
import { type ChoiceCommand, type CommandContext, type CommandResult, replyText } from "../commands/command.ts";
import { findConcierge, sendFreeText } from "../commands/concierge.ts";
import { isApproval } from "../live-messages/live-message.ts";
import { decidePlan } from "../live-messages/plans.ts";
import { submitDecision } from "../live-messages/requests.ts";
import { fillTemplate } from "../presentation/presentation.ts";

/** What a text is for: a question, a plan that waits for approval, or nothing that waits. */
type AnswerTarget = { kind: "question"; id: string } | { kind: "plan"; id: string; hash: string } | { kind: "message" };

/** Time after a question in which the only text is taken as its answer: 1 h. Later, a button decides. */
const ANSWER_MS: Ms = HOUR;

/** Time in which a text may be about a question or a plan, so that a button decides: 1 day. */
const PENDING_MS: Ms = DAY;

/** Maximum number of questions and of plans that are offered. */
const OFFER_LIMIT = 3;

/** Limit of the part of a message that a reply quotes, in UTF-16 units. */
const QUOTE_LIMIT = 300;

/** What a text says that asks for nothing; of several, the first one counts. */
const SMALL_TALK_KINDS = ["greeting", "thanks", "noted"] as const;

type SmallTalk = (typeof SMALL_TALK_KINDS)[number];

/** Words of texts that ask for nothing, in English and French, without accents and apostrophes. */
const SMALL_TALK: Record<SmallTalk, string> = {
  greeting:
    "hello hi hey hallo good morning evening afternoon day there everyone bonjour bonsoir salut coucou test ping",
  thanks: "thanks thank you thx much very merci beaucoup",
  noted:
    "ok okay k yes yep no nope fine great cool super perfect nice noted understood oui non daccord d accord dac parfait entendu compris note vu bien",
};

/** The command of a button that says what a text is for. Nobody can type it: it is only stored with the button. */
export const answerCommand: ChoiceCommand = {
  name: "answer",
  async run(context, args) {
    const [, kind, id = "", hash = "", text = ""] =
      /^(question|plan|message):([^:\s]*):(\S*) ([\s\S]*)$/.exec(args) ?? [];
    if (kind === "question") return answerQuestionWithText(context, id, text);
    if (kind === "plan") return sendBackPlan(context, { plan: id, hash }, text);
    return sendFreeText(context, text);
  },
};

/**
 * Handles what a person wrote without a command, as a reply to nothing that waits for an answer. `reply` is the text
 * of the bot that it replies to. The text is the answer when the Concierge has just asked one thing; when it might be
 * about something that waits, buttons decide; else it goes to the Concierge.
 */
export async function interpretFreeText(context: CommandContext, text: string, reply?: string): Promise<CommandResult> {
  const { freeText } = context.presentation.texts;
  const talk = findSmallTalk(text);
  const answerTalk = (kind: SmallTalk) => replyText(freeText.smallTalk[kind], { agent: getConciergeName(context) });
  // A reply is about the message that it replies to, and "yes" may answer it.
  if (reply !== undefined)
    return talk && talk !== "noted" ? answerTalk(talk) : sendFreeText(context, addQuote(text, reply));
  const { questions, plans, reviews } = await readPending(context);
  const now = await context.deps.store.now();
  const [question] = questions;
  if (question && questions.length === 1 && isAnswer(question, text, now))
    return answerQuestionWithText(context, question.id, text);
  if (isApproval(text) && questions.length === 0 && plans.length + reviews.length > 0)
    return replyText(`ℹ️ ${freeText.approveWhere}`);
  if (talk && (talk !== "noted" || questions.length + plans.length === 0)) return answerTalk(talk);
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

/** Finds out whether a text only greets, thanks or agrees; undefined for one that may ask for something. */
function findSmallTalk(text: string): SmallTalk | undefined {
  const words =
    normalizeName(text)
      .replace(/['’]/g, "")
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length === 0) return text.includes("?") ? "greeting" : "noted";
  const kinds = words.map((word) => SMALL_TALK_KINDS.find((kind) => SMALL_TALK[kind].split(" ").includes(word)));
  if (kinds.includes(undefined)) return undefined;
  return SMALL_TALK_KINDS.find((kind) => kinds.includes(kind));
}

/** Puts the message that a text replies to before it, because the Concierge may not remember it. Agents read English. */
function addQuote(text: string, quoted: string): string {
  const quote = cleanLine(quoted, QUOTE_LIMIT);
  return quote === "" ? text : `(in reply to “${quote}”) ${text}`;
}

/** Reads what waits for a person's answer since yesterday: questions about no task, plans and reviews. */
async function readPending({ deps }: CommandContext) {
  const [now, questions, runs, reviews] = await Promise.all([
    deps.store.now(),
    readOpenRequests(deps, "question"),
    readAllRows<PlanRun>(deps, workSets.unfinishedPlanRuns),
    readAllRows<ReviewRecord>(deps, workSets.reviews),
  ]);
  return {
    questions: questions
      .filter(({ subject, createdAt }) => subject.item === undefined && isRecent(createdAt, PENDING_MS, now))
      .sort((a, b) => b.createdAt - a.createdAt),
    plans: runs
      .map(({ value }) => value)
      .filter(({ state, at }) => state === "awaiting_approval" && isRecent(at, PENDING_MS, now))
      .sort((a, b) => b.at - a.at),
    reviews: reviews.filter(({ value }) => !value.isDecided),
  };
}

/** Whether a text that replies to nothing answers this question: one of its choices, or written soon and no question. */
function isAnswer({ options, createdAt }: RequestRecord, text: string, now: Ms): boolean {
  if (options.some(({ label }) => normalizeName(label) === normalizeName(text))) return true;
  return isRecent(createdAt, ANSWER_MS, now) && !/[?？]\s*$/.test(text);
}

/** Submits a text as the answer to a question about no task, and says so. */
async function answerQuestionWithText(context: CommandContext, id: string, text: string): Promise<CommandResult> {
  const { texts } = context.presentation;
  const question = (await findRequest(context.deps, id))?.value;
  if (!question) return { reply: { rich: toPlainText(texts.live.toast.over) } };
  const given = { answer: "answer", comment: text, hash: question.hash };
  const { toast, isDecided } = await submitDecision(context, question, given);
  if (!isDecided) return { reply: { rich: toPlainText(toast) } };
  const values = { agent: toSafeText(question.from, 80), question: toSafeText(question.text, 120) };
  return replyText(`💡 ${texts.freeText.answered}`, values);
}

/** The button with which a text goes to the Concierge as a message of its own. */
function createConciergeOption(context: CommandContext, text: string): CommandOption {
  const label = fillTemplate(context.presentation.texts.freeText.isNew, { agent: getConciergeName(context) }).text;
  return { ...toAnswerArguments({ kind: "message" }, text), label };
}

const getConciergeName = ({ deps }: CommandContext) =>
  toSafeText(findConcierge(deps.settings)?.name ?? "Concierge", 40);

/** Creates the command with which a button says what a text is for. */
export function toAnswerArguments(target: AnswerTarget, text: string): { command: "answer"; args: string } {
  const id = "id" in target ? target.id : "";
  const hash = "hash" in target ? target.hash : "";
  return { command: "answer", args: `${target.kind}:${id}:${hash} ${text}` };
}

/** Sends a plan back with a text that says what to change. */
async function sendBackPlan(
  context: CommandContext,
  proposal: { plan: string; hash: string },
  text: string,
): Promise<CommandResult> {
  const { toast } = await decidePlan(context, proposal, "sent_back", text);
  const verdict = await findPlanVerdict(context.deps, proposal.plan, proposal.hash);
  if (verdict?.by !== context.from.name || verdict.kind !== "sent_back") return { reply: { rich: toPlainText(toast) } };
  const run = await findPlanRun(context.deps, proposal.plan);
  const values = { agent: toSafeText(run?.agent ?? "", 80), plan: toSafeText(run?.plan.project ?? "", 120) };
  return replyText(`↩️ ${context.presentation.texts.freeText.planSentBack}`, values);
}
