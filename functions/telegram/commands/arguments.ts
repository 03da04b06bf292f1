/**
 * The words after a command: its parts, and the tasks, projects, agents, dates and durations that they name, in English
 * or French. What is ambiguous is offered as a choice.
 */

import { GroundcrewError } from "../../../shared/errors.ts";
import { LOCALES, type Locale } from "../../../shared/i18n/localize.ts";
import { getWeekDayName } from "../../../shared/i18n/schedule-words.ts";
import type { CommandName, CommandSubject } from "../../../shared/i18n/texts.ts";
import { findNearestName, parseTaskKey } from "../../../shared/names.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { ProjectRecord, Task } from "../../../shared/records/plane-records.ts";
import { observedSets } from "../../../shared/records/store-keys.ts";
import type { ItemRecord } from "../../../shared/task/snapshot.ts";
import { findStoredTask, findTask, toTask } from "../../../shared/tasks/find-task.ts";
import { isDay } from "../../../shared/tasks/task-fields.ts";
import { joinRichText, type RichText, toCode, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { DAY, HOUR, MINUTE, type Ms } from "../../../shared/time.ts";
import { fillTemplate, type Presentation } from "../presentation/presentation.ts";
import { readFollowedProjects, readOpenTasks } from "../presentation/task-lists.ts";
import {
  addReplyTask,
  type CommandContext,
  type CommandOption,
  type CommandResult,
  createReadCallContext,
  offerChoices,
  type TelegramCommand,
} from "./command.ts";

/** A message parsed as a command: the word after `/plane` and its arguments. */
export interface ParsedCommand {
  word: string;
  args: string;
  /** The name of the addressed bot, without `@`; absent if none is named. */
  bot?: string;
}

/** A kind of thing that arguments name: where it is found, and what buttons and lists call it. */
export interface SubjectType<T> {
  name: CommandSubject;
  readAll(context: CommandContext): Promise<readonly T[]>;
  /** The names by which people find it. */
  getNames(candidate: T): readonly string[];
  /** The label of its button, and the argument by which the button names it. */
  toOption(context: CommandContext, candidate: T): { label: string; argument: string };
  /** Its name in the list of what there is; absent where that would be too long. */
  getListedName?(candidate: T): string;
  /** Finds what can be meant by nothing but its name. */
  findExact?(context: CommandContext, name: string): Promise<readonly T[]>;
}

/** The result of looking up a name. */
type NameMatch<T> =
  | { kind: "one"; candidate: T; isExact: boolean }
  | { kind: "several"; candidates: T[] }
  | { kind: "none"; nearest?: T };

export type Agent = CommandContext["deps"]["settings"]["agents"][number];

/** A slash and a word, perhaps with the bot's name. Accents are allowed, because people type them: `/état`. */
const SLASH_COMMAND = /^\s*\/([\p{L}\p{N}_]+)(?:@(\w+))?(?:\s+([\s\S]*))?$/u;

const QUOTED_ARGUMENT = /^(?:"([^"]+)"|“([^”]+)”|«\s*([^»]+?)\s*»)\s*([\s\S]*)$/;

/** Projects, by identifier, name or part of a name. */
export const PROJECTS: SubjectType<ProjectRecord> = {
  name: "project",
  readAll: readFollowedProjects,
  getNames: ({ identifier, name }) => [identifier, name],
  toOption: (_, { identifier, name }) => ({ label: `${identifier} ${name}`, argument: identifier }),
  getListedName: ({ identifier, name }) => `${name} (${identifier})`,
};

/** Tasks, by key, number, title or part of a title. Only an unknown key costs a request to Plane. */
export const TASKS: SubjectType<Task> = {
  name: "task",
  readAll: async (context) => readOpenTasks(context, await readFollowedProjects(context)),
  getNames: ({ key, item }) => [key, item.snapshot.name],
  toOption: (_, { key, item }) => ({ label: `${key} ${item.snapshot.name}`, argument: key }),
  async findExact(context, name) {
    const task = parseTaskKey(name) ? await findTaskByKey(context, name) : undefined;
    if (task) return [task];
    const numbered = TASK_NUMBER_PATTERN.exec(name)?.[1];
    return numbered === undefined ? [] : findTasksByNumber(context, Number(numbered));
  },
};

export const AGENTS: SubjectType<Agent> = {
  name: "agent",
  readAll: async ({ deps }) => deps.settings.agents,
  getNames: ({ name }) => [name],
  toOption: (_, { name }) => ({ label: name, argument: name }),
  getListedName: ({ name }) => name,
};

const TASK_NUMBER_PATTERN = /^#?([1-9]\d{0,9})$/;

