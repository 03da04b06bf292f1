/** Commands that change a task: status, due date, priority, agent and comments. */

import type { Locale } from "../../../shared/i18n/localize.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { isOpen, PRIORITIES, type Priority, type Status } from "../../../shared/task/snapshot.ts";
import { assignTask, changeTask } from "../../../shared/tasks/change-task.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { setStatus } from "../../../shared/tasks/lifecycle/set-status.ts";
import { type ItemFields, isDay } from "../../../shared/tasks/task-fields.ts";
import { toSafeText } from "../../../shared/telegram/rich-text.ts";
import { DAY, toZonedDate } from "../../../shared/time.ts";
import {
  AGENTS,
  type Agent,
  createTaskCommand,
  normalizeName,
  replyUsage,
  stripQuotes,
  withSubject,
} from "./arguments.ts";
import { type CommandOption, offerChoices } from "./choices.ts";
import { type CommandContext, type CommandResult, createCommandCallContext, replyText } from "./command.ts";
import { renderTaskLink } from "./task-lists.ts";

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

/** Words before a date that change nothing: “on friday”, “le 1/12/2026”. */
const PREFIX = /^(?:on|by|this|(?:the )?day(?= after)|le|pour le|ce)\s+/;

const CLEAR_WORDS: readonly string[] = ["-", "–", "—", "none", "aucune", "aucun"];

const DAY_FIRST = /^(\d{1,2})([./])(\d{1,2})\2(\d{4})$/;

/** Words for a day, without accents and apostrophes, as the number of days from today. */
const DAY_WORDS: Record<string, number> = {
  today: 0,
  "aujourd hui": 0,
  aujourdhui: 0,
  tomorrow: 1,
  demain: 1,
  "after tomorrow": 2,
  "apres demain": 2,
};

/** Names of weekdays in English and French, Sunday first. */
const WEEKDAYS: readonly (readonly string[])[] = [
  ["sunday", "sun", "dimanche", "dim"],
  ["monday", "mon", "lundi", "lun"],
  ["tuesday", "tue", "mardi", "mar"],
  ["wednesday", "wed", "mercredi", "mer"],
  ["thursday", "thu", "jeudi", "jeu"],
  ["friday", "fri", "vendredi", "ven"],
  ["saturday", "sat", "samedi", "sam"],
];

const PERIOD = /^(?:in\s+|dans\s+|\+)?(\d{1,3}|(?:an?|une?)(?=\s))\s*(d|days?|j|jours?|w|weeks?|sem|semaines?)$/;

/** Sets or removes the due date of a task. Words such as “friday” count from today in the settings' time zone. */
export const dueCommand = createTaskCommand(
  "due",
  ["echeance", "échéance", "deadline"],
  async (context, task, rest) => {
    if (rest === "") return replyUsage(context, "due");
    const { texts, format, timezone } = context.presentation;
    const { answers } = texts;
    const today = toZonedDate(timezone, await context.deps.store.now());
    const date = parseDueDate(stripQuotes(rest), today, texts.locale);
    if (date === undefined) return replyText(`⚠️ ${answers.refusals.noDate}`, { date: toSafeText(rest, 40) });
    const { start, due } = task.item.snapshot;
    if (date !== null && start !== null && date < start)
      return replyText(`⚠️ ${answers.refusals.beforeStart}`, { start: format.date(start) });
    const { noDue, due: dueOn } = answers.confirmations;
    return changeField(context, task, {
      isSame: due === date,
      fields: { target_date: date },
      confirmation: `📅 ${date === null ? noDue : dueOn}`,
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
    const priority = parsePriority(stripQuotes(rest));
    if (priority === undefined) {
      const toOption = (name: Priority): CommandOption => ({
        label: priorities[name],
        command: "priority",
        args: `${task.key} ${name}`,
      });
      return offerChoices(context, answers.choosePriority, PRIORITIES.map(toOption));
    }
    return changeField(context, task, {
      isSame: task.item.snapshot.priority === priority,
      fields: { priority },
      confirmation: `❗ ${answers.confirmations.priority}`,
      values: { priority: priorities[priority] },
    });
  },
);

/** Assigns a task to an agent. */
export const assignCommand = createTaskCommand(
  "assign",
  ["attribuer", "confier", "give"],
  async (context, task, rest) => {
    const to = stripQuotes(rest.replace(/^(?:to|a|à)\s+/i, ""));
    if (to === "") return replyUsage(context, "assign");
    const assignTo = async ({ name }: Agent) => {
      const assigned = await assignTask(createCommandCallContext(context), task, name);
      const { confirmations } = context.presentation.texts.answers;
      const values = { task: renderTaskLink(context, assigned), agent: toSafeText(name, 80) };
      return replyText(`👤 ${confirmations.assigned}`, values);
    };
    return withSubject(context, AGENTS, "assign", to, assignTo, (name) => `${task.key} ${name}`);
  },
);

/** Replies that nothing was done, and why. */
function replyRefusal(context: CommandContext, task: Task, refusal: keyof Texts["refusals"]): CommandResult {
  const { refusals } = context.presentation.texts.answers;
  return replyText(`ℹ️ ${refusals[refusal]}`, { task: renderTaskLink(context, task) });
}

/**
 * Parses a due date that a person wrote, in English or French: `2026-12-01`, `1.12.2026`, `tomorrow`, `vendredi` (the
 * next one, never today), `in 3 days`, `-` for none. `01/12/2026` is read day first in French only, because elsewhere
 * it may mean January. Returns `YYYY-MM-DD`, null for no date, undefined for anything else.
 * @param today the calendar day in the settings' time zone
 */
export function parseDueDate(text: string, today: string, locale: Locale): string | null | undefined {
  const words = normalizeName(text)
    .replace(/['’]/g, " ")
    .replace(/-(?=[a-z])/g, " ")
    .replace(PREFIX, "")
    .trim();
  if (CLEAR_WORDS.includes(words)) return null;
  if (isDay(words)) return words;
  const [, day = "", separator, month = "", year = ""] = DAY_FIRST.exec(words) ?? [];
  if (separator === "." || (separator === "/" && locale === "fr")) {
    const date = `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
    return isDay(date) ? date : undefined;
  }
  const days = DAY_WORDS[words] ?? findWeekday(words, today) ?? parsePeriod(words);
  return days === undefined ? undefined : addDays(today, days);
}

/** The number of days until the next weekday of this name; 7 when it is today. */
function findWeekday(word: string, today: string): number | undefined {
  const wanted = WEEKDAYS.findIndex((names) => names.includes(word));
  if (wanted === -1) return undefined;
  const current = new Date(`${today}T00:00:00Z`).getUTCDay();
  return ((wanted - current + 6) % 7) + 1;
}

function parsePeriod(words: string): number | undefined {
  const [, count = "", unit = ""] = PERIOD.exec(words) ?? [];
  if (unit === "") return undefined;
  return (/^\d/.test(count) ? Number(count) : 1) * (/^[ws]/.test(unit) ? 7 : 1);
}

/** Calculates in UTC, so that changes to and from summer time do not matter. */
function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
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

function parsePriority(text: string): Priority | undefined {
  const word = normalizeName(text);
  return PRIORITIES.find((name) => name === word || FRENCH_WORDS[name].includes(word));
}
