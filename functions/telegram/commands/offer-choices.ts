import { cleanLine } from "../../../shared/clean-text.ts";
import { localizeCount } from "../../../shared/i18n/plural.ts";
import type { CommandName } from "../../../shared/i18n/texts/answer-texts.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { joinRichText, type RichText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import {
  type ButtonHandler,
  type ChoiceCommand,
  type CommandContext,
  type CommandResult,
  createShortId,
  type TelegramCommand,
} from "./command.ts";

/** One of several possible meanings: the label of its button, and the command that the button runs. */
export interface CommandOption {
  label: string;
  command: CommandName | ChoiceCommand["name"];
  args: string;
}

/** The stored choice: the command of each button, and who has chosen. */
interface KeptChoice {
  options: Pick<CommandOption, "command" | "args">[];
  chosen?: string;
}

/** Maximum number of buttons: more are hard to tell apart. */
const OPTION_LIMIT = 8;
const LABEL_LIMIT = 60;
/** Retention for choices: 1 day, since a later press is unlikely to be intended. */
const CHOICE_RETENTION: Ms = DAY;

const choiceKey = (id: string) => `choice:${id}`;

/** Asks which option is meant. A press runs the option's command, once. */
export function offerChoices(
  context: CommandContext,
  question: RichText | string,
  options: readonly CommandOption[],
): CommandResult {
  const { texts } = context.presentation;
  const id = createShortId(context);
  const offered = options.slice(0, OPTION_LIMIT);
  const omittedCount = options.length - offered.length;
  const keptChoice: KeptChoice = { options: offered.map(({ command, args }) => ({ command, args })) };
  return {
    reply: {
      rich: joinRichText(
        keepDefined([
          question,
          omittedCount > 0 ? localizeCount(texts, texts.answers.moreMatches, omittedCount) : undefined,
        ]),
        "\n",
      ),
      buttons: offered.map(({ label }, n) => [{ text: cleanLine(label, LABEL_LIMIT) || "–", data: `pick:${id}:${n}` }]),
    },
    put: [{ key: choiceKey(id), value: keptChoice, expires: CHOICE_RETENTION }],
  };
}

/** Handles the press of an option: the command's reply replaces the question. */
export function createChoiceHandler(
  getCommand: (name: CommandOption["command"]) => Pick<TelegramCommand, "run"> | undefined,
): ButtonHandler {
  return async (context, { messageId, id, arg }) => {
    const { answers } = context.presentation.texts;
    const [stored] = await context.deps.store.read<KeptChoice>([choiceKey(id)]);
    const option = stored?.value.options[Number(arg)];
    const command = option && getCommand(option.command);
    if (!stored || !option || !command) return { toast: answers.expiredButton };
    if (stored.value.chosen !== undefined)
      return { toast: fillTemplate(answers.alreadyChosen, { who: toSafeText(stored.value.chosen, 60) }).text };
    const { reply, ...result } = await command.run(context, option.args);
    const chosen: KeptChoice = { ...stored.value, chosen: context.from.name };
    return {
      ...result,
      ...omitUndefined({ replaceMessage: reply ? { ...reply, messageId } : undefined }),
      expect: [...(result.expect ?? []), [choiceKey(id), stored.rev]],
      put: [...(result.put ?? []), { key: choiceKey(id), value: chosen, expires: CHOICE_RETENTION }],
    };
  };
}
