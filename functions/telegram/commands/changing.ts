/** Commands that change a task: status, due date, priority and agent. */

import type { Task } from "../../../shared/records/plane-records.ts";
import { isOpen, PRIORITIES, type Priority, type Status } from "../../../shared/task/snapshot.ts";
import type { ItemFields } from "../../../shared/tasks/assignees.ts";
import { changeTask } from "../../../shared/tasks/change-task.ts";
import { updateTask } from "../../../shared/tasks/edit-task.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { setStatus } from "../../../shared/tasks/lifecycle/set-status.ts";
import { toSafeText } from "../../../shared/telegram/rich-text.ts";
import { toZonedDate } from "../../../shared/time.ts";
import { renderTaskLink } from "../presentation/task-lists.ts";
import {
  AGENTS,
  createTaskCommand,
  normalizeName,
  parseDueDate,
  replyUsage,
  stripQuotes,
  withSubject,
} from "./arguments.ts";
import {
  type CommandContext,
  type CommandOption,
  type CommandResult,
  createCommandCallContext,
  offerChoices,
  replyText,
} from "./command.ts";

type Texts = CommandContext["presentation"]["texts"]["answers"];

interface FieldChange {
  /** The task has this value already. */
  isSame: boolean;
  fields: ItemFields;
  /** Template of the reply, with `{task}`. */
  confirmation: string;
  values: Record<string, string>;
}

/** The statuses that commands set, with what is replied. */
const STATUS_CONFIRMATIONS = {
  done: ["done", "✅"],
  cancelled: ["cancelled", "✖️"],
  blocked: ["blocked", "⛔"],
  todo: ["unblocked", "🟢"],
} as const satisfies Partial<Record<Status, readonly [keyof Texts["confirmations"], string]>>;

export const cancelCommand = createTaskCommand("cancel", ["annuler"], (context, task, reason) =>
  changeStatus(context, task, "cancelled", reason),
);

export const blockCommand = createTaskCommand("block", ["bloquer"], (context, task, reason) =>
  changeStatus(context, task, "blocked", reason),
);

/** Removes the blocked status of a task. Its open blockers still apply. */
export const unblockCommand = createTaskCommand("unblock", ["debloquer"], async (context, task, reason) =>
  task.item.snapshot.status === "blocked" || context.isRetry
    ? changeStatus(context, task, "todo", reason)
    : replyRefusal(context, task, "notBlocked"),
);

/** Sets or removes the due date of a task. Words such as “friday” count from today in the settings' time zone. */
export const dueCommand = createTaskCommand(
  "due",
  ["echeance", "échéance", "deadline"],
  async (context, task, rest) => {
    if (rest === "") return replyUsage(context, "due");
    const { texts, format, timezone } = context.presentation;
    const { confirmations, refusals } = texts.answers;
    const today = toZonedDate(timezone, await context.deps.store.now());
    const date = parseDueDate(stripQuotes(rest), today, texts.locale);
    if (date === undefined) return replyText(`⚠️ ${refusals.noDate}`, { date: toSafeText(rest, 40) });
    const { start, due } = task.item.snapshot;
    if (date !== null && start !== null && date < start)
      return replyText(`⚠️ ${refusals.beforeStart}`, { start: format.date(start) });
    return changeField(context, task, {
      isSame: due === date,
      fields: { target_date: date },
      confirmation: `📅 ${date === null ? confirmations.noDue : confirmations.due}`,
      values: { date: date === null ? "" : format.date(date) },
    });
  },
);

/** French words for the priorities, without accents. English ones are Plane's own. */
const FRENCH_WORDS: Record<Priority, readonly string[]> = {
  urgent: ["urgente"],
  high: ["haute", "haut", "elevee", "eleve"],
  medium: ["moyenne", "moyen", "normale", "normal"],
  low: ["basse", "bas", "faible"],
  none: ["aucune", "aucun", "sans", "-"],
};

/** Sets the priority of a task. Without a known priority, buttons offer all of them. */
export const priorityCommand = createTaskCommand(
  "priority",
  ["priorite", "priorité", "prio"],
  async (context, task, rest) => {
    const { answers, priorities } = context.presentation.texts;
    const word = normalizeName(stripQuotes(rest));
    const priority = PRIORITIES.find((name) => name === word || FRENCH_WORDS[name].includes(word));
    if (priority !== undefined)
      return changeField(context, task, {
        isSame: task.item.snapshot.priority === priority,
        fields: { priority },
        confirmation: `❗ ${answers.confirmations.priority}`,
        values: { priority: priorities[priority] },
      });
    const toOption = (name: Priority): CommandOption => {
      return { label: priorities[name], command: "priority", args: `${task.key} ${name}` };
    };
    return offerChoices(context, answers.choosePriority, PRIORITIES.map(toOption));
  },
);

/** Assigns a task to an agent. */
export const assignCommand = createTaskCommand(
  "assign",
  ["attribuer", "confier", "give"],
  async (context, task, rest) => {
    const to = stripQuotes(rest.replace(/^(?:to|a|à)\s+/i, ""));
    if (to === "") return replyUsage(context, "assign");
    const run = async ({ name }: { name: string }) => {
      const assigned = await updateTask(createCommandCallContext(context), task, { assignee: name });
      const { confirmations } = context.presentation.texts.answers;
      const values = { task: renderTaskLink(context, assigned), agent: toSafeText(name, 80) };
      return replyText(`👤 ${confirmations.assigned}`, values);
    };
    return withSubject(context, AGENTS, "assign", to, run, (name) => `${task.key} ${name}`);
  },
);

/** Replies that nothing was done, and why. */
function replyRefusal(context: CommandContext, task: Task, refusal: keyof Texts["refusals"]): CommandResult {
  const { refusals } = context.presentation.texts.answers;
  return replyText(`ℹ️ ${refusals[refusal]}`, { task: renderTaskLink(context, task) });
}

/** Changes a task's status as the human, with the reason as a comment. */
export async function changeStatus(
  context: CommandContext,
  task: Task,
  wanted: keyof typeof STATUS_CONFIRMATIONS,
  reason: string,
): Promise<CommandResult> {
  const { status } = task.item.snapshot;
  if (status === wanted && !context.isRetry) return replyRefusal(context, task, "already");
  if (!isOpen(status) && status !== wanted) return replyRefusal(context, task, "over");
  const update = { status: wanted, ...(reason === "" ? {} : { text: reason }) };
  await setStatus(createCommandCallContext(context), task, update);
  const changed = (await findStoredTask(context.deps, task.id)) ?? task;
  const [confirmation, emoji] = STATUS_CONFIRMATIONS[wanted];
  const { confirmations } = context.presentation.texts.answers;
  return replyText(`${emoji} ${confirmations[confirmation]}`, { task: renderTaskLink(context, changed) });
}

/** Changes a field of an open task as the human, with one request to Plane. */
async function changeField(
  context: CommandContext,
  task: Task,
  { isSame, fields, confirmation, values }: FieldChange,
): Promise<CommandResult> {
  if (!isOpen(task.item.snapshot.status)) return replyRefusal(context, task, "over");
  if (isSame && !context.isRetry) return replyRefusal(context, task, "already");
  const changed = isSame ? task : await changeTask(createCommandCallContext(context), task, fields);
  return replyText(confirmation, { ...values, task: renderTaskLink(context, changed) });
}