/** Words before a date that change nothing: “on friday”, “le 1/12/2026”. */
const DATE_PREFIX = /^(?:on|by|this|(?:the )?day(?= after)|le|pour le|ce)\s+/;

const NO_DATE = ["-", "–", "—", "none", "aucune", "aucun"];

const DAY_FIRST = /^(\d{1,2})([./])(\d{1,2})\2(\d{4})$/;

/** Words for today and the days after it, without accents and apostrophes. */
const DAY_WORDS = [
  ["today", "aujourd hui", "aujourdhui"],
  ["tomorrow", "demain"],
  ["after tomorrow", "apres demain"],
];

const PERIOD = /^(?:(?:for|pendant|in|dans)\s+|\+)?(\d{1,5}|(?:an?|une?)(?=\s))\s*(\p{L}+)$/u;

const UNITS: readonly [RegExp, Ms][] = [
  [/^(?:m|min|minutes?)$/, MINUTE],
  [/^(?:h|hours?|heures?)$/, HOUR],
  [/^(?:d|days?|j|jours?)$/, DAY],
  [/^(?:w|weeks?|sem|semaines?)$/, 7 * DAY],
];

/**
 * Parses `/plane status`, `/plane@bot task ONB-1`, and the short form `/status`, which needs the bot's name unless
 * every message is for the bot (a private chat, the dashboard). Returns undefined for a message that is no command for
 * the bot.
 */
export function parseCommand(text: string, isForUs: boolean): ParsedCommand | undefined {
  const [, command, bot, rest = ""] = SLASH_COMMAND.exec(text) ?? [];
  if (command === undefined) return undefined;
  const named = bot === undefined ? {} : { bot };
  if (/^plane$/i.test(command)) return { ...splitCommand(rest), ...named };
  if (!isForUs && bot === undefined) return undefined;
  if (/^start$/i.test(command)) return { word: "help", args: "", ...named };
  return { word: command, args: rest.trim(), ...named };
}

function splitCommand(text: string): Pick<ParsedCommand, "word" | "args"> {
  const [, word = "", args = ""] = /^\s*(\S*)\s*([\s\S]*)$/.exec(text) ?? [];
  return { word: word === "" ? "help" : word, args: args.trim() };
}

/** Parses a text without a slash as the words after `/plane`. Whether it is meant so is for the caller to decide. */
export function parseBareText(text: string): ParsedCommand {
  return splitCommand(text.replace(/^\s*plane\b/i, ""));
}

/** Splits off the first word, or the first text in quotation marks. A key may have a mark after it: `ONB-4: use blue`. */
export function splitFirstArgument(args: string): { first: string; rest: string; quoted: boolean } {
  const text = args.trim();
  const [, straight, curly, angled, after = ""] = QUOTED_ARGUMENT.exec(text) ?? [];
  const inside = straight ?? curly ?? angled;
  if (inside !== undefined) return { first: inside.trim(), rest: after.trim(), quoted: true };
  const [, first = "", rest = ""] = /^(\S*)\s*([\s\S]*)$/.exec(text) ?? [];
  const key = first.replace(/[:,.;!?]+$/, "");
  return { first: parseTaskKey(key) ? key : first, rest: rest.trim(), quoted: false };
}

/** Whether arguments are the key of a task and nothing else. */
export function isTaskKey(args: string): boolean {
  const { first, rest } = splitFirstArgument(args);
  return rest === "" && parseTaskKey(first) !== undefined;
}

/** Removes quotation marks around the whole text. */
export function stripQuotes(text: string): string {
  return text.replace(/^["“«]\s*|\s*["”»]$/g, "");
}

/**
 * Removes accents, upper case and extra blanks, so that `equipe` finds `Équipe`; and format characters, because a name
 * that was copied from a message of ours has word joiners.
 */
export function normalizeName(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/[\p{M}\p{Cf}]/gu, "")
    .toLowerCase()
    .replace(/\s+/g, " ")
    .trim();
}

/**
 * Finds the candidates with this name: exact names first, then beginnings of words, then any part of a name. Without a
 * match it suggests the candidate with the most similar name, if one is similar enough.
 */
export function matchByName<T>(
  input: string,
  candidates: readonly T[],
  getNames: (candidate: T) => readonly string[],
): NameMatch<T> {
  const searchedName = normalizeName(input);
  if (searchedName === "") return { kind: "none" };
  const withNames = candidates.map((candidate) => ({ candidate, names: getNames(candidate).map(normalizeName) }));
  const findAll = (isMatch: (name: string) => boolean) =>
    withNames.filter(({ names }) => names.some(isMatch)).map(({ candidate }) => candidate);
  const exact = findAll((name) => name === searchedName);
  if (exact.length > 0) return toMatch(exact, true);
  const beginnings = findAll((name) => ` ${name}`.includes(` ${searchedName}`));
  const parts = beginnings.length > 0 ? beginnings : findAll((name) => name.includes(searchedName));
  if (parts.length > 0) return toMatch(parts, false);
  const name = findNearestName(
    searchedName,
    withNames.flatMap(({ names }) => names),
  );
  const [nearest] = name === undefined ? [] : findAll((other) => other === name);
  return { kind: "none", ...omitUndefined({ nearest }) };
}

