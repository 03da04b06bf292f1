/**
 * The words after a command: its parts, and the tasks, projects, agents and dates that they name. What is ambiguous is
 * offered as a choice.
 */

import { GroundcrewError } from "../../../shared/errors.ts";
import type { CommandName, CommandSubject } from "../../../shared/i18n/texts.ts";
import { findNearestName, parseTaskKey } from "../../../shared/names.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { ProjectRecord, Task } from "../../../shared/records/plane-records.ts";
import { observedSets } from "../../../shared/records/store-keys.ts";
import type { ItemRecord } from "../../../shared/task/snapshot.ts";
import { findTask, toTask } from "../../../shared/tasks/find-task.ts";
import { joinRichText, toCode, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import { type CommandOption, offerChoices } from "./choices.ts";
import { addReplyTask, type CommandContext, type CommandResult, createCommandCallContext } from "./command.ts";
import { readFollowedProjects, readOpenTasks } from "./task-lists.ts";

/** A message parsed as a command: the word after `/plane` and its arguments. */
export interface ParsedCommand {
  word: string;
  args: string;
  /** The name of the addressed bot, without `@`; absent if none is named. */
  bot?: string;
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

const TASK_NUMBER_PATTERN = /^#?([1-9]\d{0,9})$/;

/**
 * Parses `/plane status`, `/plane@bot task ONB-1`, and the short form `/status`, which needs the bot's name unless every
 * message is for the bot (a private chat, the dashboard). Returns undefined for a message that is no command for the bot.
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

/** Splits off the first word, or the first text in quotation marks. */
export function splitFirstArgument(args: string): { first: string; rest: string; quoted: boolean } {
  const text = args.trim();
  const [, straight, curly, angled, after = ""] = QUOTED_ARGUMENT.exec(text) ?? [];
  const inside = straight ?? curly ?? angled;
  if (inside !== undefined) return { first: inside.trim(), rest: after.trim(), quoted: true };
  const [, first = "", rest = ""] = /^(\S*)\s*([\s\S]*)$/.exec(text) ?? [];
  return { first, rest: rest.trim(), quoted: false };
}

/** Removes quotation marks around the whole text. */
export function stripQuotes(text: string): string {
  return text.replace(/^["“«]\s*|\s*["”»]$/g, "");
}

/** Removes accents, upper case and extra blanks, so that `equipe` finds `Équipe`. */
export function normalizeName(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
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
  const exactMatches = withNames.filter(({ names }) => names.includes(searchedName));
  if (exactMatches.length > 0) return toMatch(exactMatches, true);
  const prefixMatches = withNames.filter(({ names }) => names.some((name) => ` ${name}`.includes(` ${searchedName}`)));
  if (prefixMatches.length > 0) return toMatch(prefixMatches, false);
  const partialMatches = withNames.filter(({ names }) => names.some((name) => name.includes(searchedName)));
  if (partialMatches.length > 0) return toMatch(partialMatches, false);
  const name = findNearestName(
    searchedName,
    withNames.flatMap(({ names }) => names),
  );
  const nearest = withNames.find(({ names }) => name !== undefined && names.includes(name));
  return { kind: "none", ...omitUndefined({ nearest: nearest?.candidate }) };
}

function toMatch<T>(matches: readonly { candidate: T }[], isExact: boolean): NameMatch<T> {
  const [first] = matches;
  if (first && matches.length === 1) return { kind: "one", candidate: first.candidate, isExact };
  return { kind: "several", candidates: matches.map(({ candidate }) => candidate) };
}

/** Replies with the syntax of a command. */
export function replyUsage({ presentation }: CommandContext, command: CommandName): CommandResult {
  const { answers } = presentation.texts;
  const { usage: syntax } = answers.commands[command];
  return {
    reply: {
      rich: joinRichText([answers.usage, " ", toCode(`/plane ${command}${syntax === undefined ? "" : ` ${syntax}`}`)]),
    },
  };
}

/** Offers the matches, or the most similar name, as buttons. Without either, replies with the available names. */
export function replyAmbiguous<T>(
  context: CommandContext,
  subject: CommandSubject,
  input: string,
  match: Exclude<NameMatch<T>, { kind: "one" }>,
  toOption: (candidate: T) => CommandOption,
  names: readonly string[] = [],
): CommandResult {
  const { answers } = context.presentation.texts;
  if (match.kind === "several")
    return offerChoices(context, answers.chooseMatch[subject], match.candidates.map(toOption));
  const notFound = fillTemplate(answers.notFound[subject], { name: toSafeText(input, 80) });
  if (match.nearest !== undefined)
    return offerChoices(context, joinRichText([notFound, answers.nearest], "\n"), [toOption(match.nearest)]);
  if (names.length === 0 || subject === "task") return { reply: { rich: notFound } };
  const available = fillTemplate(answers.available[subject], { names: toSafeText(names.join(", "), 600) });
  return { reply: { rich: joinRichText([notFound, available], "\n") } };
}

/** Matches a project by identifier, name or part of a name. */
export async function matchProject(
  context: CommandContext,
  input: string,
): Promise<[NameMatch<ProjectRecord>, ProjectRecord[]]> {
  const projects = await readFollowedProjects(context);
  const match = matchByName(input, projects, ({ identifier, name }) => [identifier, name]);
  return [match, projects];
}

/** Matches a task by key, number, title or part of a title. Only an unknown key costs a request to Plane. */
export async function matchTask(context: CommandContext, input: string): Promise<NameMatch<Task>> {
  const name = input.trim();
  const projects = await readFollowedProjects(context);
  if (parseTaskKey(name)) {
    const task = await findTaskByKey(context, name);
    if (task) return { kind: "one", candidate: task, isExact: true };
  }
  const numbered = TASK_NUMBER_PATTERN.exec(name)?.[1];
  if (numbered !== undefined) {
    const candidates = await findTasksByNumber(context, projects, Number(numbered));
    const [first] = candidates;
    if (first)
      return candidates.length === 1
        ? { kind: "one", candidate: first, isExact: true }
        : { kind: "several", candidates };
  }
  return matchByName(name, await readOpenTasks(context, projects), ({ key, item }) => [key, item.snapshot.name]);
}

async function findTaskByKey(context: CommandContext, key: string): Promise<Task | undefined> {
  try {
    return await findTask(createCommandCallContext(context), key);
  } catch (thrown) {
    if (thrown instanceof GroundcrewError && thrown.code === "not_found") return undefined;
    throw thrown;
  }
}

async function findTasksByNumber(
  { deps }: CommandContext,
  projects: readonly ProjectRecord[],
  sequence: number,
): Promise<Task[]> {
  const tasks = await Promise.all(
    projects.map(async (project) => {
      const { rows } = await deps.store.scan<ItemRecord>(observedSets.numbered(project.id, sequence), undefined, 1);
      return rows.map(({ value, rev }) => toTask(deps, value, rev, project));
    }),
  );
  return tasks.flat().filter(({ item }) => item.removedAt === undefined);
}

/**
 * Runs a command that changes the task the arguments begin with; `run` gets the other arguments. The task must be named
 * by its key, number or full title. For part of a title, the user must confirm first.
 */
export async function withTask(
  context: CommandContext,
  command: CommandName,
  args: string,
  run: (task: Task, rest: string) => Promise<CommandResult>,
): Promise<CommandResult> {
  const { first, rest, quoted } = splitFirstArgument(args);
  if (first === "") return replyUsage(context, command);
  const isExplicit = quoted || parseTaskKey(first) !== undefined || TASK_NUMBER_PATTERN.test(first);
  const wholeMatch = isExplicit ? undefined : await matchTask(context, args);
  const isWholeMatch = wholeMatch !== undefined && wholeMatch.kind !== "none";
  const [match, remainingArgs, name] = isWholeMatch
    ? [wholeMatch, "", args]
    : [await matchTask(context, first), rest, first];
  if (match.kind === "one" && match.isExact)
    return addReplyTask(await run(match.candidate, remainingArgs), match.candidate);
  const toOption = (task: Task): CommandOption => ({
    label: `${task.key} ${task.item.snapshot.name}`,
    command,
    args: remainingArgs === "" ? task.key : `${task.key} ${remainingArgs}`,
  });
  if (match.kind === "one")
    return offerChoices(context, context.presentation.texts.answers.confirmMatch, [toOption(match.candidate)]);
  return replyAmbiguous(context, "task", name, match, toOption);
}

export function matchAgent({ deps }: CommandContext, input: string): NameMatch<Agent> {
  return matchByName(input, deps.settings.agents, ({ name }) => [name]);
}

export function getAgentNames({ deps }: CommandContext): string[] {
  return deps.settings.agents.map(({ name }) => name);
}

/** Creates the button of an agent. @param prefix arguments before the agent's name in the command */
export function createAgentOption(command: "agent" | "assign", prefix: string) {
  return ({ name }: Agent) => ({ label: name, command, args: `${prefix}${name}` });
}
