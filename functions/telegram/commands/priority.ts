import { PRIORITIES, type Priority } from "../../../shared/task/snapshot.ts";
import { changeField } from "./change-field.ts";
import type { TelegramCommand } from "./command.ts";
import { normalizeName } from "./match-name.ts";
import { offerChoices } from "./offer-choices.ts";
import { stripQuotes } from "./parse-command.ts";
import { withTask } from "./resolve-argument.ts";

/** French words for the priorities, without accents. English ones are Plane's own. */
const FRENCH_WORDS: Record<Priority, readonly string[]> = {
  urgent: ["urgente"],
  high: ["haute", "haut", "elevee", "eleve"],
  medium: ["moyenne", "moyen", "normale", "normal"],
  low: ["basse", "bas", "faible"],
  none: ["aucune", "aucun", "sans", "-"],
};

/** Sets the priority of a task. Without a known priority, buttons offer all of them. */
export const priorityCommand: TelegramCommand = {
  name: "priority",
  aliases: ["priorite", "priorité", "prio"],
  run: (context, args) =>
    withTask(context, "priority", args, async (task, rest) => {
      const { answers, priorities } = context.presentation.texts;
      const priority = parsePriority(stripQuotes(rest));
      if (priority === undefined) {
        const options = PRIORITIES.map((name) => ({
          label: priorities[name],
          command: "priority" as const,
          args: `${task.key} ${name}`,
        }));
        return offerChoices(context, answers.choosePriority, options);
      }
      return changeField(context, task, {
        isSame: task.item.snapshot.priority === priority,
        fields: { priority },
        confirmation: `❗ ${answers.confirmations.priority}`,
        values: { priority: priorities[priority] },
      });
    }),
};

function parsePriority(text: string): Priority | undefined {
  const word = normalizeName(text);
  return PRIORITIES.find((name) => name === word || FRENCH_WORDS[name].includes(word));
}
