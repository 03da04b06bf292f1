import { cleanText } from "../../../shared/clean-text.ts";
import type { Put } from "../../../shared/store/port.ts";
import { type ChatMessage, type SentMessageRef, sentMessageKey } from "../../../shared/telegram/message-log.ts";
import { joinRichText } from "../../../shared/telegram/rich-text.ts";
import { getRepliedMessage, isForwarded, type TelegramMessage } from "../../../shared/telegram/updates.ts";
import { DAY } from "../../../shared/time.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";
import { type ParsedCommand, parseCommand } from "../commands/parse-command.ts";
import { interpretFreeText } from "../free-text/interpret-free-text.ts";
import { isForThisBot, readBotIdentity, removeMention } from "./bot-identity.ts";
import { interpretBareText } from "./interpret-bare-text.ts";
import { findCommand, REPLY_HANDLERS } from "./registry.ts";
import { suggestCommand } from "./suggest-command.ts";

/** A message of the bot that another message replies to. */
interface BotMessage {
  text: string;
}

/** The text of a message, or under its picture or file. */
export function getMessageText({ text, caption }: TelegramMessage): string {
  return text ?? caption ?? "";
}

/**
 * Handles a person's message: a reply to something that waits, a command, or free text. `isPrivate`: every message is
 * for the bot, in a private chat and on the page. In a group only commands, replies to the bot and mentions of it are
 * read. Undefined for a message that is not for the bot.
 */
export async function interpretMessage(
  context: CommandContext,
  message: TelegramMessage,
  isPrivate: boolean,
): Promise<CommandResult | undefined> {
  const { freeText } = context.presentation.texts;
  if (isForwarded(message)) return isPrivate ? replyNotice(context, message, freeText.forwarded) : undefined;
  const written = getMessageText(message);
  const reply = getRepliedMessage(message);
  const hasText = cleanText(written, written.length) !== "";
  if (reply && hasText && !written.trimStart().startsWith("/")) {
    const result = await dispatchReply(context, reply.message_id, written);
    if (result) return result;
  }
  const mentioned = isPrivate ? written : await readMention(context, written);
  const text = mentioned ?? written;
  // A text with a mention is for the bot as in a private chat.
  const parsed = parseCommand(text, mentioned !== undefined);
  if (parsed) return runCommand(context, parsed);
  const answered = reply ? await findBotMessage(context, reply) : undefined;
  if (mentioned === undefined && !answered) return undefined;
  if (cleanText(text, text.length) === "") {
    if (message.has_media) return replyNotice(context, message, freeText.noText);
    return hasText ? runCommand(context, { word: "help", args: "" }) : undefined;
  }
  const result =
    (answered ? undefined : await interpretBareText(context, text)) ??
    (await interpretFreeText(context, text, answered));
  return message.has_media ? addNotice(context, message, result) : result;
}

async function runCommand(context: CommandContext, parsed: ParsedCommand): Promise<CommandResult | undefined> {
  if (!(await isForThisBot(context.deps, parsed.bot))) return undefined;
  const command = findCommand(parsed.word);
  return command ? command.run(context, parsed.args) : suggestCommand(context, parsed);
}

async function dispatchReply(context: CommandContext, to: number, text: string): Promise<CommandResult | undefined> {
  for (const handleReply of REPLY_HANDLERS) {
    const outcome = await handleReply(context, { to, text });
    if (outcome) return outcome;
  }
  return undefined;
}

/** Returns the text without the mention of this bot; undefined when there is none. */
async function readMention({ deps }: CommandContext, text: string): Promise<string | undefined> {
  if (!text.includes("@")) return undefined;
  const bot = await readBotIdentity(deps);
  return bot && removeMention(text, bot.username);
}

/** Finds the replied message among those of the bot. Telegram names its author, the log also knows it on the page. */
async function findBotMessage(
  { deps, chat }: CommandContext,
  { message_id: id, from, text }: NonNullable<TelegramMessage["reply_to_message"]>,
): Promise<BotMessage | undefined> {
  const [ref] = await deps.store.read<SentMessageRef>([sentMessageKey(chat, id)]);
  const [logged] = ref ? await deps.store.read<ChatMessage>([ref.value.record]) : [];
  if (logged) return { text: logged.value.text };
  if (!from || from.id !== (await readBotIdentity(deps))?.id) return undefined;
  return { text: text ?? "" };
}

/** Replies with a notice, once for pictures and files that were sent together. */
async function replyNotice(context: CommandContext, message: TelegramMessage, notice: string): Promise<CommandResult> {
  const album = await readAlbum(context, message);
  if (album.isKnown) return {};
  return { reply: { rich: joinRichText([`ℹ️ ${notice}`]) }, put: album.put };
}

/** Adds the notice that an attachment is not read, once for those that were sent together. */
async function addNotice(
  context: CommandContext,
  message: TelegramMessage,
  result: CommandResult,
): Promise<CommandResult> {
  const album = await readAlbum(context, message);
  const notice = `ℹ️ ${context.presentation.texts.freeText.onlyText}`;
  const { reply } = result;
  const rich = reply ? joinRichText([reply.rich, notice], "\n") : joinRichText([notice]);
  return { ...result, reply: { ...reply, rich }, put: [...(result.put ?? []), ...album.put] };
}

async function readAlbum(
  { deps, chat }: CommandContext,
  { media_group_id: group }: TelegramMessage,
): Promise<{ isKnown: boolean; put: Put[] }> {
  if (group === undefined || group === null) return { isKnown: false, put: [] };
  const key = `album:${chat}:${encodeURIComponent(group)}`;
  const [known] = await deps.store.read([key]);
  return { isKnown: known !== undefined, put: [{ key, value: true, expires: DAY }] };
}
