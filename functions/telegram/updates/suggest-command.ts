import { joinRichText, toCode } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";
import { type CommandOption, offerChoices } from "../commands/offer-choices.ts";
import type { ParsedCommand } from "../commands/parse-command.ts";
import { findConcierge, isConciergeReachable } from "../commands/send-to-concierge.ts";
import { toAnswerArguments } from "../free-text/answer-command.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { findSimilarCommand } from "./registry.ts";

/**
 * Replies to an unknown command with buttons: the most similar command, and the whole text to the Concierge, so that a
 * word that was no command is not lost. `text` is what the user wrote after `/plane`.
 */
export function suggestCommand(
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
  if (args !== "" && isConciergeReachable(context.deps.settings)) options.push(createSendOption(context, text));
  if (options.length === 0) return { reply: { rich: joinRichText([notFound, " ", toCode("/plane help")]) } };
  return offerChoices(context, joinRichText([notFound, answers.nearest], "\n"), options);
}

function createSendOption({ deps, presentation }: CommandContext, text: string): CommandOption {
  const agent = toSafeText(findConcierge(deps.settings)?.name ?? "", 40);
  const label = fillTemplate(presentation.texts.freeText.sendAll, { agent }).text;
  return { ...toAnswerArguments({ kind: "message" }, text.trim()), label };
}
