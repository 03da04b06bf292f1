/**
 * Makes one occurrence in Plane, as Groundcrew: each of its tasks has an external id of the schedule and the time, so
 * that an interrupted one is continued and none is created twice. The words of the schedule become its
 * placeholders, its due date, and the line at its end.
 */

import { readMonthlySpending } from "../accounting/spending.ts";
import type { TaskDeps } from "../app/deps.ts";
import type { PlannedEstimate, PlannedTask, ScheduleSettings } from "../config/sections-schema.ts";
import type { MissedTimes } from "../cron.ts";
import { GroundcrewError } from "../errors.ts";
import { sha256Hex } from "../hashing.ts";
import {
  formatTemplate,
  type Locale,
  type LocaleSetting,
  localizeCount,
  localizeDate,
  localizeMoment,
  localizeNumber,
  resolveLocale,
} from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { GROUNDCREW_SOURCE } from "../plane/endpoint.ts";
import { PlaneNotFoundError } from "../plane/errors.ts";
import { relationsApi, workItemsApi } from "../plane/work-items.ts";
import type { ProjectRecord, Task } from "../records/plane-records.ts";
import { findAgentByEmail } from "../sync/event-facts.ts";
import { findManagedLabelName, findPlanePerson, RECURRING_LABEL } from "../sync/names.ts";
import { isOpenItem } from "../task/snapshot.ts";
import {
  type Assignee,
  createAssignFields,
  getAssignee,
  getOrCreateLabel,
  type ItemFields,
  retryWithFreshLabels,
} from "../tasks/assignees.ts";
import type { CallContext } from "../tasks/call-context.ts";
import { addBlockers, renderBlockedByLine } from "../tasks/change-blockers.ts";
import { assignIfUnassigned, changeTask, findReadyState } from "../tasks/change-task.ts";
import { addPlannedCard, createItem } from "../tasks/edit-task.ts";
import { findStoredTask, findTasks } from "../tasks/find-task.ts";
import { isBraked } from "../tasks/people/brake-record.ts";
import { isBudgetUsedUp } from "../tasks/people/brakes.ts";
import { addTaskToGroups, toItemFields } from "../tasks/task-fields.ts";
import { DAY, getEndOfDay, HOUR, type Ms, toZonedDate } from "../time.ts";
import type { Occurrence, Schedule } from "./schedule-record.ts";

/** A task of an occurrence before it exists. */
interface OccurrenceTask {
  /** Its name among the tasks of the occurrence; "" for the only one. */
  id: string;
  fields: ItemFields & { name: string };
  assignee?: Assignee;
  /** Names of tasks of the occurrence before it, and keys of other tasks. */
  blockedBy: readonly string[];
  estimate?: PlannedEstimate | undefined;
  cycle?: string | undefined;
  module?: string | undefined;
}

/** Why nothing can be made before a person has changed something. */
export class OccurrenceProblem extends Error {
  /** Store time at which it is over by itself. */
  readonly until: Ms | undefined;

  constructor(reason: string, until?: Ms) {
    super(reason);
    this.until = until;
  }
}

/** The external id of an occurrence's task in Plane: its schedule, its time, and its name among several. */
async function toExternalId(
  schedule: string,
  { time, isExtra }: Pick<Occurrence, "time" | "isExtra">,
  task = "",
): Promise<string> {
  const name = task === "" ? "" : `:${(await sha256Hex(task)).slice(0, 16)}`;
  return `schedule:${schedule}:${new Date(time).toISOString().slice(0, 19)}Z${isExtra ? ":now" : ""}${name}`;
}

