/**
 * A text that is no command: the answer when the Concierge has just asked, a choice when it may be about something
 * that waits, a greeting or the like that needs no agent, else a message to the Concierge.
 */

import { findRequest, readOpenRequests } from "../../../shared/requests/requests.ts";
import { isApproval, readWords } from "../../../shared/requests/words.ts";
import type { RequestKindName, RequestRecord } from "../../../shared/task/request.ts";
import { toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { DAY, HOUR, isRecent, type Ms } from "../../../shared/time.ts";
import { normalizeName } from "../commands/arguments.ts";
import { offerChoices } from "../commands/choices.ts";
import { type ChoiceCommand, type CommandContext, type CommandResult, replyText } from "../commands/command.ts";
import {
  type AnswerTarget,
  createConciergeOption,
  findConcierge,
  sendToConcierge,
  toAnswerArguments,
} from "../commands/concierge.ts";
import { submitDecision } from "../live-messages/requests.ts";
import { fillTemplate } from "../presentation/presentation.ts";

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
    const [, id = "", hash = "", text = ""] = /^(\S*):(\S*) ([\s\S]*)$/.exec(args) ?? [];
    return id === "" ? sendToConcierge(context, text) : answerWithText(context, { id, hash }, text);
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
    return talk && talk !== "noted" ? answerTalk(talk) : sendToConcierge(context, addQuote(text, reply));
  const { questions, plans, reviews } = await readPending(context);
  const now = await context.deps.store.now();
  const [question] = questions;
  if (question && questions.length === 1 && isAnswer(question, text, now))
    return answerWithText(context, question, text);
  if (isApproval(text) && questions.length === 0 && plans.length + reviews.length > 0)
    return replyText(`ℹ️ ${freeText.approveWhere}`);
  if (talk && (talk !== "noted" || questions.length + plans.length === 0)) return answerTalk(talk);
  const options = [...questions.slice(0, OFFER_LIMIT), ...plans.slice(0, OFFER_LIMIT)].map((request) => {
    const label =
      request.kind === "plan"
        ? fillTemplate(freeText.isPlanChange, { plan: cleanLine(request.subject.title, 80) })
        : fillTemplate(freeText.isAnswer, { question: cleanLine(request.text, 80) });
    return { ...toAnswerArguments(request, text), label: label.text };
  });
  if (options.length === 0) return sendToConcierge(context, text);
  return offerChoices(context, freeText.chooseMeaning, [
    ...options,
    createConciergeOption(context, text, freeText.isNew),
  ]);
}

/** Finds out whether a text only greets, thanks or agrees; undefined for one that may ask for something. */
function findSmallTalk(text: string): SmallTalk | undefined {
  const words =
    normalizeName(text)
      .replace(/['’]|\b(?:a lot|so much)\b/g, "")
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

/** Reads what waits for this person's answer since yesterday: questions about no task, plans and reviews. */
async function readPending({ deps, from, message }: CommandContext) {
  const [now, open] = await Promise.all([deps.store.now(), readOpenRequests(deps)]);
  // Who writes something new does not answer what somebody else was asked. The page's users have no number of Telegram.
  const isAsked = ({ subject: { message: asked } }: RequestRecord) =>
    message === undefined || asked?.user === undefined || asked.user === from.id;
  const listRecent = (kind: RequestKindName) =>
    open
      .filter((one) => one.kind === kind && one.subject.item === undefined && isRecent(one.createdAt, PENDING_MS, now))
      .filter(isAsked)
      .sort((a, b) => b.createdAt - a.createdAt);
  const reviews = open.filter(({ kind }) => kind === "review");
  return { questions: listRecent("question"), plans: listRecent("plan"), reviews };
}

/** Whether a text that replies to nothing answers this question: one of its choices, or written soon and no question. */
function isAnswer({ options, createdAt }: RequestRecord, text: string, now: Ms): boolean {
  if (options.some(({ label }) => normalizeName(label) === normalizeName(text))) return true;
  return isRecent(createdAt, ANSWER_MS, now) && !/[?？]\s*$/.test(text);
}

/** Submits a text as the answer to a question, or sends a plan back with it, and says so. */
async function answerWithText(context: CommandContext, { id, hash }: Exclude<AnswerTarget, "message">, text: string) {
  const { freeText } = context.presentation.texts;
  const found = (await findRequest(context.deps, id))?.value;
  const words = found && readWords(found, text, true);
  if (!words) return { toast: context.presentation.texts.answers.expiredButton };
  const { toast, isDecided, request } = await submitDecision(context, found, { ...words, hash });
  if (!isDecided || !request) return { reply: { rich: toPlainText(toast) } };
  const { from, text: asked, subject } = request;
  const values = {
    agent: toSafeText(from, 80),
    question: toSafeText(asked, 120),
    plan: toSafeText(subject.title, 120),
  };
  return request.kind === "plan"
    ? replyText(`↩️ ${freeText.planSentBack}`, values)
    : replyText(`💡 ${freeText.answered}`, values);
}

const getConciergeName = ({ deps }: CommandContext) =>
  toSafeText(findConcierge(deps.settings)?.name ?? "Concierge", 40);
