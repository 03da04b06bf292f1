/** Commands that read: /status, /task, /agent, /digest and /help. */

import { readAgentPace } from "../../../shared/accounting/history.ts";
import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { COMMAND_NAMES } from "../../../shared/i18n/texts.ts";
import { htmlToText, stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { readLiveClaims } from "../../../shared/records/claim-record.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { observedSets } from "../../../shared/records/store-keys.ts";
import { concernsPerson, createAudienceLookup, readOpenRequests } from "../../../shared/requests/requests.ts";
import type { RequestRecord } from "../../../shared/task/request.ts";
import { isBlocked, isInReview, isOpen } from "../../../shared/task/snapshot.ts";
import { getSession, readCard } from "../../../shared/tasks/card-record.ts";
import { readAgentTasks, readOpenBlockers } from "../../../shared/tasks/find-task.ts";
import { forecastTasks, readBudget, readConfidence } from "../../../shared/tasks/forecast.ts";
import { countPlannedTasks } from "../../../shared/tasks/planning/decide-plan.ts";
import { listUnread, readRemarks } from "../../../shared/tasks/remark-record.ts";
import { countTasks } from "../../../shared/tasks/task-counts.ts";
import { readWhy } from "../../../shared/tasks/views/task-facts.ts";
import { getWishText, readOpenWishes } from "../../../shared/tasks/wishes.ts";
import { joinRichText, type RichText, toCode, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { countTickets } from "../../../shared/tickets/stored-tickets.ts";
import { renderDigest } from "../digest/digest.ts";
import { formatConfidence, renderBudgetLine, renderForecastLine } from "../presentation/figures.ts";
import { renderProjectName } from "../presentation/notification-details.ts";
import { EVENT_EMOJI, fillTemplate } from "../presentation/presentation.ts";
import { AGENTS, type Agent, createReadCommand, isAlone, renderSyntax, TASKS } from "./arguments.ts";
import { paginateReply } from "./choices.ts";
import { addReplyTask, type CommandContext, type CommandResult, replyText, type TelegramCommand } from "./command.ts";
import {
  compareByUrgency,
  formatTaskPercent,
  getTaskEmoji,
  getWorkStart,
  readFollowedProjects,
  readOpenTasks,
  renderDataAge,
  renderHeading,
  renderProjectProgress,
  renderRequestLines,
  renderSection,
  renderSince,
  renderTaskLines,
  renderTaskLink,
} from "./task-lists.ts";

/** Shows the projects' progress, who works on what, blocked tasks, and what waits for people and the Concierge (NOTIF-06). */
export const statusCommand: TelegramCommand = {
  name: "status",
  aliases: ["statut", "etat", "état"],
  isMeant: isAlone,
  async run(context) {
    const { answers } = context.presentation.texts;
    const projects = await readFollowedProjects(context);
    const open = await readOpenTasks(context, projects);
    const claims = await readLiveClaims(
      context.deps,
      open.map(({ id }) => id),
    );
    const isAtWork = ({ item }: Task, i: number) =>
      !isBlocked(item) && !isInReview(item) && (claims[i] !== undefined || item.snapshot.status === "in_progress");
    const bars = await Promise.all(
      projects.map(async (project) => renderProjectProgress(context, project, await countTasks(context.deps, project))),
    );
    const { emptyLists, headings } = answers;
    const atWork = await renderTaskLines(context, open.filter(isAtWork));
    const blocked = open.filter(({ item }) => isBlocked(item) && !isInReview(item));
    // Plans and reviews have lines of their own.
    const requests = await readOpenRequests(context.deps);
    const plans = requests.filter(({ kind, session }) => kind === "plan" && !session);
    const waiting = requests.filter(({ kind, session }) => kind !== "review" && (kind !== "plan" || session));
    const inReview = open.filter(({ item }) => isInReview(item));
    return paginateReply(context, [
      renderHeading("📊", headings.status),
      ...(bars.length > 0 ? bars : [toPlainText(emptyLists.projects)]),
      ...(await renderFigures(context, open)),
      ...(await renderTicketCounts(context)),
      ...renderSection("🔵", headings.atWork, atWork.length > 0 ? atWork : [toPlainText(emptyLists.work)]),
      ...renderSection("⛔", headings.blocked, await renderTaskLines(context, blocked)),
      ...renderSection("🙋", headings.waiting, [
        ...(await renderPlanLines(context, plans)),
        ...(await renderRequestLines(context, waiting)),
        ...(await renderTaskLines(context, inReview)),
      ]),
      ...renderSection("💭", headings.wishes, await renderWishLines(context)),
      toPlainText(""),
      await renderDataAge(context),
    ]);
  },
};

/** Lists what waits for the person who asks: for whom the settings do not name, what waits for anybody. */
export const mineCommand: TelegramCommand = {
  name: "mine",
  aliases: ["moi"],
  isMeant: isAlone,
  async run(context) {
    const { deps, from, presentation } = context;
    const findAudience = await createAudienceLookup(deps);
    const requests = await readOpenRequests(deps);
    const circles = await Promise.all(requests.map(findAudience));
    const mine = requests.filter((_, i) => concernsPerson(circles[i] ?? [], from.person?.id));
    const { mineHeading, nothing } = presentation.texts.answers.mine;
    if (mine.length === 0) return replyText(`✅ ${nothing}`);
    return paginateReply(context, [renderHeading("🙋", mineHeading), ...(await renderRequestLines(context, mine))]);
  },
};

const TEXT_LIMIT = 300;

/** Limit of remarks in the answer that agents have not read: 5, the latest. */
const MAX_UNREAD = 5;

/** Shows one task: its status, agent, blockers and the progress of the work on it. */
export const taskCommand = createReadCommand("task", ["tache", "tâche", "tasks"], TASKS, replyTask);

/** Shows one agent: its current and open tasks and its past performance (NOTIF-06). */
export const agentCommand = createReadCommand("agent", ["agents"], AGENTS, replyAgent);

/** Shows the daily digest as of now (NOTIF-08). */
export const digestCommand: TelegramCommand = {
  name: "digest",
  aliases: ["resume"],
  isMeant: isAlone,
  async run(context) {
    const now = await context.deps.store.now();
    return paginateReply(context, await renderDigest(context.deps, context.presentation.texts.locale, now));
  },
};

/** Lists all commands with their syntax and effect. */
export const helpCommand: TelegramCommand = {
  name: "help",
  aliases: ["aide", "?"],
  isMeant: isAlone,
  async run({ presentation }) {
    const { texts } = presentation;
    const { answers } = texts;
    const lines = COMMAND_NAMES.map((name) =>
      joinRichText([renderSyntax(presentation, name), `${texts.colon}${answers.commands[name].what}`]),
    );
    return { reply: { rich: joinRichText([renderHeading("🧭", answers.help), ...lines, toPlainText("")], "\n") } };
  },
};

/** What the open tasks are expected to take, and the budget of the month. */
async function renderFigures({ deps, presentation }: CommandContext, open: readonly Task[]): Promise<RichText[]> {
  const items = open.map(({ item }) => item);
  const [forecast, budget] = await Promise.all([forecastTasks(deps, items), readBudget(deps)]);
  return keepDefined([renderForecastLine(presentation, forecast), budget && renderBudgetLine(presentation, budget)]);
}

/** `🎫 Tickets: 2 wait for approval, 1 session, 0 results to approve`; empty where there are no tickets. */
async function renderTicketCounts({ deps, presentation }: CommandContext): Promise<RichText[]> {
  if (!deps.settings.tickets) return [];
  const { texts, format } = presentation;
  const { heading, counts } = texts.live.ticket;
  const { pending, active, completed } = await countTickets(deps.store);
  const parts = [
    format.count(counts.pending, pending),
    format.count(counts.active, active),
    format.count(counts.results, completed),
  ];
  return [toPlainText(`${EVENT_EMOJI.ticket} ${heading}${texts.colon}${parts.join(", ")}`)];
}

/** `🗺️ Dark mode: 4 tasks (Concierge, since 08:00)` */
async function renderPlanLines(context: CommandContext, plans: readonly RequestRecord[]): Promise<RichText[]> {
  const { texts, format } = context.presentation;
  const now = await context.deps.store.now();
  const byAge = plans.toSorted((a, b) => a.createdAt - b.createdAt);
  return byAge.map((plan) => {
    const agentAndTime = joinRichText([toSafeText(plan.from, 80), renderSince(context, plan.createdAt, now)], ", ");
    const count = format.count(texts.live.plan.tasks, countPlannedTasks(plan));
    const head = [`${EVENT_EMOJI.plan_proposed} `, toSafeText(plan.subject.title)];
    return joinRichText([...head, texts.colon, count, " (", agentAndTime, ")"]);
  });
}

/** `💭 Add a dark mode (Ada, since 08:00)`: what people asked the Concierge for that has neither an answer nor a plan. */
async function renderWishLines(context: CommandContext): Promise<RichText[]> {
  const { deps } = context;
  const now = await deps.store.now();
  const concierges = deps.settings.agents.filter(({ role }) => role === "concierge");
  const wishes = (await Promise.all(concierges.map(({ name }) => readOpenWishes(deps, name)))).flat();
  return wishes.map((wish) => {
    const notes = joinRichText([toSafeText(wish.by, 80), renderSince(context, wish.at, now)], ", ");
    return joinRichText(["💭 ", toSafeText(cleanLine(getWishText(wish), TEXT_LIMIT)), " (", notes, ")"]);
  });
}

async function replyTask(context: CommandContext, task: Task): Promise<CommandResult> {
  const { deps, presentation } = context;
  const { texts, format } = presentation;
  const { fields, answers } = texts;
  const { snapshot, owners = [] } = task.item;
  const [card, why, [claim], blockers, times, dependants, now] = await Promise.all([
    readCard(deps, task.id),
    readWhy(deps, task, texts.locale),
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
  add(fields.status, texts.statuses[snapshot.status], isInReview(task.item) ? ` (${answers.inReview})` : "");
  if (owners.length > 0) add(fields.agent, toSafeText(owners.join(", "), 80));
  const since = getWorkStart(claim, task);
  const claimant = claim ? [toSafeText(claim.agent, 80), " "] : [];
  if (isOpen(snapshot.status)) lines.push(joinRichText(["💡 ", toSafeText(why.text, TEXT_LIMIT)]));
  if (since !== undefined) add(answers.headings.atWork, ...claimant, renderSince(context, since, now));
  if (snapshot.priority !== "none") add(fields.priority, texts.priorities[snapshot.priority]);
  if (snapshot.due !== null) add(fields.due, format.date(snapshot.due));
  const openBlockers = task.item.blockers.flatMap((id) => blockers.get(id) ?? []);
  if (openBlockers.length > 0) {
    const blockerNames = openBlockers.map(({ key, title }) =>
      joinRichText([toSafeText(key, 40), toSafeText(title, 60)], " "),
    );
    add(fields.blockers, joinRichText(blockerNames, ", "));
  }
  if (dependants > 0) add(answers.fields.dependants, format.number(dependants));
  // What was reported on the way says nothing about a task that is closed.
  const { percent, text: report } = isOpen(snapshot.status) ? (card ?? {}) : {};
  if (percent !== undefined) add(answers.fields.progress, formatTaskPercent(context, percent));
  if (report !== undefined) add(answers.fields.said, toSafeText(stripMarkdown(report), TEXT_LIMIT));
  if (card?.confidence !== undefined) add(fields.confidence, formatTaskPercent(context, card.confidence * 100));
  if (card?.cost !== undefined) add(fields.cost, format.money(card.cost));
  const session = getSession(card);
  if (session !== undefined) add(answers.fields.session, toCode(cleanLine(session, 120)));
  if (times.spent > 0) add(fields.timeSpent, format.duration(times.spent));
  const unread = listUnread(await readRemarks(deps, task.id));
  for (const { agent, by, text: words } of unread.slice(-MAX_UNREAD)) {
    const values = { agent: toSafeText(agent, 80), by: toSafeText(by, 80), text: toSafeText(words, TEXT_LIMIT) };
    lines.push(joinRichText(["💬 ", fillTemplate(answers.unread, values)]));
  }
  const text = htmlToText(snapshot.description, TEXT_LIMIT);
  if (text !== "") add(answers.fields.description, toSafeText(text, TEXT_LIMIT));
  lines.push(joinRichText([""]), await renderDataAge(context));
  return addReplyTask(await paginateReply(context, lines), task);
}

async function replyAgent(context: CommandContext, { name, role = "worker", about }: Agent): Promise<CommandResult> {
  const { presentation, deps } = context;
  const { texts, format } = presentation;
  const { answers } = texts;
  const { fields, headings } = answers;
  const tasks = (await readAgentTasks(deps, name)).sort(compareByUrgency);
  const isInProgress = ({ item }: Task) => item.snapshot.status === "in_progress";
  const { finished, ms } = await readAgentPace(deps, name);
  const renderLine = (label: string, value: RichText | string) => joinRichText([label, texts.colon, value]);
  const usual = ms === undefined ? [] : [fillTemplate(answers.usualTime, { time: format.duration(ms) })];
  const past = joinRichText([format.count(texts.events.completed, finished), ...usual], ", ");
  const confidence = formatConfidence(presentation, await readConfidence(deps, name));
  const atWork = await renderTaskLines(context, tasks.filter(isInProgress));
  const waiting = tasks.filter((task) => !isInProgress(task));
  return paginateReply(
    context,
    keepDefined([
      renderHeading("👤", name),
      renderLine(fields.role, answers.roles[role]),
      about === undefined ? undefined : renderLine(fields.description, toSafeText(about, 300)),
      renderLine(fields.past, past),
      confidence === undefined ? undefined : renderLine(texts.fields.confidence, confidence),
      toPlainText(format.count(answers.open, tasks.length)),
      ...renderSection("🔵", headings.atWork, atWork),
      ...renderSection("⬜", headings.todo, await renderTaskLines(context, waiting)),
      toPlainText(""),
      await renderDataAge(context),
    ]),
  );
}
