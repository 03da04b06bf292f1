/** A message parsed as a command: the word after `/plane` and its arguments. */
export interface ParsedCommand {
  word: string;
  args: string;
  /** The name of the addressed bot, without `@`; absent if none is named. */
  bot?: string;
}

/**
 * Parses `/plane status`, `/plane@bot task ONB-1`, `/start` and `/help`. Where every message is for the bot (a private
 * chat, the dashboard) the slash is optional. Returns undefined for a message that is not for the bot.
 */
export function parseCommand(text: string, isForUs: boolean): ParsedCommand | undefined {
  const [, command = "", bot, rest = ""] = /^\s*\/(\w+)(?:@(\w+))?(?:\s+([\s\S]*))?$/.exec(text) ?? [];
  const named = bot === undefined ? {} : { bot };
  if (/^(start|help)$/i.test(command) && (isForUs || bot !== undefined)) return { word: "help", args: "", ...named };
  if (/^plane$/i.test(command)) return { ...splitCommand(rest), ...named };
  if (command !== "" || !isForUs || text.trim() === "") return undefined;
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
