import { localizeNumber } from "../../../shared/i18n/localize.ts";
import { localizeCount } from "../../../shared/i18n/plural.ts";
import { observedSets } from "../../../shared/observe/store-keys.ts";
import type { KeptCycle, KeptProject } from "../../../shared/observe/stored-records.ts";
import { readAllRows } from "../../../shared/store/scan-set.ts";
import { isBlocked } from "../../../shared/task/diff.ts";
import { joinRichText, type RichText, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { countTasks } from "../../../shared/work/tasks/count-tasks.ts";
import type { Task } from "../../../shared/work/tasks/find-task.ts";
import { isInReview } from "../../../shared/work/tasks/is-in-review.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import type { CommandContext, CommandResult, TelegramCommand } from "./command.ts";
import { paginateReply } from "./paginate.ts";
import { stripQuotes } from "./parse-command.ts";
import { readOpenTasks, renderDataAge } from "./read-tasks.ts";
import { renderHeading, renderProjectProgress, renderSection, renderTaskLines } from "./render-tasks.ts";
import { matchProject, replyAmbiguous, replyUsage } from "./resolve-argument.ts";

/** Shows one project: its progress and its open tasks, grouped by what they wait for (NOTIF-06). */
export const projectCommand: TelegramCommand = {
  name: "project",
  aliases: ["projet", "projects", "projets"],
  async run(context, args) {
    if (args === "") return replyUsage(context, "project");
    const [match, projects] = await matchProject(context, stripQuotes(args));
    if (match.kind === "one") return replyProject(context, match.candidate);
    const toOption = ({ identifier, name }: KeptProject) => ({
      label: `${identifier} ${name}`,
      command: "project" as const,
      args: identifier,
    });
    const names = projects.map(({ identifier, name }) => `${name} (${identifier})`);
    return replyAmbiguous(context, "project", stripQuotes(args), match, toOption, names);
  },
};

async function replyProject(context: CommandContext, project: KeptProject): Promise<CommandResult> {
  const { texts } = context.presentation;
  const { answers } = texts;
  const open = await readOpenTasks(context, [project]);
  const renderMatching = async (matches: (task: Task) => boolean) => renderTaskLines(context, open.filter(matches));
  const isReview = ({ item }: Task) => isInReview(item);
  const isWaiting = (task: Task) => isBlocked(task.item) && !isReview(task);
  const isInProgress = (task: Task) => task.item.snapshot.word === "in_progress" && !isReview(task) && !isWaiting(task);
  const isNext = (task: Task) => !isReview(task) && !isWaiting(task) && !isInProgress(task);
  const stored = await readAllRows<KeptCycle>(context.deps, observedSets.cycles(project.id));
  const cycles = stored.map(({ value }) => value).filter(({ phase }) => phase === "current");
  return paginateReply(context, [
    joinRichText([
      renderHeading("📁", ""),
      renderProjectProgress(context, project, await countTasks(context.deps, project)),
    ]),
    toPlainText(open.length === 0 ? answers.emptyLists.open : localizeCount(texts, answers.open, open.length)),
    ...renderSection(
      "🏃",
      answers.headings.cycles,
      cycles.map((cycle) => renderCycleLine(context, cycle)),
    ),
    ...renderSection("🔵", answers.headings.atWork, await renderMatching(isInProgress)),
    ...renderSection("🙋", answers.headings.waiting, await renderMatching(isReview)),
    ...renderSection("⛔", answers.headings.blocked, await renderMatching(isWaiting)),
    ...renderSection("⬜", answers.headings.todo, await renderMatching(isNext)),
    toPlainText(""),
    await renderDataAge(context),
  ]);
}

function renderCycleLine({ presentation: { texts } }: CommandContext, { name, done, total }: KeptCycle): RichText {
  const counts = { done: localizeNumber(texts.locale, done), total: localizeNumber(texts.locale, total) };
  return joinRichText([toSafeText(name), texts.colon, fillTemplate(texts.progress, counts)]);
}
