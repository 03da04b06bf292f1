/**
 * What people write to the Concierge: a new project or task by /new, and texts that are no command. Such a text is the
 * answer when the Concierge has just asked, a choice when it may be about something that waits, a greeting or the like
 * that needs no agent, else a message to the Concierge.
 */

import type { AgentSettings } from "../../../shared/config/settings-file.ts";
import type { ProjectRecord } from "../../../shared/records/plane-records.ts";
import { findRequest, readOpenRequests } from "../../../shared/requests/requests.ts";
import { isApproval, readWords } from "../../../shared/requests/words.ts";
import type { RequestKindName, RequestRecord } from "../../../shared/task/request.ts";
import { createTask } from "../../../shared/tasks/edit-task.ts";
import { submitWish } from "../../../shared/tasks/wishes.ts";
import { toCode, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { DAY, HOUR, isRecent, type Ms } from "../../../shared/time.ts";
import { normalizeName, replyUsage, splitFirstArgument } from "../commands/arguments.ts";
import {
  type ChoiceCommand,
  type CommandContext,
  type CommandOption,
  type CommandResult,
  createCommandCallContext,
  offerChoices,
  replyText,
  requireMember,
  type TelegramCommand,
} from "../commands/command.ts";
import { submitDecision } from "../live-messages/live-messages.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import { readFollowedProjects, renderTaskLink } from "../presentation/task-lists.ts";

/** What a text answers: a request that waits, as it is now. */
type AnswerTarget = Pick<RequestRecord, "id" | "hash">;

/** What `agents` in the settings file needs for a Concierge. */
const CONCIERGE_ENTRY =
  '{ "name": "Concierge", "email": "concierge@example.org", "role": "concierge", "wake": "openclaw" }';

/** Time after a question in which the only text is taken as its answer: 1 h. Later, a button decides. */
const ANSWER_MS: Ms = HOUR;

/** Time in which a text may be about a question or a plan, so that a button decides: 1 day. */
const PENDING_MS: Ms = DAY;

/** Maximum number of questions and of plans that are offered. */
const OFFER_LIMIT = 3;

/** Limit of the part of a message that a reply quotes, in UTF-16 units. */
const QUOTE_LIMIT = 300;

/**
 * Words of texts that ask for nothing, in English and French, without accents and apostrophes. Of several kinds in one
 * text, the first one counts.
 */
const SMALL_TALK = {
  greeting:
    "hello hi hey hallo good morning evening afternoon day there everyone bonjour bonsoir salut coucou test ping",
  thanks: "thanks thank you thx much very merci beaucoup",
  noted:
    "ok okay k yes yep no nope fine great cool super perfect nice noted understood oui non daccord d accord dac parfait entendu compris note vu bien",
};

/**
 * Creates a task as the human. A request that does not begin with a project's identifier or whole name goes to the
 * Concierge, who plans it: a part of a name is more often the first word of a request ("add dark mode").
 */
export const newCommand: TelegramCommand = {
  name: "new",
  aliases: ["nouveau", "nouvelle", "add", "create"],
  async run(context, args) {
    if (splitFirstArgument(args).first === "") return replyUsage(context, "new");
    const prefix = parseProjectPrefix(args, await readFollowedProjects(context));
    if (!prefix) return sendToConcierge(context, args, false);
    const { project, title } = prefix;
    return title === "" ? replyUsage(context, "new") : createTaskInProject(context, project, title);
  },
};

/** Finds the Concierge that people write to: the first one that can be woken, else the first one. */
function findConcierge({ deps }: CommandContext): AgentSettings | undefined {
  const concierges = deps.settings.agents.filter(({ role }) => role === "concierge");
  return concierges.find(({ wake }) => wake.kind !== "none") ?? concierges[0];
}

/** Whether a text can be sent to the Concierge. */
export function isConciergeReachable(context: CommandContext): boolean {
  return (findConcierge(context)?.wake.kind ?? "none") !== "none";
}

/**
 * Sends a text to the Concierge, who answers or plans it: free text, or what a person wrote after /new. Free text that
 * continues the one before gets no receipt of its own. Without a Concierge, the reply says how to set one.
 */
async function sendToConcierge(context: CommandContext, text: string, isFreeText = true): Promise<CommandResult> {
  const { allDeps, id, from, message } = context;
  requireMember(context);
  const { answers, freeText } = context.presentation.texts;
  const { noConcierge, deafConcierge } = isFreeText ? freeText : answers.refusals;
  const concierge = findConcierge(context);
  if (!concierge) return replyText(`⚠️ ${noConcierge}`, { entry: toCode(CONCIERGE_ENTRY) });
  const agent = toSafeText(concierge.name, 80);
  if (concierge.wake.kind === "none") return replyText(`⚠️ ${deafConcierge}`, { agent });
  // The page writes as the first allowed user, whoever sits before it.
  const user = message && from.id;
  const wish = { update: id, text, by: from.name, user, message, isFreeText };
  const outcome = await submitWish(allDeps, concierge.name, wish);
  const action = { name: "wish" };
  if (!isFreeText)
    return { action, ...replyText(`📨 ${answers.confirmations.asked}`, { agent, text: toSafeText(text, 300) }) };
  return { action, ...(outcome === "joined" ? {} : replyText(`📨 ${freeText.sent}`, { agent })) };
}

/** The button with which a text goes to the Concierge as a message of its own. @param label with `{agent}` */
export function createConciergeOption(context: CommandContext, text: string, label: string): CommandOption {
  const agent = getConciergeName(context);
  return { label: fillTemplate(label, { agent }).text, ...createAnswer({ id: "", hash: "" }, text) };
}

/** Creates the command with which a button says what a text is for; without an id it is for the Concierge. */
function createAnswer({ id, hash }: AnswerTarget, text: string) {
  return { command: "answer" as const, args: `${id}:${hash} ${text}` };
}

const getConciergeName = (context: CommandContext) => toSafeText(findConcierge(context)?.name ?? "Concierge", 40);

/**
 * Finds the project whose identifier or full name the arguments begin with, in quotation marks or before a colon or a
 * dash as well. The longest name counts, so that "Website Shop" is not taken for "Website".
 */
function parseProjectPrefix(
  args: string,
  projects: readonly ProjectRecord[],
): { project: ProjectRecord; title: string } | undefined {
  const names = projects.map((project) => [project, [project.identifier, project.name].map(normalizeName)] as const);
  const findProject = (text: string) => names.find(([, own]) => own.includes(normalizeName(text)))?.[0];
  const { first, rest, quoted } = splitFirstArgument(args);
  const quotedProject = quoted ? findProject(first) : undefined;
  if (quotedProject) return { project: quotedProject, title: rest };
  for (const { 0: separator, index } of [...args.matchAll(/\s*[:–—-]?(?:\s+|$)/g)].reverse()) {
    const project = findProject(args.slice(0, index));
    if (project) return { project, title: args.slice(index + separator.length).trim() };
  }
  return undefined;
}

/** The first line is the title, the other lines are the description. */
async function createTaskInProject(
  context: CommandContext,
  project: ProjectRecord,
  text: string,
): Promise<CommandResult> {
  const [title = "", ...more] = text.split("\n");
  const description = more.join("\n").trim();
  const input = { project: project.id, title: title.trim(), ...(description === "" ? {} : { description }) };
  const task = await createTask(createCommandCallContext(context), input);
  const { confirmations } = context.presentation.texts.answers;
  const action = { name: "new", task: task.key };
  return { action, ...replyText(`🆕 ${confirmations.made}`, { task: renderTaskLink(context, task) }) };
}

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
  const answerTalk = (kind: keyof typeof SMALL_TALK) =>
    replyText(freeText.smallTalk[kind], { agent: getConciergeName(context) });
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
    return { label: label.text, ...createAnswer(request, text) };
  });
  if (options.length === 0) return sendToConcierge(context, text);
  return offerChoices(context, freeText.chooseMeaning, [
    ...options,
    createConciergeOption(context, text, freeText.isNew),
  ]);
}

