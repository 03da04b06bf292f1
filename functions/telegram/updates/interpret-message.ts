/**
 * Finds out what an update asks for: the press of a button; a command to this bot, a command without its slash, a
 * reply, or free text. It begins with the list of all commands, buttons and replies.
 */

import type { UpdateBody } from "../../../shared/jobs/incoming-jobs.ts";
import { findNearestName } from "../../../shared/names.ts";
import { type ChatMessage, type SentMessageRef, sentMessageKey } from "../../../shared/telegram/message-log.ts";
import { joinRichText, toCode, toSafeText } from "../../../shared/telegram/rich-text.ts";
import {
  getMessageText,
  getRepliedMessage,
  isForwarded,
  type TelegramMessage,
} from "../../../shared/telegram/updates.ts";
import { cleanText } from "../../../shared/text.ts";
import { DAY } from "../../../shared/time.ts";
import { normalizeName, type ParsedCommand, parseBareText, parseCommand } from "../commands/arguments.ts";
import {
  assignCommand,
  blockCommand,
  cancelCommand,
  dueCommand,
  priorityCommand,
  unblockCommand,
} from "../commands/changing.ts";
import {
  type ButtonHandler,
  type ChoiceCommand,
  type CommandContext,
  type CommandDeps,
  type CommandOption,
  type CommandResult,
  createChoiceHandler,
  offerChoices,
  pageButtonHandler,
  type RepliedMessage,
  type TelegramCommand,
} from "../commands/command.ts";
import { muteCommand, pageCommand, unmuteCommand } from "../commands/mute.ts";
import {
  agentCommand,
  cycleCommand,
  digestCommand,
  helpCommand,
  mineCommand,
  projectCommand,
  statusCommand,
  taskCommand,
} from "../commands/reading.ts";
import { commentCommand, passOnReply, stopCommand, taskReplyHandler } from "../commands/remarks.ts";
import { everyCommand, recurCommand } from "../commands/schedules.ts";
import { BUTTON_VERB } from "../live-messages/live-message.ts";
import { createLiveReplyHandler, pressLiveButton } from "../live-messages/live-messages.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import {
  answerCommand,
  createConciergeOption,
  interpretFreeText,
  isConciergeReachable,
  newCommand,
} from "./free-text.ts";
import { approveCommand, doneCommand, rejectCommand, verdictCommand } from "./verdicts.ts";

/** All commands of `/plane`. */
export const TELEGRAM_COMMANDS: readonly TelegramCommand[] = [
  ...[statusCommand, mineCommand, projectCommand, agentCommand, taskCommand, cycleCommand],
  ...[newCommand, everyCommand, assignCommand, doneCommand, commentCommand, stopCommand, dueCommand, priorityCommand],
  ...[blockCommand, unblockCommand, cancelCommand, approveCommand, rejectCommand],
  ...[muteCommand, unmuteCommand, digestCommand, pageCommand, helpCommand],
];

/** The commands that only buttons run. */
const CHOICE_COMMANDS: readonly ChoiceCommand[] = [answerCommand, verdictCommand, recurCommand];

/** Button handlers by the verb that the button's data begins with. */
const BUTTON_HANDLERS: Readonly<Record<string, ButtonHandler>> = {
  page: pageButtonHandler,
  pick: createChoiceHandler((name) => CHOICE_COMMANDS.find((one) => one.name === name) ?? findCommand(name)),
  [BUTTON_VERB]: pressLiveButton,
};

const liveReplyHandler = createLiveReplyHandler(passOnReply);

