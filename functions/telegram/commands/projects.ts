/** Commands about projects and cycles: /project and /cycle. */

import { formatTemplate } from "../../../shared/i18n/localize.ts";
import { PlaneError } from "../../../shared/plane/errors.ts";
import type { ProjectRecord } from "../../../shared/records/plane-records.ts";
import { type CycleProgress, type ProjectCycle, readCycleItems, readCycles } from "../../../shared/sync/cycles.ts";
import { forecastTasks } from "../../../shared/tasks/forecast.ts";
import { countTasks, listCycles, readCurrentCycles, readCycleProgress } from "../../../shared/tasks/task-counts.ts";
import { joinRichText, type RichText, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import {
  formatCycleCounts,
  formatCycleDates,
  formatCycleForecast,
  renderCycleLine,
  renderForecastLine,
} from "../presentation/figures.ts";
import { renderProjectName } from "../presentation/notification-details.ts";
import { createReadCommand, isAlone, PROJECTS, type SubjectType, stripQuotes, withSubject } from "./arguments.ts";
import { offerChoices, paginateReply } from "./choices.ts";
import { type CommandContext, type CommandResult, createReadCallContext, type TelegramCommand } from "./command.ts";
import {
  compareByUrgency,
  readFollowedProjects,
  readOpenTasks,
  renderDataAge,
  renderHeading,
  renderOpenTasks,
  renderProgressBar,
  renderProjectProgress,
  renderSection,
} from "./task-lists.ts";

/** Shows one project: its progress and its open tasks, grouped by what they wait for (NOTIF-06). */
export const projectCommand = createReadCommand("project", ["projet", "projects", "projets"], PROJECTS, replyProject);

const PHASE_ORDER = ["current", "upcoming", "draft", "completed"];

/** Shows a cycle: its progress, what is left, and when it will be done at its pace. Without a name, the current ones. */
export const cycleCommand: TelegramCommand = {
  name: "cycle",
  aliases: ["cycles", "sprint", "sprints"],
  isMeant: isAlone,
  async run(context, args) {
    const cycles = await CYCLES.readAll(context);
    if (args === "") return replyCurrentCycles(context, cycles);
    const chosen = cycles.find(({ cycle }) => args === `@${cycle.id}`);
    if (chosen) return replyCycle(context, chosen);
    return withSubject(context, CYCLES, "cycle", stripQuotes(args), (one) => replyCycle(context, one));
  },
};

/** Cycles. A button names one by its id, because projects have cycles of the same name. */
const CYCLES: SubjectType<ProjectCycle> = {
  name: "cycle",
  async readAll(context) {
    return (await listCycles(context.deps, await readFollowedProjects(context))).sort(compareByPhase);
  },
  getNames: ({ cycle, project }) => [
    cycle.name,
    `${cycle.name} ${project.identifier}`,
    `${project.identifier} ${cycle.name}`,
  ],
  toOption({ presentation }, { cycle, project }) {
    const label = `${cycle.name} – ${project.identifier}, ${formatCycleDates(presentation, { cycle })}`;
    return { label, argument: `@${cycle.id}` };
  },
  getListedName: ({ cycle }) => cycle.name,
};

async function replyProject(context: CommandContext, project: ProjectRecord): Promise<CommandResult> {
  const { deps, presentation } = context;
  const { texts, format } = presentation;
  const { answers, colon } = texts;
  const open = await readOpenTasks(context, [project]);
  const progress = await readCurrentCycles(deps, [project]);
  const items = open.map(({ item }) => item);
  const forecast = renderForecastLine(presentation, await forecastTasks(deps, items));
  const cycleLines = progress.map((one) =>
    joinRichText([toSafeText(one.cycle.name), colon, formatCycleCounts(presentation, one)]),
  );
  return paginateReply(context, [
    joinRichText(["📁 ", renderProjectProgress(context, project, await countTasks(deps, project))]),
    toPlainText(open.length === 0 ? answers.emptyLists.open : format.count(answers.open, open.length)),
    ...(forecast ? [forecast] : []),
    ...renderSection("🏃", answers.headings.cycles, cycleLines),
    ...(await renderOpenTasks(context, open)),
    toPlainText(""),
    await renderDataAge(context),
  ]);
}

/** Sorts current cycles first and, among the completed ones, the last one first. */
function compareByPhase({ cycle: a }: ProjectCycle, { cycle: b }: ProjectCycle): number {
  const order = PHASE_ORDER.indexOf(a.phase) - PHASE_ORDER.indexOf(b.phase);
  if (order !== 0 || a.phase !== "completed") return order;
  return (a.end ?? "") > (b.end ?? "") ? -1 : 1;
}

async function replyCurrentCycles(context: CommandContext, cycles: readonly ProjectCycle[]): Promise<CommandResult> {
  const { deps, presentation } = context;
  const { texts } = presentation;
  const current = cycles.filter(({ cycle }) => cycle.phase === "current");
  const [only] = current;
  if (only && current.length === 1) return replyCycle(context, only);
  const renderLines = async (some: readonly ProjectCycle[]) => {
    const progress = await Promise.all(some.map((one) => readCycleProgress(deps, one)));
    return progress.map((one) => joinRichText(["• ", renderCycleLine(presentation, one)]));
  };
  if (only) {
    const lines = [renderHeading("🏃", texts.answers.headings.cycles), ...(await renderLines(current))];
    return offerChoices(
      context,
      joinRichText(lines, "\n"),
      current.map((one) => {
        const { label, argument: args } = CYCLES.toOption(context, one);
        return { label, command: "cycle", args };
      }),
    );
  }
  if (cycles.length === 0) return { reply: { rich: toPlainText(texts.cycles.none) } };
  const upcoming = cycles.filter(({ cycle }) => cycle.phase === "upcoming");
  const heading = upcoming.length === 0 ? [] : [renderHeading("🗓️", texts.cycles.upcoming)];
  return paginateReply(context, [toPlainText(texts.cycles.noneCurrent), ...heading, ...(await renderLines(upcoming))]);
}

async function replyCycle(context: CommandContext, stored: ProjectCycle): Promise<CommandResult> {
  const { deps, presentation } = context;
  const { texts } = presentation;
  const isFresh = await refreshCycle(context, stored);
  const [current] = (await listCycles(deps, [stored.project])).filter(({ cycle }) => cycle.id === stored.cycle.id);
  const progress = await readCycleProgress(deps, current ?? stored);
  const { cycle, project, open, done, total } = progress;
  const items = open.map(({ item }) => item);
  const effort = renderForecastLine(presentation, await forecastTasks(deps, items));
  return paginateReply(context, [
    joinRichText(["🏃 ", toSafeText(cycle.name), " – ", renderProjectName(project)]),
    toPlainText(formatCycleDates(presentation, progress)),
    toPlainText(renderProgressBar(context, total === 0 ? 0 : done / total)),
    toPlainText(formatCycleCounts(presentation, progress)),
    ...renderForecast(context, progress),
    ...(effort ? [effort] : []),
    ...(isFresh ? [] : [toPlainText(`⚠️ ${texts.cycles.stale}`)]),
    ...(await renderOpenTasks(context, open.sort(compareByUrgency))),
  ]);
}

/** Reads the cycle and its items from Plane, with two requests; false when Plane does not answer. */
async function refreshCycle(context: CommandContext, { cycle, project }: ProjectCycle): Promise<boolean> {
  const { allDeps, correlation } = context;
  const reader = { ...allDeps, plane: createReadCallContext(context).systemPlane };
  try {
    await readCycles(reader, project, correlation);
    if (cycle.phase !== "current") await readCycleItems(reader, cycle);
    return true;
  } catch (thrown) {
    if (thrown instanceof PlaneError) return false;
    throw thrown;
  }
}

function renderForecast({ presentation }: CommandContext, progress: CycleProgress): RichText[] {
  const { texts, format } = presentation;
  const forecast = formatCycleForecast(presentation, progress);
  if (forecast === undefined) return [];
  const perDay = progress.forecast?.perDay;
  const n = perDay === undefined ? undefined : format.number(Math.round(perDay * 10) / 10);
  const pace = n === undefined ? [] : [formatTemplate(texts.cycles.pace, { n })];
  return [toPlainText(`🔮 ${[forecast, ...pace].join(", ")}`)];
}