function toMatch<T>(matches: readonly T[], isExact: boolean): NameMatch<T> {
  const [first] = matches;
  if (first !== undefined && matches.length === 1) return { kind: "one", candidate: first, isExact };
  return { kind: "several", candidates: [...matches] };
}

/** Parses `30m`, `2h`, `for 3 d`, `in a week`, `dans 2 semaines`; undefined for a text that is no length of time. */
export function parsePeriod(text: string): Ms | undefined {
  const [, count = "", word = ""] = PERIOD.exec(normalizeName(text)) ?? [];
  const unit = UNITS.find(([pattern]) => pattern.test(word))?.[1] ?? 0;
  return (/^\d/.test(count) ? Number(count) : 1) * unit || undefined;
}

/**
 * Parses a due date: `2026-12-01`, `1.12.2026`, `tomorrow`, `vendredi` (the next one, never today), `in 3 days`, `-`
 * for none. `01/12/2026` is read day first in French only, because elsewhere it may mean January. Returns `YYYY-MM-DD`,
 * null for no date, undefined for anything else.
 * @param today the calendar day in the settings' time zone
 */
export function parseDueDate(text: string, today: string, locale: Locale): string | null | undefined {
  const words = normalizeName(text)
    .replace(/['’]/g, " ")
    .replace(/-(?=[a-z])/g, " ")
    .replace(DATE_PREFIX, "")
    .trim();
  if (NO_DATE.includes(words)) return null;
  if (isDay(words)) return words;
  const [, day = "", separator, month = "", year = ""] = DAY_FIRST.exec(words) ?? [];
  if (separator === "." || (separator === "/" && locale === "fr")) {
    const date = `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
    return isDay(date) ? date : undefined;
  }
  // In UTC, so that changes to and from summer time do not matter.
  const start = Date.parse(`${today}T00:00:00Z`);
  const named = DAY_WORDS.findIndex((names) => names.includes(words));
  const distance = named >= 0 ? named * DAY : (findWeekday(words, start) ?? parsePeriod(words));
  if (distance === undefined || distance % DAY !== 0) return undefined;
  return new Date(start + distance).toISOString().slice(0, 10);
}

/** The time until the next weekday of this name, or its first three letters; a week when it is today. */
function findWeekday(word: string, today: Ms): Ms | undefined {
  const isMeant = (day: number) =>
    LOCALES.map((locale) => getWeekDayName(locale, day).toLowerCase()).some(
      (name) => name === word || name.slice(0, 3) === word,
    );
  const wanted = [0, 1, 2, 3, 4, 5, 6].find(isMeant);
  return wanted === undefined ? undefined : (((wanted - new Date(today).getUTCDay() + 6) % 7) + 1) * DAY;
}

/** Replies with the syntax of a command. */
export function replyUsage({ presentation }: CommandContext, command: CommandName): CommandResult {
  return {
    reply: { rich: joinRichText([presentation.texts.answers.usage, " ", renderSyntax(presentation, command)]) },
  };
}

/** `/plane assign <key> <agent>` */
export function renderSyntax({ texts }: Presentation, command: CommandName): RichText {
  const { usage } = texts.answers.commands[command];
  return toCode(`/plane ${command}${usage === undefined ? "" : ` ${usage}`}`);
}

/** Finds what a name means among the things of one kind. */
export async function matchSubject<T>(
  context: CommandContext,
  type: SubjectType<T>,
  input: string,
): Promise<NameMatch<T>> {
  const exact = (await type.findExact?.(context, input.trim())) ?? [];
  if (exact.length > 0) return toMatch(exact, true);
  return matchByName(input, await type.readAll(context), type.getNames);
}

/** Runs a command on what a name means. What is ambiguous is offered as buttons, whose arguments `toArgs` completes. */
export async function withSubject<T>(
  context: CommandContext,
  type: SubjectType<T>,
  command: CommandName,
  input: string,
  run: (found: T) => Promise<CommandResult>,
  toArgs?: (argument: string) => string,
): Promise<CommandResult> {
  const match = await matchSubject(context, type, input);
  if (match.kind === "one") return run(match.candidate);
  return replyAmbiguous(context, type, command, input, match, toArgs);
}

/** Offers the matches, or the most similar name, as buttons. Without either, replies with the available names. */
export async function replyAmbiguous<T>(
  context: CommandContext,
  type: SubjectType<T>,
  command: CommandName,
  input: string,
  match: Exclude<NameMatch<T>, { kind: "one" }>,
  toArgs = (argument: string) => argument,
): Promise<CommandResult> {
  const { answers } = context.presentation.texts;
  const toOption = (candidate: T): CommandOption => {
    const { label, argument } = type.toOption(context, candidate);
    return { label, command, args: toArgs(argument) };
  };
  if (match.kind === "several")
    return offerChoices(context, answers.chooseMatch[type.name], match.candidates.map(toOption));
  const notFound = fillTemplate(answers.notFound[type.name], { name: toSafeText(input, 80) });
  if (match.nearest !== undefined)
    return offerChoices(context, joinRichText([notFound, answers.nearest], "\n"), [toOption(match.nearest)]);
  const { getListedName } = type;
  const names = getListedName ? (await type.readAll(context)).map((candidate) => getListedName(candidate)) : [];
  if (names.length === 0 || type.name === "task") return { reply: { rich: notFound } };
  const available = fillTemplate(answers.available[type.name], { names: toSafeText(names.join(", "), 600) });
  return { reply: { rich: joinRichText([notFound, available], "\n") } };
}

async function findTaskByKey(context: CommandContext, key: string): Promise<Task | undefined> {
  try {
    const { id } = await findTask(createReadCallContext(context), key);
    return await findStoredTask(context.deps, id);
  } catch (thrown) {
    if (thrown instanceof GroundcrewError && thrown.code === "not_found") return undefined;
    throw thrown;
  }
}

async function findTasksByNumber(context: CommandContext, sequence: number): Promise<Task[]> {
  const { deps } = context;
  const projects = await readFollowedProjects(context);
  const tasks = await Promise.all(
    projects.map(async (project) => {
      const { rows } = await deps.store.scan<ItemRecord>(observedSets.numbered(project.id, sequence), undefined, 1);
      return rows.map(({ value, rev }) => toTask(deps, value, rev, project));
    }),
  );
  return tasks.flat().filter(({ item }) => item.removedAt === undefined);
}

/**
 * Creates a command that changes the task its arguments begin with; `change` gets the other arguments. The task must be
 * named by its key, number or full title. For part of a title, the user must confirm first.
 */
export function createTaskCommand(
  name: CommandName,
  aliases: readonly string[],
  change: (context: CommandContext, task: Task, rest: string) => Promise<CommandResult>,
): TelegramCommand {
  return {
    name,
    aliases,
    isMeant: (_, args) => parseTaskKey(splitFirstArgument(args).first) !== undefined,
    async run(context, args) {
      const { first, rest: others, quoted } = splitFirstArgument(args);
      if (first === "") return replyUsage(context, name);
      const isExplicit = quoted || parseTaskKey(first) !== undefined || TASK_NUMBER_PATTERN.test(first);
      const wholeMatch = isExplicit ? undefined : await matchSubject(context, TASKS, args);
      const [match, rest, input] =
        wholeMatch && wholeMatch.kind !== "none"
          ? [wholeMatch, "", args]
          : [await matchSubject(context, TASKS, first), others, first];
      if (match.kind === "one" && match.isExact) {
        const action = { name, task: match.candidate.key };
        return addReplyTask({ action, ...(await change(context, match.candidate, rest)) }, match.candidate);
      }
      const toArgs = (key: string) => `${key} ${rest}`.trim();
      if (match.kind !== "one") return replyAmbiguous(context, TASKS, name, input, match, toArgs);
      const { label, argument } = TASKS.toOption(context, match.candidate);
      const option = { label, command: name, args: toArgs(argument) };
      return offerChoices(context, context.presentation.texts.answers.confirmMatch, [option]);
    },
  };
}

/** Creates a command that, without a slash, is only meant by its word alone. */
export function createLoneCommand(
  name: CommandName,
  aliases: readonly string[],
  run: TelegramCommand["run"],
): TelegramCommand {
  return { name, aliases, isMeant: (_, args) => args === "", run };
}

/** Creates a command that shows what its arguments name. */
export function createReadCommand<T>(
  name: CommandName,
  aliases: readonly string[],
  type: SubjectType<T>,
  show: (context: CommandContext, found: T) => Promise<CommandResult>,
): TelegramCommand {
  return {
    name,
    aliases,
    isMeant: async (context, args) => {
      if (type.name === "task") return isTaskKey(args);
      const match = await matchSubject(context, type, args);
      return match.kind === "one" && match.isExact;
    },
    async run(context, args) {
      if (args === "") return replyUsage(context, name);
      return withSubject(context, type, name, stripQuotes(args), (found) => show(context, found));
    },
  };
}
