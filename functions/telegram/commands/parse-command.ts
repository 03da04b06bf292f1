/** A message parsed as a command: the word after `/plane` and its arguments. */
export interface ParsedCommand {
  word: string;
  args: string;
  /** The name of the addressed bot, without `@`; absent if none is named. */
  bot?: string;
}

/** A slash and a word, perhaps with the bot's name. Accents are allowed, because people type them: `/état`. */
const SLASH_COMMAND = /^\s*\/([\p{L}\p{N}_]+)(?:@(\w+))?(?:\s+([\s\S]*))?$/u;

/**
 * Parses `/plane status`, `/plane@bot task ONB-1`, and the short form `/status`, which needs the bot's name unless every
 * message is for the bot (a private chat, the dashboard). Returns undefined for a message that is no command for the bot.
 */
export function parseCommand(text: string, isForUs: boolean): ParsedCommand | undefined {
  const [, command, bot, rest = ""] = SLASH_COMMAND.exec(text) ?? [];
  if (command === undefined) return undefined;
  const named = bot === undefined ? {} : { bot };
  if (/^plane$/i.test(command)) return { ...splitCommand(rest), ...named };
  if (!isForUs && bot === undefined) return undefined;
  if (/^start$/i.test(command)) return { word: "help", args: "", ...named };
  return { word: command, args: rest.trim(), ...named };
}

/** Parses a text without a slash as the words after `/plane`. Whether it is meant so is for the caller to decide. */
export function parseBareText(text: string): ParsedCommand {
  return splitCommand(text.replace(/^\s*plane\b/i, ""));
}

function splitCommand(text: string): Pick<ParsedCommand, "word" | "args"> {
  const [, word = "", args = ""] = /^\s*(\S*)\s*([\s\S]*)$/.exec(text) ?? [];
  return { word: word === "" ? "help" : word, args: args.trim() };
}

const QUOTED_ARGUMENT = /^(?:"([^"]+)"|“([^”]+)”|«\s*([^»]+?)\s*»)\s*([\s\S]*)$/;

/** Splits off the first word, or the first text in quotation marks. */
export function splitFirstArgument(args: string): { first: string; rest: string; quoted: boolean } {
  const text = args.trim();
  const [, straight, curly, angled, after = ""] = QUOTED_ARGUMENT.exec(text) ?? [];
  const inside = straight ?? curly ?? angled;
  if (inside !== undefined) return { first: inside.trim(), rest: after.trim(), quoted: true };
  const [, first = "", rest = ""] = /^(\S*)\s*([\s\S]*)$/.exec(text) ?? [];
  return { first, rest: rest.trim(), quoted: false };
}

/** Removes quotation marks around the whole text. */
export function stripQuotes(text: string): string {
  return text.replace(/^["“«]\s*|\s*["”»]$/g, "");
}