/** Finds the first task of an occurrence in Plane; undefined when it was not made. */
export async function findMadeItem(
  { systemPlane }: CallContext,
  schedule: Schedule,
  time: number,
): Promise<{ id: string; description: string } | undefined> {
  const { project, id, source } = schedule;
  if (!project) return undefined;
  const first = "settings" in source ? source.settings.tasks?.[0]?.id : undefined;
  const query = { external_source: GROUNDCREW_SOURCE, external_id: await toExternalId(id, { time }, first) };
  try {
    const { data } = await systemPlane.call(workItemsApi.byExternalId, { params: { project: project.id }, query });
    return { id: data.id, description: data.description_html };
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

/**
 * Makes all tasks of an occurrence that do not exist yet, and returns Plane's ids of them. `previous` are those of the
 * occurrence before. Every step may be repeated. Throws `OccurrenceProblem` for what a person must change first.
 */
export async function makeOccurrence(
  context: CallContext,
  schedule: Schedule,
  occurrence: Occurrence,
  previous: readonly string[],
): Promise<string[]> {
  const { project, source } = schedule;
  if (!project) throw new OccurrenceProblem("its project is not in Plane, or Groundcrew cannot read it");
  const now = await context.deps.store.now();
  const line = renderOccurrenceLine(schedule, occurrence, context.deps.settings, now);
  const tasks =
    "settings" in source
      ? await listSettingsTasks(context, schedule, source.settings, occurrence)
      : [await createTemplateTask(context, schedule, source.template, occurrence)];
  const agents = tasks.flatMap(({ assignee }) => assignee?.agent ?? []);
  if (agents.length > 0) await requireBudget(context, now);
  for (const agent of agents) await requireUnbraked(context.deps, agent, now);
  const open = schedule.rule.blocked_by_previous ? await findOpenTasks(context, previous) : [];
  const made = new Map<string, Task>();
  for (const task of tasks) {
    const isFirst = made.size === 0;
    const own = task.blockedBy.flatMap((name) => made.get(name) ?? []);
    const other = await findTasks(
      context,
      task.blockedBy.filter((name) => !made.has(name)),
    );
    const blockers = [...(isFirst ? open : []), ...own, ...other];
    const external = await toExternalId(schedule.id, occurrence, task.id);
    const end = isFirst ? line : "";
    const created = await makeTask(context, project, external, { ...task, end }, blockers);
    if (created) made.set(task.id, created);
  }
  const first = made.values().next().value;
  if (first && "template" in source) await relate(context, first, source.template);
  return [...made.values()].map(({ id }) => id);
}

/** Throws when the month's budget is used up and nobody has agreed to go on, until the next month begins. */
async function requireBudget({ deps, correlation }: CallContext, now: Ms): Promise<void> {
  const { cost, budget } = await readMonthlySpending(deps);
  if (!budget || cost < budget.amount) return;
  if (budget.stop && !(await isBudgetUsedUp(deps, correlation))) return;
  const { timezone } = deps.settings;
  const [year = 0, month = 0] = toZonedDate(timezone, now).split("-").map(Number);
  const lastDay = new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);
  throw new OccurrenceProblem("the month's budget is used up", getEndOfDay(timezone, lastDay) + 1);
}

/** Throws for an hour while a person has stopped the agent, or it has used up its limits of the hour. */
async function requireUnbraked(deps: TaskDeps, agent: string, now: Ms): Promise<void> {
  if (await isBraked(deps, agent))
    throw new OccurrenceProblem(`${agent} has used up its limits of the hour, or is stopped`, now + HOUR);
}

async function findOpenTasks({ deps }: CallContext, ids: readonly string[]): Promise<Task[]> {
  const tasks = await Promise.all(ids.map((id) => findStoredTask(deps, id)));
  return tasks.filter((task) => task !== undefined && isOpenItem(task.item)) as Task[];
}

async function listSettingsTasks(
  context: CallContext,
  schedule: Schedule,
  settings: ScheduleSettings,
  occurrence: Occurrence,
): Promise<OccurrenceTask[]> {
  const values = formatPlaceholders(schedule, occurrence, context.deps.settings.locale);
  const { title = "", description, assignee, priority, estimate } = settings;
  const single: PlannedTask = { id: "", title, ...omitUndefined({ description, assignee, priority, estimate }) };
  const due_date = getDueDate(schedule, occurrence.time);
  const labels = await getLabels(context, schedule.project?.id ?? "", settings.labels ?? []);
  const tasks: OccurrenceTask[] = [];
  for (const planned of settings.tasks ?? [single]) {
    const texts = {
      title: formatTemplate(planned.title, values),
      ...omitUndefined({ description: planned.description && formatTemplate(planned.description, values) }),
    };
    const { id, blocked_by = [], cycle, module } = planned;
    const fields = await toItemFields({ ...omitUndefined({ due_date }), ...planned, ...texts }, "");
    tasks.push({
      id,
      fields: { ...fields, ...(labels.length > 0 ? { labels } : {}) },
      blockedBy: blocked_by,
      ...{ cycle, module, estimate: planned.estimate },
      ...omitUndefined({
        assignee: planned.assignee === undefined ? undefined : await getAssignee(context, planned.assignee),
      }),
    });
  }
  return tasks;
}

async function getLabels({ deps, systemPlane }: CallContext, project: string, names: readonly string[]) {
  const ids: string[] = [];
  for (const name of names) ids.push(await getOrCreateLabel({ ...deps, plane: systemPlane }, project, name));
  return ids;
}

/** An occurrence of a template has what the template has in Plane, but for the label that makes it a template. */
async function createTemplateTask(
  { deps }: CallContext,
  schedule: Schedule,
  { item, project }: Task,
  occurrence: Occurrence,
): Promise<OccurrenceTask> {
  const { name, description, priority, assignees, labels } = item.snapshot;
  const values = formatPlaceholders(schedule, occurrence, deps.settings.locale);
  const people = await Promise.all(assignees.map((id) => findPlanePerson(deps, id)));
  const agents = people.map((person) => person && findAgentByEmail(deps, person));
  if (people.includes(undefined)) throw new OccurrenceProblem("its assignee is no longer in Plane");
  const [agent, [id = ""]] = [agents.find((one) => one !== undefined), assignees];
  const names = await Promise.all(labels.map((id) => findManagedLabelName(deps, project.id, id)));
  const target_date = getDueDate(schedule, occurrence.time);
  return {
    id: "",
    fields: {
      name: formatTemplate(name, values),
      description_html: formatTemplate(description, values),
      priority,
      assignees,
      labels: labels.filter((_, i) => names[i]?.trim().toLowerCase() !== RECURRING_LABEL),
      ...omitUndefined({ target_date }),
    },
    blockedBy: [],
    estimate: schedule.rule.estimate,
    ...(agent && agents.length === 1 ? { assignee: { id, name: agent.name, agent: agent.name } } : {}),
  };
}

/** Makes one task; undefined when people have deleted it since it was created. */
async function makeTask(
  context: CallContext,
  project: ProjectRecord,
  external: string,
  { fields, assignee, estimate, end, ...task }: OccurrenceTask & { end: string },
  blockers: readonly Task[],
): Promise<Task | undefined> {
  const { deps } = context;
  const line = await renderBlockedByLine(context, blockers);
  const mustWait = blockers.length > 0 && line === "";
  const state = await findReadyState(deps, project.id);
  // Plane refuses an empty one.
  const description_html = `${fields.description_html ?? ""}${line}${end}` || undefined;
  const ids = { assignees: fields.assignees ?? [], labels: fields.labels ?? [] };
  const created = await retryWithFreshLabels(context, project, async () => {
    const assign = assignee && !mustWait ? await createAssignFields(context, project, assignee) : {};
    const labels = [...new Set([...ids.labels, ...(assign.labels ?? [])])];
    const assignees = mustWait ? [] : (assign.assignees ?? ids.assignees);
    const all = { ...fields, ...omitUndefined({ state, description_html }), labels, assignees };
    return createItem(context, project, external, all);
  }).catch(ignoreDeleted);
  if (!created) return undefined;
  const related = await addBlockers(context, created, blockers);
  await addTaskToGroups(context, related, task);
  const assigned = await completeAssignment(context, related, { assignee, ids: ids.assignees });
  await addPlannedCard(context, assigned, assignee ?? findOwner(assigned), estimate);
  return assigned;
}

function ignoreDeleted(thrown: unknown): undefined {
  if (!(thrown instanceof GroundcrewError) || thrown.refusal?.name !== "existingTask") throw thrown;
}

/** Assigns a task that was created without its assignee, because it had to wait for its blockers. */
async function completeAssignment(
  context: CallContext,
  task: Task,
  { assignee, ids }: { assignee: Assignee | undefined; ids: readonly string[] },
): Promise<Task> {
  if (assignee) {
    const { task: assigned, refused } = await assignIfUnassigned(context, task, assignee);
    if (refused) throw new OccurrenceProblem(refused);
    return assigned;
  }
  const { assignees } = task.item.snapshot;
  if (ids.length === 0 || assignees.length > 0 || !isOpenItem(task.item)) return task;
  return changeTask(context, task, { assignees: [...ids] });
}

function findOwner({ item }: Task): Assignee | undefined {
  const [agent] = item.owners ?? [];
  const [id = ""] = item.snapshot.assignees;
  return agent === undefined ? undefined : { id, name: agent, agent };
}

/** Relates an occurrence to its template where Plane has relations; else its last line names the template. */
async function relate({ deps, systemPlane }: CallContext, task: Task, template: Task): Promise<void> {
  if (!(await deps.plane.capabilities()).relations) return;
  const json = { relation_type: "relates_to", issues: [template.id] };
  await systemPlane.call(relationsApi.create, { params: { project: task.project.id, item: task.id }, json });
}

/** Formats the values of `{date}`, `{week}` (ISO 8601), `{month}` and `{n}`, in the language of comments. */
function formatPlaceholders(
  { timeZone }: Pick<Schedule, "timeZone">,
  { time, number }: Pick<Occurrence, "time" | "number">,
  setting: LocaleSetting,
): Record<string, string> {
  const locale = resolveLocale(setting);
  const day = toZonedDate(timeZone, time);
  const month = new Intl.DateTimeFormat(locale, { timeZone, month: "long", year: "numeric" }).format(time);
  return { date: localizeDate(locale, day), week: String(getIsoWeek(day)), month, n: String(number) };
}

/** The number of a day's week, by ISO 8601: the one with the year's first Thursday is 1. */
function getIsoWeek(day: string): number {
  const at = Date.parse(`${day}T00:00:00Z`);
  const thursday = new Date(at + (3 - ((new Date(at).getUTCDay() + 6) % 7)) * DAY);
  return 1 + Math.floor((thursday.getTime() - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / (7 * DAY));
}

/** The due date of an occurrence, for `2d` or `1w` after its day; undefined without one. */
function getDueDate({ rule, timeZone }: Pick<Schedule, "rule" | "timeZone">, time: Ms): string | undefined {
  const [, n, unit] = /^(\d+)([dw])$/.exec(rule.due ?? "") ?? [];
  if (n === undefined) return undefined;
  const day = Date.parse(`${toZonedDate(timeZone, time)}T00:00:00Z`);
  return new Date(day + Number(n) * (unit === "w" ? 7 : 1) * DAY).toISOString().slice(0, 10);
}

/**
 * The line at the end of an occurrence's description, as HTML: of which schedule it is which one, whether it is late,
 * and which times were missed before it.
 */
function renderOccurrenceLine(
  { name, timeZone }: Pick<Schedule, "name" | "timeZone">,
  { time, number, isLate, isExtra, missed }: Occurrence,
  { locale }: { locale: LocaleSetting },
  now: Ms,
): string {
  const language = resolveLocale(locale);
  const { schedules } = getTexts(language);
  const values = { name: escapeHtml(name), n: localizeNumber(language, number) };
  const sentences = [
    formatTemplate(isExtra ? schedules.extra : schedules.occurrence, values),
    ...(isLate ? [formatTemplate(schedules.late, { time: localizeMoment(language, timeZone, time, now) })] : []),
    ...(missed ? [formatMissed(language, timeZone, missed, now)] : []),
  ];
  return `<p data-groundcrew-occurrence="${number}"><em>${sentences.join(" ")}</em></p>`;
}

/** `3 occurrences were missed between … and ….` */
function formatMissed(locale: Locale, timeZone: string, { count, from, to }: MissedTimes, now: Ms): string {
  const text = localizeCount({ locale }, getTexts(locale).schedules.missed, count);
  const formatTime = (at: Ms) => localizeMoment(locale, timeZone, at, now);
  return formatTemplate(text, { from: formatTime(from), to: formatTime(to) });
}
