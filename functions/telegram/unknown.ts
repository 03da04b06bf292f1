import { nearestName } from "../../shared/config/nearest.ts";
import { data } from "../../shared/telegram/data.ts";
import { code, join } from "../../shared/telegram/text.ts";
import type { Heard, Outcome } from "./handler.ts";
import { COMMANDS } from "./handlers.ts";
import { filled } from "./locales/say.ts";
import { folded } from "./match.ts";
import { ask } from "./pick.ts";
import type { Asked } from "./words.ts";

/** A word that is no command: the nearest one that is, to be pressed. */
export function unknownWord(heard: Heard, { word, args }: Asked): Outcome {
  const { answers } = heard.look.texts;
  const none = filled(answers.unknown, { word: data(word, 40) });
  const near = nearestName(
    folded(word),
    COMMANDS.flatMap(({ name, also }) => [name, ...also]),
  );
  const command = COMMANDS.find(({ name, also }) => near !== undefined && [name, ...also].includes(near));
  if (!command) return { say: { rich: join([none, " ", code("/plane help")]) } };
  const label = `/plane ${command.name} ${args}`.trim();
  return ask(heard, join([none, answers.nearest], "\n"), [{ label, command: command.name, args }]);
}
