import { findNearestName } from "../../../shared/nearest-name.ts";
import { joinRichText, toCode } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";
import { normalizeName } from "../commands/match-name.ts";
import { offerChoices } from "../commands/offer-choices.ts";
import type { ParsedCommand } from "../commands/parse-command.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { TELEGRAM_COMMANDS } from "./registry.ts";

/** Replies to an unknown command with a button for the most similar command. */
export function suggestCommand(context: CommandContext, { word, args }: ParsedCommand): CommandResult {
  const { answers } = context.presentation.texts;
  const notFound = fillTemplate(answers.unknown, { word: toSafeText(word, 40) });
  const nearest = findNearestName(
    normalizeName(word),
    TELEGRAM_COMMANDS.flatMap(({ name, aliases }) => [name, ...aliases]),
  );
  const command = TELEGRAM_COMMANDS.find(
    ({ name, aliases }) => nearest !== undefined && [name, ...aliases].includes(nearest),
  );
  if (!command) return { reply: { rich: joinRichText([notFound, " ", toCode("/plane help")]) } };
  const label = `/plane ${command.name} ${args}`.trim();
  return offerChoices(context, joinRichText([notFound, answers.nearest], "\n"), [
    { label, command: command.name, args },
  ]);
}
