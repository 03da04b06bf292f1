/** What people and the Concierge do with recurring work: create, change, delete it, and make an occurrence now. */

import type { TaskDeps } from "../app/deps.ts";
import type { ScheduleRule } from "../config/sections-schema.ts";
import { scheduleRuleSchema } from "../config/sections-schema.ts";
import { GroundcrewError } from "../errors.ts";
import { resolveLocale } from "../i18n/localize.ts";
import { explainRefusedWords, findScheduleCommand, parseScheduleCommand } from "../i18n/parse-schedule.ts";
import { getTexts } from "../i18n/texts.ts";
import type { WorkJobBody } from "../jobs/internal-jobs.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import type { Changes } from "../omit-undefined.ts";
import { changeFields, omitUndefined } from "../omit-undefined.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys } from "../records/store-keys.ts";
import { getRefusal, renderRefusal } from "../refusals/render-refusal.ts";
import { updateValue } from "../store/records.ts";
import { findNamedState, RECURRING_LABEL, readStates } from "../sync/names.ts";
import { isOpenItem } from "../task/snapshot.ts";
import {
  type Assignee,
  applyLabelChange,
  createAssignFields,
  getAssignee,
  getOrCreateLabel,
  type ItemFields,
  retryWithFreshLabels,
} from "../tasks/assignees.ts";
import type { CallContext } from "../tasks/call-context.ts";
import { createCallContext } from "../tasks/call-context.ts";
import { changeTask, createStatusFields } from "../tasks/change-task.ts";
import { createItem } from "../tasks/edit-task.ts";
import { findStoredTask, findTask, getProjectByName } from "../tasks/find-task.ts";
import type { NewTask } from "../tasks/plan-record.ts";
import { getIdempotencyKey, postComment } from "../tasks/post-comment.ts";
import { createProblemsError, findTaskProblems, toItemFields } from "../tasks/task-fields.ts";
import { type ScheduleView, toScheduleView } from "./list-schedules.ts";
import {
  createScheduleRecord,
  findSchedule,
  type Schedule,
  type ScheduleRecord,
  type ScheduleState,
  toSchedulePut,
} from "./schedule-record.ts";
import { writeTemplateCard } from "./template-card.ts";

/** When work recurs; what is absent has the default of the settings file. */
export type ScheduleRuleInput = Partial<ScheduleRule> & Pick<ScheduleRule, "cron">;

/** The task that recurs: an existing one, by its key or id, which becomes the template, or a new one. */
export type RecurringTask =
  | { task: string }
  | (Pick<NewTask, "title" | "description" | "assignee" | "priority"> & { project: string; labels?: string[] });

/** Changed fields of a schedule; undefined removes one. `paused` pauses or resumes it. */
export interface ScheduleChange {
  rule?: Changes<ScheduleRule>;
  paused?: boolean;
}

/**
 * Makes a work item the template of recurring work: it gets the label `recurring`, is moved to Backlog, and its card
 * says when it recurs. Repeating the call within ten minutes changes nothing. Throws `bad_request` for a rule that has
 * no times.
 */
export async function createSchedule(
  context: CallContext,
  task: RecurringTask,
  input: ScheduleRuleInput,
): Promise<ScheduleView> {
  const rule = parseRule(input);
  const template =
    "task" in task ? await labelTask(context, await findTask(context, task.task)) : await createTemplate(context, task);
  const { deps } = context;
  const now = await deps.store.now();
  const { id, project } = template;
  const timeZone = rule.time_zone ?? deps.settings.timezone;
  const schedule: Schedule = { id, name: template.item.snapshot.name, rule, timeZone, project, source: { template } };
  await updateValue<ScheduleRecord>(deps, workKeys.schedule(id), (stored) =>
    stored?.rule && JSON.stringify(stored.rule) === JSON.stringify(rule)
      ? undefined
      : { put: [toSchedulePut({ ...createScheduleRecord(schedule, now), ...keepHistory(stored) })] },
  );
  return showChange(context, id);
}

