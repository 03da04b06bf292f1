import type { CommandName } from "../../../shared/i18n/texts/answer-texts.ts";
import { parseTaskKey } from "../../../shared/task-key.ts";
import { matchAgent } from "../commands/agent.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";
import { type ParsedCommand, parseBareText, splitFirstArgument } from "../commands/parse-command.ts";
import { matchProject } from "../commands/resolve-argument.ts";
import { findCommand, findSimilarCommand } from "./registry.ts";
import { suggestCommand } from "./suggest-command.ts";

/**
 * What a command needs after its word, so that a text without a slash can only be meant as this command: nothing, a
 * task's key, a key with more text, or the whole name of a project or an agent. `new` is not among them: its word also
 * begins sentences.
 */
const BARE_FORMS: Partial<Record<CommandName, "alone" | "key" | "key_and_text" | "project" | "agent">> = {
  status: "alone",
  digest: "alone",
  help: "alone",
  cycle: "alone",
  task: "key",
  approve: "key",
  unmute: "key",
  mute: "key_and_text",
  assign: "key_and_text",
  block: "key_and_text",
  unblock: "key_and_text",
  cancel: "key_and_text",
  reject: "key_and_text",
  done: "key_and_text",
  comment: "key_and_text",
  due: "key_and_text",
  priority: "key_and_text",
  project: "project",
  agent: "agent",
};

/**
 * Runs a text without a slash as a command when it can mean nothing else: `status`, `done ONB-4 sent`, `agent Imhotep`.
 * A word with a typo is asked about. Undefined for free text.
 */
export async function interpretBareText(context: CommandContext, text: string): Promise<CommandResult | undefined> {
  const parsed = parseBareText(text);
  const command = findCommand(parsed.word);
  if (command)
    return (await hasBareForm(context, command.name, parsed)) ? command.run(context, parsed.args) : undefined;
  const similar = findSimilarCommand(parsed.word);
  const isMeant = similar !== undefined && (await hasBareForm(context, similar.name, parsed));
  return isMeant ? suggestCommand(context, parsed, text) : undefined;
}

async function hasBareForm(context: CommandContext, name: CommandName, { args }: ParsedCommand): Promise<boolean> {
  const { first, rest } = splitFirstArgument(args);
  switch (BARE_FORMS[name]) {
    case "alone":
      return args === "";
    case "key":
      return parseTaskKey(first) !== undefined && rest === "";
    case "key_and_text":
      return parseTaskKey(first) !== undefined;
    case "project": {
      const [match] = await matchProject(context, args);
      return match.kind === "one" && match.isExact;
    }
    case "agent": {
      const match = matchAgent(context, args);
      return match.kind === "one" && match.isExact;
    }
    default:
      return false;
  }
}