/** Finds out what an update asks for, and does it; undefined for one that is not for the bot. */
export async function interpretUpdate(
  context: CommandContext,
  { type, update: { message, callback_query: callback } }: UpdateBody,
): Promise<CommandResult | undefined> {
  if (message) return interpretMessage(context, message, type === "page_input" || message.chat.type === "private");
  if (!callback?.message) return undefined;
  const [verb = "", id = "", arg = ""] = (callback.data ?? "").split(":", 3);
  const handleButton = Object.hasOwn(BUTTON_HANDLERS, verb) ? BUTTON_HANDLERS[verb] : undefined;
  const result = await handleButton?.(context, { messageId: callback.message.message_id, id, arg });
  return result ?? { toast: context.presentation.texts.answers.expiredButton };
}

/**
 * Handles a person's message: a reply to something that waits, a command, or free text. `isPrivate`: every message is
 * for the bot, in a private chat and on the page. In a group only commands, replies to the bot and mentions of it are
 * read. Undefined for a message that is not for the bot.
 */
async function interpretMessage(
  context: CommandContext,
  message: TelegramMessage,
  isPrivate: boolean,
): Promise<CommandResult | undefined> {
  const { freeText } = context.presentation.texts;
  if (isForwarded(message)) return isPrivate ? addNotice(context, message, freeText.forwarded) : undefined;
  const written = getMessageText(message);
  const reply = getRepliedMessage(message);
  const answered = reply ? await findBotMessage(context, reply) : undefined;
  const hasText = cleanText(written, written.length) !== "";
  if (reply && hasText && !written.trimStart().startsWith("/")) {
    const answer = { to: reply.message_id, text: written, message: answered };
    const result = (await liveReplyHandler(context, answer)) ?? (await taskReplyHandler(context, answer));
    if (result) return result;
  }
  const mentioned = isPrivate ? written : await readMention(context, written);
  const text = mentioned ?? written;
  // A text with a mention is for the bot as in a private chat.
  const parsed = parseCommand(text, mentioned !== undefined);
  if (parsed) return runCommand(context, parsed);
  if (mentioned === undefined && answered === undefined) return undefined;
  if (cleanText(text, text.length) === "") {
    if (message.has_media) return addNotice(context, message, freeText.noText);
    return hasText ? runCommand(context, { word: "help", args: "" }) : undefined;
  }
  const result =
    (answered === undefined ? await interpretBareText(context, text) : undefined) ??
    (await interpretFreeText(context, text, answered?.text));
  return message.has_media ? addNotice(context, message, freeText.onlyText, result) : result;
}

/** Adds a notice about a message to what is replied, once for pictures and files that were sent together. */
async function addNotice(
  { deps, chat }: CommandContext,
  { media_group_id: group }: TelegramMessage,
  notice: string,
  result: CommandResult = {},
): Promise<CommandResult> {
  const key = `album:${chat}:${encodeURIComponent(group ?? "")}`;
  const [known] = group ? await deps.store.read([key]) : [];
  if (known) return result;
  const album = group ? [{ key, value: true, expires: DAY }] : [];
  const rich = joinRichText([result.reply?.rich, `ℹ️ ${notice}`], "\n");
  return { ...result, reply: { ...result.reply, rich }, put: [...(result.put ?? []), ...album] };
}

/** Returns the text without the mention of this bot; undefined when there is none. */
async function readMention({ deps }: CommandContext, text: string): Promise<string | undefined> {
  if (!text.includes("@")) return undefined;
  const bot = await readBotIdentity(deps);
  const rest = bot && text.replace(new RegExp(`(^|[^\\w@/])@${bot.username}(?!\\w)`, "gi"), "$1");
  return rest === text ? undefined : rest?.replace(/^[\s,:;–-]+/, "").trim();
}

/** Returns who the bot is, from the cache after the first call; undefined while Telegram does not answer. */
async function readBotIdentity({ telegram, cache }: Pick<CommandDeps, "telegram" | "cache">) {
  const cached = await cache.getItem<{ id: number; username: string }>("telegram-me");
  if (cached) return cached;
  const me = await telegram?.getMe();
  if (me?.kind !== "me") return undefined;
  const { id, username } = me;
  await cache.setItem("telegram-me", { id, username });
  return { id, username };
}