function keepHistory(stored: ScheduleRecord | undefined) {
  if (!stored) return {};
  const { number, last, card, decided } = stored;
  return { number, decided, ...omitUndefined({ last, card }) };
}

function parseRule(input: ScheduleRuleInput): ScheduleRule {
  const parsed = scheduleRuleSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [field = ""] = parsed.error.issues[0]?.path ?? [];
  throw createRuleError(String(field));
}

function createRuleError(field: string): GroundcrewError {
  const wanted = Object.entries(scheduleRuleSchema.shape).find(([name]) => name === field)?.[1].description;
  return new GroundcrewError("bad_request", `${field || "A field"} is not valid: give ${wanted ?? "another value"}.`, {
    refusal: { name: "invalidSchedule", values: { field } },
  });
}

/** Creates the template, which nobody works on: in Backlog, with the label `recurring`. */
async function createTemplate(
  context: CallContext,
  { project: name, title, description, assignee: who, priority, labels = [] }: Exclude<RecurringTask, { task: string }>,
): Promise<Task> {
  const { deps, systemPlane } = context;
  const project = await getProjectByName(context, name);
  const problems = findTaskProblems({ title });
  if (problems.length > 0) throw createProblemsError("The schedule was not created", problems);
  const assignee: Assignee | undefined = who === undefined ? undefined : await getAssignee(context, who);
  const id = await getIdempotencyKey(context, "create_schedule", project.id, title, description ?? "", who ?? "");
  const fields = await toItemFields({ title, ...omitUndefined({ description, priority }) }, "");
  const state = await findBacklogState(context, project.id);
  const task = await retryWithFreshLabels(context, project, async () => {
    const assign: ItemFields = assignee ? await createAssignFields(context, project, assignee) : { assignees: [] };
    const ids = [...(assign.labels ?? [])];
    for (const label of [...labels, RECURRING_LABEL])
      ids.push(await getOrCreateLabel({ ...deps, plane: systemPlane }, project.id, label));
    const all = { ...fields, ...assign, labels: [...new Set(ids)], ...omitUndefined({ state }) };
    return createItem(context, project, `template:${id}`, all);
  });
  return task;
}

async function findBacklogState({ deps }: CallContext, project: string): Promise<string | undefined> {
  const states = await readStates(deps, project, { priority: "interactive" });
  const backlog = states.filter(({ group }) => group === "backlog");
  return (backlog.find((state) => state.default) ?? backlog[0])?.id;
}

/** Makes an existing task the template. */
async function labelTask(context: CallContext, task: Task): Promise<Task> {
  const { deps, systemPlane } = context;
  const { snapshot } = task.item;
  if (!isOpenItem(task.item))
    throw new GroundcrewError("conflict", `${task.key} is closed. Reopen it first.`, {
      refusal: { name: "scheduleClosed", values: { task: task.key } },
    });
  const labels = await applyLabelChange({ ...deps, plane: systemPlane }, task.project.id, snapshot.labels, {
    add: [RECURRING_LABEL],
  });
  const current = await findNamedState(deps, task.project.id, snapshot.state);
  const state = current?.group === "backlog" ? undefined : await findBacklogState(context, task.project.id);
  const fields = omitUndefined({ labels, state });
  return Object.keys(fields).length === 0 ? task : changeTask(context, task, fields);
}

/**
 * Changes when work recurs, or pauses or resumes it. What comes while it is paused is left out. Throws `conflict` for
 * another change of a schedule of the settings file.
 */
export async function changeSchedule(context: CallContext, id: string, change: ScheduleChange): Promise<ScheduleView> {
  const { deps, caller } = context;
  const { schedule } = await getSchedule(context, id);
  const { rule: changes, paused } = change;
  if (changes && !("template" in schedule.source)) throw createSettingsError(schedule.name);
  const rule = changes && parseRule(changeFields(schedule.rule, changes));
  const now = await deps.store.now();
  await updateValue<ScheduleRecord>(deps, workKeys.schedule(id), (stored) => {
    const { paused: before, ...record } = stored ?? createScheduleRecord(schedule, now);
    const isPaused = paused ?? before !== undefined;
    const isResumed = before !== undefined && !isPaused;
    const pause = isPaused ? { paused: before ?? { by: caller.name, at: now } } : {};
    const resumed = isResumed ? { decidedUntil: now, skipped: [] } : {};
    return {
      put: [toSchedulePut({ ...record, ...omitUndefined({ rule: rule ?? record.rule }), ...pause, ...resumed })],
    };
  });
  return showChange(context, id);
}

