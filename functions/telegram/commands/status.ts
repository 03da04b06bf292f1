import { localizeCount } from "../../../shared/i18n/plural.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { isBlocked } from "../../../shared/task/diff.ts";
import { joinRichText, type RichText, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { readLiveClaims } from "../../../shared/work/claims/find-claim.ts";
import { readBudget } from "../../../shared/work/forecast/budget.ts";
import { forecastTasks } from "../../../shared/work/forecast/forecast-tasks.ts";
import { countTasks } from "../../../shared/work/tasks/count-tasks.ts";
import type { Task } from "../../../shared/work/tasks/find-task.ts";
import { isInReview } from "../../../shared/work/tasks/is-in-review.ts";
import { readPendingPlans, readPendingQuestions } from "../digest/pending-requests.ts";
import { EVENT_EMOJI } from "../presentation/emoji.ts";
import { renderBudgetLine, renderForecastLine } from "../presentation/render-figures.ts";
import type { CommandContext, TelegramCommand } from "./command.ts";
import { paginateReply } from "./paginate.ts";
import { readFollowedProjects, readOpenTasks, renderDataAge } from "./read-tasks.ts";
import {
  renderHeading,
  renderProjectProgress,
  renderSection,
  renderSince,
  renderTaskLines,
  renderTaskLink,
} from "./render-tasks.ts";
import { renderTicketCounts, renderTicketLines } from "./render-ticket-lists.ts";

/** Shows the projects' progress, who works on what since when, blocked tasks and what waits for people (NOTIF-06). */
export const statusCommand: TelegramCommand = {
  name: "status",
  aliases: ["statut", "etat", "état"],
  async run(context) {
    const { answers } = context.presentation.texts;
    const projects = await readFollowedProjects(context);
    const open = await readOpenTasks(context, projects);
    const claims = await readLiveClaims(
      context.deps,
      open.map(({ id }) => id),
    );
    const isAtWork = ({ item }: Task, i: number) =>
      !isBlocked(item) && !isInReview(item) && (claims[i] !== undefined || item.snapshot.word === "in_progress");
    const bars = await Promise.all(
      projects.map(async (project) => renderProjectProgress(context, project, await countTasks(context.deps, project))),
    );
    const renderLines = async (tasks: readonly Task[]) => renderTaskLines(context, tasks);
    const atWork = await renderLines(open.filter(isAtWork));
    if (bars.length === 0) bars.push(toPlainText(answers.emptyLists.projects));
    return paginateReply(context, [
      renderHeading("📊", answers.headings.status),
      ...bars,
      ...(await renderFigures(context, open)),
      ...(await renderTicketCounts(context)),
      ...renderSection(
        "🔵",
        answers.headings.atWork,
        atWork.length > 0 ? atWork : [toPlainText(answers.emptyLists.work)],
      ),
      ...renderSection(
        "⛔",
        answers.headings.blocked,
        await renderLines(open.filter(({ item }) => isBlocked(item) && !isInReview(item))),
      ),
      ...renderSection("🙋", answers.headings.waiting, [
        ...(await renderPlanLines(context)),
        ...(await renderTicketLines(context)),
        ...(await renderQuestionLines(context)),
        ...(await renderLines(open.filter(({ item }) => isInReview(item)))),
      ]),
      toPlainText(""),
      await renderDataAge(context),
    ]);
  },
};

/** What the open tasks are expected to take, and the budget of the month. */
async function renderFigures({ deps, presentation }: CommandContext, open: readonly Task[]): Promise<RichText[]> {
  const { texts } = presentation;
  const { budget: setting, timezone } = deps.settings;
  const items = open.map(({ item }) => item);
  const [forecast, budget] = await Promise.all([forecastTasks(deps, items), readBudget(deps)]);
  return keepDefined([
    renderForecastLine(texts, forecast, setting?.currency),
    budget && renderBudgetLine(texts, timezone, budget),
  ]);
}

/** `🗺️ Dark mode: 4 tasks (Concierge, since 08:00)` */
async function renderPlanLines(context: CommandContext): Promise<RichText[]> {
  const { texts } = context.presentation;
  const now = await context.deps.store.now();
  return (await readPendingPlans(context.deps)).map(({ agent, at, title, tasks }) => {
    const agentAndTime = joinRichText([toSafeText(agent, 80), renderSince(context, at, now)], ", ");
    const count = localizeCount(texts, texts.live.plan.tasks, tasks);
    return joinRichText([
      `${EVENT_EMOJI.plan_proposed} `,
      toSafeText(title),
      texts.colon,
      count,
      " (",
      agentAndTime,
      ")",
    ]);
  });
}

/** `❓ ONB-12 Write the welcome mail (Imhotep, since 08:00): Formal or friendly?` */
async function renderQuestionLines(context: CommandContext): Promise<RichText[]> {
  const now = await context.deps.store.now();
  const questions = await readPendingQuestions(context.deps);
  return questions.map(({ task, agent, text, at }) => {
    const agentAndTime = joinRichText([toSafeText(agent, 80), renderSince(context, at, now)], ", ");
    const subject = task ? [renderTaskLink(context, task), " (", agentAndTime, ")"] : [agentAndTime];
    return joinRichText(["❓ ", ...subject, context.presentation.texts.colon, toSafeText(text)]);
  });
}
