import { localizeCount } from "../../../shared/i18n/plural.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import type { KeptProject } from "../../../shared/observe/stored-records.ts";
import { joinRichText, type RichText, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { type CycleProgress, listCycles, readCycleProgress } from "../../../shared/work/cycles/cycle-progress.ts";
import { forecastTasks } from "../../../shared/work/forecast/forecast-tasks.ts";
import { countTasks } from "../../../shared/work/tasks/count-tasks.ts";
import { formatCycleCounts } from "../digest/render-cycle.ts";
import { renderForecastLine } from "../presentation/render-figures.ts";
import type { CommandContext, CommandResult, TelegramCommand } from "./command.ts";
import { paginateReply } from "./paginate.ts";
import { stripQuotes } from "./parse-command.ts";
import { readOpenTasks, renderDataAge } from "./read-tasks.ts";
import { renderHeading, renderOpenTasks, renderProjectProgress, renderSection } from "./render-tasks.ts";
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
  const cycles = (await listCycles(context.deps, [project])).filter(({ cycle }) => cycle.phase === "current");
  const progress = await Promise.all(cycles.map((one) => readCycleProgress(context.deps, one)));
  const forecast = await forecastTasks(
    context.deps,
    open.map(({ item }) => item),
  );
  return paginateReply(context, [
    joinRichText([
      renderHeading("📁", ""),
      renderProjectProgress(context, project, await countTasks(context.deps, project)),
    ]),
    toPlainText(open.length === 0 ? answers.emptyLists.open : localizeCount(texts, answers.open, open.length)),
    ...keepDefined([renderForecastLine(texts, forecast, context.deps.settings.budget?.currency)]),
    ...renderSection(
      "🏃",
      answers.headings.cycles,
      progress.map((one) => renderCycleLine(context, one)),
    ),
    ...(await renderOpenTasks(context, open)),
    toPlainText(""),
    await renderDataAge(context),
  ]);
}

function renderCycleLine({ presentation: { texts } }: CommandContext, progress: CycleProgress): RichText {
  return joinRichText([toSafeText(progress.cycle.name), texts.colon, formatCycleCounts(texts, progress)]);
}
