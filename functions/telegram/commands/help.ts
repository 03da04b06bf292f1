import { COMMAND_NAMES } from "../../../shared/i18n/texts/answer-texts.ts";
import { joinRichText, toCode, toPlainText } from "../../../shared/telegram/rich-text.ts";
import type { TelegramCommand } from "./command.ts";
import { renderHeading } from "./render-tasks.ts";

/** Lists all commands with their syntax and effect. */
export const helpCommand: TelegramCommand = {
  name: "help",
  aliases: ["aide", "?"],
  async run({ presentation }) {
    const { texts } = presentation;
    const { answers } = texts;
    const lines = COMMAND_NAMES.map((name) => {
      const { usage, what } = answers.commands[name];
      return joinRichText([toCode(`/plane ${name}${usage === undefined ? "" : ` ${usage}`}`), `${texts.colon}${what}`]);
    });
    return { reply: { rich: joinRichText([renderHeading("🧭", answers.help), ...lines, toPlainText("")], "\n") } };
  },
};
