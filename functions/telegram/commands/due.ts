import { localizeDate } from "../../../shared/i18n/localize.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { toZonedDate } from "../../../shared/zoned-date.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { changeField } from "./change-field.ts";
import type { TelegramCommand } from "./command.ts";
import { stripQuotes } from "./parse-command.ts";
import { parseDueDate } from "./parse-date.ts";
import { replyUsage, withTask } from "./resolve-argument.ts";

/** Sets or removes the due date of a task. Words such as “friday” count from today in the settings' time zone. */
export const dueCommand: TelegramCommand = {
  name: "due",
  aliases: ["echeance", "échéance", "deadline"],
  run: (context, args) =>
    withTask(context, "due", args, async (task, rest) => {
      if (rest === "") return replyUsage(context, "due");
      const { answers, locale } = context.presentation.texts;
      const today = toZonedDate(context.deps.settings.timezone, await context.deps.store.now());
      const date = parseDueDate(stripQuotes(rest), today, locale);
      if (date === undefined)
        return { reply: { rich: fillTemplate(`⚠️ ${answers.refusals.noDate}`, { date: toSafeText(rest, 40) }) } };
      const { start, due } = task.item.snapshot;
      if (date !== null && start !== null && date < start) {
        const values = { start: localizeDate(locale, start) };
        return { reply: { rich: fillTemplate(`⚠️ ${answers.refusals.beforeStart}`, values) } };
      }
      const isSame = due === date;
      const confirmation = date === null ? answers.confirmations.noDue : answers.confirmations.due;
      return changeField(context, task, {
        isSame,
        fields: { target_date: date },
        confirmation: `📅 ${confirmation}`,
        values: { date: date === null ? "" : localizeDate(locale, date) },
      });
    }),
};