/** Runs a command, unless it names another bot, as `/plane@some_bot`. While this bot's name is unknown, it is for it. */
async function runCommand(
  context: CommandContext,
  { word, args, bot }: ParsedCommand,
): Promise<CommandResult | undefined> {
  const identity = bot === undefined ? undefined : await readBotIdentity(context.deps);
  if (identity && identity.username.toLowerCase() !== bot?.toLowerCase()) return undefined;
  const command = findCommand(word);
  return command ? command.run(context, args) : suggestCommand(context, { word, args });
}

/** Finds a command by its name or an alias, ignoring case and accents. */
function findCommand(word: string): TelegramCommand | undefined {
  const wanted = normalizeName(word);
  return TELEGRAM_COMMANDS.find(
    ({ name, aliases }) => name === wanted || aliases.some((other) => normalizeName(other) === wanted),
  );
}

/**
 * Replies to an unknown command with buttons: the most similar command, and the whole text to the Concierge, so that a
 * word that was no command is not lost. `text` is what the user wrote after `/plane`.
 */
function suggestCommand(
  context: CommandContext,
  { word, args }: ParsedCommand,
  text = `${word} ${args}`,
): CommandResult {
  const { answers } = context.presentation.texts;
  const notFound = fillTemplate(answers.unknown, { word: toSafeText(word, 40) });
  const command = findSimilarCommand(word);
  const options: CommandOption[] = command
    ? [{ label: `/plane ${command.name} ${args}`.trim(), command: command.name, args }]
    : [];
  if (args !== "" && isConciergeReachable(context))
    options.push(createConciergeOption(context, text.trim(), context.presentation.texts.freeText.sendAll));
  if (options.length === 0) return { reply: { rich: joinRichText([notFound, " ", toCode("/plane help")]) } };
  return offerChoices(context, joinRichText([notFound, answers.nearest], "\n"), options);
}

/** Finds the command whose name or alias a mistyped word most likely means. */
function findSimilarCommand(word: string): TelegramCommand | undefined {
  const names = TELEGRAM_COMMANDS.flatMap(({ name, aliases }) => [name, ...aliases]);
  const nearest = findNearestName(normalizeName(word), names);
  return nearest === undefined ? undefined : findCommand(nearest);
}

/**
 * Finds the replied message, if it is one of the bot. Telegram names its author and shows it as it is; the log also
 * knows it on the page.
 */
async function findBotMessage(
  { deps, chat }: CommandContext,
  { message_id: id, from, text, reply_markup: markup }: NonNullable<TelegramMessage["reply_to_message"]>,
): Promise<RepliedMessage | undefined> {
  const [ref] = await deps.store.read<SentMessageRef>([sentMessageKey(chat, id)]);
  const [logged] = ref ? await deps.store.read<ChatMessage>([ref.value.record]) : [];
  if (logged) {
    const { text: sent, buttons = [] } = logged.value;
    return { text: sent, buttons: buttons.flat().map(({ data }) => data), isLogged: true };
  }
  if (!from || from.id !== (await readBotIdentity(deps))?.id) return undefined;
  const buttons = (markup?.inline_keyboard ?? []).flat().flatMap(({ callback_data: data }) => data ?? []);
  return { text: text ?? "", buttons, isLogged: false };
}

/**
 * Runs a text without a slash as a command when it can mean nothing else: `status`, `done ONB-4 sent`, `agent Imhotep`.
 * A word with a typo is asked about. Undefined for free text.
 */
async function interpretBareText(context: CommandContext, text: string): Promise<CommandResult | undefined> {
  const parsed = parseBareText(text);
  const command = findCommand(parsed.word);
  const meant = command ?? findSimilarCommand(parsed.word);
  if (!(await meant?.isMeant?.(context, parsed.args))) return undefined;
  return command ? command.run(context, parsed.args) : suggestCommand(context, parsed, text);
}