/** Ends recurring work by closing its template; reopening that, here or in Plane, undoes it. */
export async function deleteSchedule(context: CallContext, id: string): Promise<void> {
  const { schedule } = await getSchedule(context, id);
  if (!("template" in schedule.source)) throw createSettingsError(schedule.name);
  const { template } = schedule.source;
  await changeTask(context, template, await createStatusFields(context.deps, template, "cancelled"));
}

/** Undoes `deleteSchedule`: its times count from now on. */
export async function restoreSchedule(context: CallContext, id: string): Promise<ScheduleView> {
  const { deps } = context;
  const template = await findStoredTask(deps, id);
  const [stored] = await deps.store.read<ScheduleRecord>([workKeys.schedule(id)]);
  if (!template?.item.template || !stored?.value.rule) throw createUnknownError(id);
  const state = await findBacklogState(context, template.project.id);
  if (!isOpenItem(template.item) && state !== undefined) await changeTask(context, template, { state });
  const decidedUntil = await deps.store.now();
  await updateValue<ScheduleRecord>(
    deps,
    workKeys.schedule(id),
    (record) => record && { put: [toSchedulePut({ ...record, decidedUntil })] },
  );
  return showChange(context, id);
}

/** Finds a schedule by its id. Throws `not_found` when there is none. */
export async function getSchedule({ deps }: CallContext, id: string): Promise<ScheduleState> {
  const found = await findSchedule(deps, id);
  if (!found) throw createUnknownError(id);
  return found;
}

function createUnknownError(id: string): GroundcrewError {
  const message = `There is no schedule "${id.slice(0, 64)}". GET /api/schedules lists them.`;
  return new GroundcrewError("not_found", message, { refusal: { name: "unknownSchedule" } });
}

function createSettingsError(name: string): GroundcrewError {
  const message = `${name} is defined in the settings file (GROUNDCREW_CONFIG). Change it there; here it can only be paused and run.`;
  return new GroundcrewError("conflict", message, { refusal: { name: "scheduleInSettings", values: { name } } });
}

/** Shows a change on the template's card and to the caller. */
export async function showChange(context: CallContext, id: string): Promise<ScheduleView> {
  const { deps } = context;
  const state = await getSchedule(context, id);
  await writeTemplateCard(deps, state);
  return toScheduleView(deps, state, resolveLocale(deps.settings.locale), await deps.store.now());
}

/**
 * Makes a task recur as the comment says. The template's card, which is written with it, confirms that; what cannot be
 * understood or done is answered by a comment.
 */
export async function handleScheduleComment(
  deps: TaskDeps,
  { item, comment, by, text, correlation }: Extract<WorkJobBody, { type: "recur" }>,
): Promise<void> {
  const task = await findStoredTask(deps, item);
  if (!task || task.item.removedAt !== undefined) return;
  const locale = resolveLocale(deps.settings.locale);
  const context = createCallContext(deps, { name: by, role: "human" }, correlation);
  const parsed = parseScheduleCommand(findScheduleCommand(text) ?? text);
  const refusal = "problem" in parsed ? explainRefusedWords(parsed, locale) : await tryToCreate(parsed.cron);
  if (refusal === undefined) return;
  await postComment(context, task, `recur:${comment}`, `<p>${escapeHtml(refusal).replaceAll("\n", "<br>")}</p>`);

  async function tryToCreate(cron: string): Promise<string | undefined> {
    try {
      await createSchedule(context, { task: item }, { cron });
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof GroundcrewError)) throw thrown;
      const found = getRefusal(thrown);
      return (found && renderRefusal(getTexts(locale).telegram, found)) ?? thrown.message;
    }
  }
}
