import { cleaned } from "../../shared/clean.ts";
import type { Ms } from "../../shared/store/port.ts";
import { data } from "../../shared/telegram/data.ts";
import { join, type RichText } from "../../shared/telegram/text.ts";
import { type Command, type Heard, type Outcome, type Press, shortId } from "./handler.ts";
import type { CommandName } from "./locales/answers/texts.ts";
import { counted, filled } from "./locales/say.ts";

/** One of several things that may be meant: what its button says, and the command it stands for. */
export interface Option {
  label: string;
  command: CommandName;
  args: string;
}

/** What is kept of a choice: what each button stood for when it was shown, and who has chosen. */
interface KeptChoice {
  options: { command: CommandName; args: string }[];
  chosen?: string;
}

/** So many buttons can be told apart. */
const SHOWN = 8;
const LABEL = 60;
/** What was meant is meant now, not next week. */
const KEPT_MS: Ms = 86_400_000;

const keyOf = (id: string) => `choice:${id}`;

/** Asks which of these is meant; a press does what that one stands for, once. */
export function ask(heard: Heard, question: RichText | string, options: readonly Option[]): Outcome {
  const { texts } = heard.look;
  const id = shortId(heard);
  const shown = options.slice(0, SHOWN);
  const left = options.length - shown.length;
  const kept: KeptChoice = { options: shown.map(({ command, args }) => ({ command, args })) };
  return {
    say: {
      rich: join([question, ...(left > 0 ? [counted(texts, texts.answers.many, left)] : [])], "\n"),
      buttons: shown.map(({ label }, n) => [{ text: cleaned(label, LABEL) || "–", data: `pick:${id}:${n}` }]),
    },
    put: [{ key: keyOf(id), value: kept, expires: KEPT_MS }],
  };
}

/** The press of a choice's button: the message then says what came of it. */
export function pickOf(commandOf: (name: CommandName) => Command | undefined): Press {
  return async (heard, { messageId, id, arg }) => {
    const { answers } = heard.look.texts;
    const [kept] = await heard.deps.store.read<KeptChoice>([keyOf(id)]);
    const option = kept?.value.options[Number(arg)];
    const command = option && commandOf(option.command);
    if (!kept || !option || !command) return { toast: answers.old };
    if (kept.value.chosen !== undefined)
      return { toast: filled(answers.chosen, { who: data(kept.value.chosen, 60) }).text };
    const { say, ...outcome } = await command.run(heard, option.args);
    const chosen: KeptChoice = { ...kept.value, chosen: heard.from.name };
    return {
      ...outcome,
      ...(say && { show: { ...say, messageId } }),
      expect: [...(outcome.expect ?? []), [keyOf(id), kept.rev]],
      put: [...(outcome.put ?? []), { key: keyOf(id), value: chosen, expires: KEPT_MS }],
    };
  };
}