/** Finds out whether a text only greets, thanks or agrees; undefined for one that may ask for something. */
function findSmallTalk(text: string): keyof typeof SMALL_TALK | undefined {
  const words =
    normalizeName(text)
      .replace(/['’]|\b(?:a lot|so much)\b/g, "")
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length === 0) return text.includes("?") ? "greeting" : "noted";
  const all = ["greeting", "thanks", "noted"] as const;
  const kinds = words.map((word) => all.find((kind) => SMALL_TALK[kind].split(" ").includes(word)));
  return kinds.includes(undefined) ? undefined : all.find((kind) => kinds.includes(kind));
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
async function answerWithText(context: CommandContext, { id, hash }: AnswerTarget, text: string) {
  const { freeText } = context.presentation.texts;
  const found = (await findRequest(context.deps, id))?.value;
  const words = found && readWords(found, text, true);
  if (!words) return { toast: context.presentation.texts.answers.expiredButton };
  const { toast, action } = await submitDecision(context, found, { ...words, hash });
  if (!action) return { reply: { rich: toPlainText(toast) } };
  const values = {
    agent: toSafeText(found.from, 80),
    question: toSafeText(found.text, 120),
    plan: toSafeText(found.subject.title, 120),
  };
  return replyText(found.kind === "plan" ? `↩️ ${freeText.planSentBack}` : `💡 ${freeText.answered}`, values);
}
