/** Commands that read: /status, /mine, /task, /agent, /digest and /help; /project and /cycle. */

import { readAgentPace, readConfidence } from "../../../shared/accounting/history.ts";
import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { formatTemplate } from "../../../shared/i18n/localize.ts";
import { COMMAND_NAMES } from "../../../shared/i18n/texts.ts";
import { htmlToText, stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { PlaneError } from "../../../shared/plane/errors.ts";
import { readLiveClaims } from "../../../shared/records/claim-record.ts";
import type { ProjectRecord, Task } from "../../../shared/records/plane-records.ts";
import { observedSets } from "../../../shared/records/store-keys.ts";
import { concernsPerson, createAudienceLookup, readOpenRequests } from "../../../shared/requests/requests.ts";
import { type ProjectCycle, readCycleItems, readCycles } from "../../../shared/sync/cycles.ts";
import { isBlocked, isInReview, isOpen } from "../../../shared/task/snapshot.ts";
import { getSession, readCard } from "../../../shared/tasks/card-record.ts";
import { readAgentTasks, readOpenBlockers } from "../../../shared/tasks/find-task.ts";
import { forecastTasks, readBudget } from "../../../shared/tasks/forecast.ts";
import { listUnread, readRemarks } from "../../../shared/tasks/remark-record.ts";
import { countTasks, listCycles, readCurrentCycles, readCycleProgress } from "../../../shared/tasks/task-counts.ts";
import { readWhy } from "../../../shared/tasks/views/task-facts.ts";
import { getWishText, readOpenWishes } from "../../../shared/tasks/wishes.ts";
import { joinRichText, type RichText, type TextPart, toCode, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { countTickets } from "../../../shared/tickets/stored-tickets.ts";
import { renderDigest } from "../digest/digest.ts";
import { EVENT_EMOJI, fillTemplate, renderProjectName } from "../presentation/presentation.ts";
import {
  compareByUrgency,
  formatConfidence,
  formatCycleCounts,
  formatCycleDates,
  formatCycleForecast,
  formatForecast,
  getTaskEmoji,
  getWorkStart,
  readFollowedProjects,
  readOpenTasks,
  renderBudgetLine,
  renderCycleLine,
  renderDataAge,
  renderHeading,
  renderOpenTasks,
  renderProgressBar,
  renderProjectProgress,
  renderRequestLines,
  renderSection,
  renderTaskLines,
  renderTaskLink,
} from "../presentation/task-lists.ts";
import {
  AGENTS,
  type Agent,
  createLoneCommand,
  createReadCommand,
  PROJECTS,
  renderSyntax,
  type SubjectType,
  stripQuotes,
  TASKS,
  withSubject,
} from "./arguments.ts";
import {
  addReplyTask,
  type CommandContext,
  type CommandResult,
  createReadCallContext,
  offerChoices,
  paginateReply,
  replyText,
} from "./command.ts";

const TEXT_LIMIT = 300;

/** Limit of remarks in the answer that agents have not read: 5, the latest. */
const MAX_UNREAD = 5;

const PHASE_ORDER = ["current", "upcoming", "draft", "completed"];

/** Shows the projects' progress, who works on what, blocked tasks, and what waits for people and the Concierge (NOTIF-06). */
export const statusCommand = createLoneCommand("status", ["statut", "etat", "état"], async (context) => {
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
    projects.map(async (project) =>
      renderProjectProgress(context.presentation, project, await countTasks(context.deps, project)),
    ),
  );
  const { emptyLists, headings } = answers;
  const atWork = await renderTaskLines(context, open.filter(isAtWork));
  const blocked = open.filter(({ item }) => isBlocked(item) && !isInReview(item));
  // Reviews are the lines of their tasks.
  const waiting = (await readOpenRequests(context.deps)).filter(({ kind }) => kind !== "review");
  const inReview = open.filter(({ item }) => isInReview(item));
  return paginateReply(context, [
    renderHeading("📊", headings.status),
    ...(bars.length > 0 ? bars : [emptyLists.projects]),
    ...(await renderFigures(context, open)),
    await formatTicketCounts(context),
    ...renderSection("🔵", headings.atWork, atWork.length > 0 ? atWork : [emptyLists.work]),
    ...renderSection("⛔", headings.blocked, await renderTaskLines(context, blocked)),
    ...renderSection("🙋", headings.waiting, [
      ...(await renderRequestLines(context, waiting)),
      ...(await renderTaskLines(context, inReview)),
    ]),
    ...renderSection("💭", headings.wishes, await renderWishLines(context)),
    "",
    await renderDataAge(context),
  ]);
});

/** Lists what waits for the person who asks: for whom the settings do not name, what waits for anybody. */
export const mineCommand = createLoneCommand("mine", ["moi"], async (context) => {
  const { deps, from, presentation } = context;
  const findAudience = await createAudienceLookup(deps);
  const requests = await readOpenRequests(deps);
  const circles = await Promise.all(requests.map(findAudience));
  const mine = requests.filter((_, i) => concernsPerson(circles[i] ?? [], from.person?.id));
  const { mineHeading, nothing } = presentation.texts.answers.mine;
  if (mine.length === 0) return replyText(`✅ ${nothing}`);
  return paginateReply(context, [renderHeading("🙋", mineHeading), ...(await renderRequestLines(context, mine))]);
});

/** Shows one task: its status, agent, blockers and the progress of the work on it. */
export const taskCommand = createReadCommand("task", ["tache", "tâche", "tasks"], TASKS, replyTask);

/** Shows one agent: its current and open tasks and its past performance (NOTIF-06). */
export const agentCommand = createReadCommand("agent", ["agents"], AGENTS, replyAgent);

/** Shows the daily digest as of now (NOTIF-08). */
export const digestCommand = createLoneCommand("digest", ["resume"], async (context) => {
  const now = await context.deps.store.now();
  return paginateReply(context, await renderDigest(context.deps, context.presentation.texts.locale, now));
});

/** Lists all commands with their syntax and effect. */
export const helpCommand = createLoneCommand("help", ["aide", "?"], async ({ presentation }) => {
  const { texts } = presentation;
  const { answers } = texts;
  const lines = COMMAND_NAMES.map((name) =>
    joinRichText([renderSyntax(presentation, name), `${texts.colon}${answers.commands[name].what}`]),
  );
  return { reply: { rich: joinRichText([renderHeading("🧭", answers.help), ...lines, ""], "\n") } };
});

/** What the open tasks are expected to take, and the budget of the month. */
async function renderFigures(context: CommandContext, open: readonly Task[]): Promise<TextPart[]> {
  const { deps, presentation } = context;
  const budget = await readBudget(deps);
  return [await formatOpenForecast(context, open), budget && renderBudgetLine(presentation, budget)];
}

/** What these tasks are expected to take; undefined when nothing is known. */
async function formatOpenForecast({ deps, presentation }: CommandContext, open: readonly Task[]) {
  const items = open.map(({ item }) => item);
  return formatForecast(presentation, await forecastTasks(deps, items));
}

/** `🎫 Tickets: 2 wait for approval, 1 session, 0 results to approve`; undefined where there are no tickets. */
async function formatTicketCounts({ deps, presentation }: CommandContext): Promise<string | undefined> {
  if (!deps.settings.tickets) return undefined;
  const { texts, format } = presentation;
  const { heading, counts } = texts.live.ticket;
  const { pending, active, completed } = await countTickets(deps.store);
  const parts = [
    format.count(counts.pending, pending),
    format.count(counts.active, active),
    format.count(counts.results, completed),
  ];
  return `${EVENT_EMOJI.ticket} ${heading}${texts.colon}${parts.join(", ")}`;
}

/** `💭 Add a dark mode (Ada, since 08:00)`: what people asked the Concierge for that has neither an answer nor a plan. */
async function renderWishLines(context: CommandContext): Promise<RichText[]> {
  const { deps } = context;
  const now = await deps.store.now();
  const concierges = deps.settings.agents.filter(({ role }) => role === "concierge");
  const wishes = (await Promise.all(concierges.map(({ name }) => readOpenWishes(deps, name)))).flat();
  return wishes.map((wish) => {
    const notes = joinRichText([toSafeText(wish.by, 80), context.presentation.format.since(wish.at, now)], ", ");
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
  const { percent, text: report } = isOpen(snapshot.status) ? (card ?? {}) : {};
  const since = getWorkStart(claim, task);
  const started = since === undefined ? undefined : format.since(since, now);
  const openBlockers = task.item.blockers.flatMap((id) => blockers.get(id) ?? []);
  const blockerNames = openBlockers.map(({ key, title }) =>
    joinRichText([toSafeText(key, 40), toSafeText(title, 60)], " "),
  );
  const text = htmlToText(snapshot.description, TEXT_LIMIT);
  const session = getSession(card);
  const unread = listUnread(await readRemarks(deps, task.id)).slice(-MAX_UNREAD);
  const review = isInReview(task.item) ? ` (${answers.inReview})` : "";
  const field = (label: string, value: TextPart | false | 0) => format.field(label, value || undefined);
  const renderShare = (share: number | undefined) => (share === undefined ? undefined : format.percent(share / 100));
  const result = paginateReply(context, [
    joinRichText([`${getTaskEmoji(task)} `, renderTaskLink(context, task)]),
    field(fields.project, renderProjectName(task.project)),
    field(fields.status, texts.statuses[snapshot.status] + review),
    field(fields.agent, owners.length > 0 && toSafeText(owners.join(", "), 80)),
    isOpen(snapshot.status) ? joinRichText(["💡 ", toSafeText(why.text, TEXT_LIMIT)]) : undefined,
    field(answers.headings.atWork, started && joinRichText([claim && toSafeText(claim.agent, 80), started], " ")),
    field(fields.priority, snapshot.priority !== "none" && texts.priorities[snapshot.priority]),
    field(fields.due, snapshot.due !== null && format.date(snapshot.due)),
    field(fields.blockers, blockerNames.length > 0 && joinRichText(blockerNames, ", ")),
    field(answers.fields.dependants, dependants && format.number(dependants)),
    // What was reported on the way says nothing about a task that is closed.
    field(answers.fields.progress, renderShare(percent)),
    field(answers.fields.said, report === undefined ? undefined : toSafeText(stripMarkdown(report), TEXT_LIMIT)),
    field(fields.confidence, card?.confidence === undefined ? undefined : format.percent(card.confidence)),
    field(fields.cost, card?.cost === undefined ? undefined : format.money(card.cost)),
    field(answers.fields.session, session === undefined ? undefined : toCode(cleanLine(session, 120))),
    field(fields.timeSpent, times.spent && format.duration(times.spent)),
    ...unread.map(({ agent, by, text: words }) => {
      const values = { agent: toSafeText(agent, 80), by: toSafeText(by, 80), text: toSafeText(words, TEXT_LIMIT) };
      return joinRichText(["💬 ", fillTemplate(answers.unread, values)]);
    }),
    field(answers.fields.description, text && toSafeText(text, TEXT_LIMIT)),
    "",
    await renderDataAge(context),
  ]);
  return addReplyTask(result, task);
}

async function replyAgent(context: CommandContext, { name, role = "worker", about }: Agent): Promise<CommandResult> {
  const { presentation, deps } = context;
  const { texts, format } = presentation;
  const { answers } = texts;
  const { fields, headings } = answers;
  const tasks = (await readAgentTasks(deps, name)).sort(compareByUrgency);
  const isInProgress = ({ item }: Task) => item.snapshot.status === "in_progress";
  const { finished, ms } = await readAgentPace(deps, name);
  const usual = ms === undefined ? undefined : fillTemplate(answers.usualTime, { time: format.duration(ms) });
  const past = joinRichText([format.count(texts.events.completed, finished), usual], ", ");
  const confidence = formatConfidence(presentation, await readConfidence(deps, name));
  const atWork = await renderTaskLines(context, tasks.filter(isInProgress));
  const waiting = tasks.filter((task) => !isInProgress(task));
  return paginateReply(context, [
    renderHeading("👤", name),
    format.field(fields.role, answers.roles[role]),
    format.field(fields.description, about === undefined ? undefined : toSafeText(about, 300)),
    format.field(fields.past, past),
    format.field(texts.fields.confidence, confidence),
    format.count(answers.open, tasks.length),
    ...renderSection("🔵", headings.atWork, atWork),
    ...renderSection("⬜", headings.todo, await renderTaskLines(context, waiting)),
    "",
    await renderDataAge(context),
  ]);
}

/** Shows one project: its progress and its open tasks, grouped by what they wait for (NOTIF-06). */
export const projectCommand = createReadCommand("project", ["projet", "projects", "projets"], PROJECTS, replyProject);

/** Shows a cycle: its progress, what is left, and when it will be done at its pace. Without a name, the current ones. */
export const cycleCommand = createLoneCommand("cycle", ["cycles", "sprint", "sprints"], async (context, args) => {
  const cycles = await CYCLES.readAll(context);
  if (args === "") return replyCurrentCycles(context, cycles);
  const chosen = cycles.find(({ cycle }) => args === `@${cycle.id}`);
  if (chosen) return replyCycle(context, chosen);
  return withSubject(context, CYCLES, "cycle", stripQuotes(args), (one) => replyCycle(context, one));
});

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
  const cycleLines = progress.map((one) =>
    joinRichText([toSafeText(one.cycle.name), colon, formatCycleCounts(presentation, one)]),
  );
  return paginateReply(context, [
    joinRichText(["📁 ", renderProjectProgress(presentation, project, await countTasks(deps, project))]),
    open.length === 0 ? answers.emptyLists.open : format.count(answers.open, open.length),
    await formatOpenForecast(context, open),
    ...renderSection("🏃", answers.headings.cycles, cycleLines),
    ...(await renderOpenTasks(context, open)),
    "",
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
    const options = current.map((one) => {
      const { label, argument: args } = CYCLES.toOption(context, one);
      return { label, command: "cycle" as const, args };
    });
    return offerChoices(context, joinRichText(lines, "\n"), options);
  }
  if (cycles.length === 0) return replyText(texts.cycles.none);
  const upcoming = cycles.filter(({ cycle }) => cycle.phase === "upcoming");
  const heading = upcoming.length === 0 ? undefined : renderHeading("🗓️", texts.cycles.upcoming);
  return paginateReply(context, [texts.cycles.noneCurrent, heading, ...(await renderLines(upcoming))]);
}

async function replyCycle(context: CommandContext, stored: ProjectCycle): Promise<CommandResult> {
  const { deps, presentation } = context;
  const { texts, format } = presentation;
  const isFresh = await refreshCycle(context, stored);
  const [current] = (await listCycles(deps, [stored.project])).filter(({ cycle }) => cycle.id === stored.cycle.id);
  const progress = await readCycleProgress(deps, current ?? stored);
  const { cycle, project, open, done, total } = progress;
  const forecast = formatCycleForecast(presentation, progress);
  const perDay = progress.forecast?.perDay;
  const n = perDay === undefined ? undefined : format.number(Math.round(perDay * 10) / 10);
  const pace = n === undefined ? undefined : formatTemplate(texts.cycles.pace, { n });
  return paginateReply(context, [
    joinRichText(["🏃 ", toSafeText(cycle.name), " – ", renderProjectName(project)]),
    formatCycleDates(presentation, progress),
    renderProgressBar(presentation, total === 0 ? 0 : (done * 100) / total),
    formatCycleCounts(presentation, progress),
    forecast && joinRichText([`🔮 ${forecast}`, pace], ", "),
    await formatOpenForecast(context, open),
    isFresh ? undefined : `⚠️ ${texts.cycles.stale}`,
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
