import { localizeDate, localizeDuration, localizeMoney, localizeNumber } from "../../../shared/i18n/localize.ts";
import { htmlToText } from "../../../shared/markdown/html-to-text.ts";
import { observedSets } from "../../../shared/observe/store-keys.ts";
import { joinRichText, type RichText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { readCard } from "../../../shared/work/card/card-record.ts";
import { readLiveClaims } from "../../../shared/work/claims/find-claim.ts";
import type { Task } from "../../../shared/work/tasks/find-task.ts";
import { isInReview } from "../../../shared/work/tasks/is-in-review.ts";
import { readOpenBlockers } from "../../../shared/work/tasks/open-blockers.ts";
import { readTaskTimes } from "../../../shared/work/time/task-times.ts";
import { renderProjectName } from "../presentation/notification-details.ts";
import { addReplyTask, type CommandContext, type CommandResult, type TelegramCommand } from "./command.ts";
import { paginateReply } from "./paginate.ts";
import { stripQuotes } from "./parse-command.ts";
import { renderDataAge } from "./read-tasks.ts";
import { formatTaskPercent, getTaskEmoji, getWorkStart, renderSince, renderTaskLink } from "./render-tasks.ts";
import { matchTask, replyAmbiguous, replyUsage } from "./resolve-argument.ts";

const TEXT_LIMIT = 300;

/** Shows one task: its status, agent, blockers and the progress of the work on it. */
export const taskCommand: TelegramCommand = {
  name: "task",
  aliases: ["tache", "tâche", "tasks"],
  async run(context, args) {
    if (args === "") return replyUsage(context, "task");
    const match = await matchTask(context, stripQuotes(args));
    if (match.kind === "one") return replyTask(context, match.candidate);
    return replyAmbiguous(context, "task", stripQuotes(args), match, ({ key, item }) => ({
      label: `${key} ${item.snapshot.name}`,
      command: "task" as const,
      args: key,
    }));
  },
};

async function replyTask(context: CommandContext, task: Task): Promise<CommandResult> {
  const { deps, presentation } = context;
  const { texts } = presentation;
  const { fields, answers, locale } = texts;
  const { snapshot, owners = [] } = task.item;
  const [card, [claim], blockers, times, dependants, now] = await Promise.all([
    readCard(deps, task.id),
    readLiveClaims(deps, [task.id]),
    readOpenBlockers(deps, [task.item]),
    readTaskTimes(deps, task.id),
    deps.store.count(observedSets.dependants(task.id)),
    deps.store.now(),
  ]);
  const lines: RichText[] = [joinRichText([`${getTaskEmoji(task)} `, renderTaskLink(context, task)])];
  const add = (label: string, ...value: (RichText | string)[]) =>
    lines.push(joinRichText([label, texts.colon, ...value]));
  add(fields.project, renderProjectName(task.project));
  add(fields.status, texts.statuses[snapshot.word], isInReview(task.item) ? ` (${answers.inReview})` : "");
  if (owners.length > 0) add(fields.agent, toSafeText(owners.join(", "), 80));
  const since = getWorkStart(claim, task);
  const claimant = claim ? [toSafeText(claim.agent, 80), " "] : [];
  if (since !== undefined) add(answers.headings.atWork, ...claimant, renderSince(context, since, now));
  if (snapshot.priority !== "none") add(fields.priority, texts.priorities[snapshot.priority]);
  if (snapshot.due !== null) add(fields.due, localizeDate(locale, snapshot.due));
  const openBlockers = task.item.blockers.flatMap((id) => blockers.get(id) ?? []);
  if (openBlockers.length > 0) {
    const blockerNames = openBlockers.map(({ key, title }) =>
      joinRichText([toSafeText(key, 40), toSafeText(title, 60)], " "),
    );
    add(fields.blockers, joinRichText(blockerNames, ", "));
  }
  if (dependants > 0) add(answers.fields.dependants, localizeNumber(locale, dependants));
  if (card?.percent !== undefined) add(answers.fields.progress, formatTaskPercent(context, card.percent));
  if (card?.text !== undefined) add(answers.fields.said, toSafeText(card.text, TEXT_LIMIT));
  if (card?.confidence !== undefined) add(answers.fields.confidence, formatTaskPercent(context, card.confidence * 100));
  if (card?.cost !== undefined) add(answers.fields.cost, formatTaskCost(context, card.cost));
  if (times.spent > 0) add(answers.fields.time, localizeDuration(locale, times.spent));
  const text = htmlToText(snapshot.description, TEXT_LIMIT);
  if (text !== "") add(answers.fields.text, toSafeText(text, TEXT_LIMIT));
  lines.push(joinRichText([""]), await renderDataAge(context));
  return addReplyTask(await paginateReply(context, lines), task);
}

/** Formats a cost in the budget's currency, if a budget is configured. */
function formatTaskCost({ deps: { settings }, presentation: { texts } }: CommandContext, cost: number): string {
  const { budget } = settings;
  if (!budget) return localizeNumber(texts.locale, cost);
  return localizeMoney(texts.locale, cost, budget.currency);
}
