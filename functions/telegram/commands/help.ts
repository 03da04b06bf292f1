import { code, join, plain } from "../../../shared/telegram/text.ts";
import type { Command } from "../handler.ts";
import { COMMAND_NAMES } from "../locales/answers/texts.ts";
import { headOf } from "./lines.ts";

/** All commands, each with how it is written and what comes of it. */
export const help: Command = {
  name: "help",
  also: ["aide", "?"],
  async run({ look }) {
    const { texts } = look;
    const { answers } = texts;
    const lines = COMMAND_NAMES.map((name) => {
      const { usage, what } = answers.commands[name];
      return join([code(`/plane ${name}${usage === undefined ? "" : ` ${usage}`}`), `${texts.colon}${what}`]);
    });
    return { say: { rich: join([headOf("🧭", answers.help), ...lines, plain("")], "\n") } };
  },
};
