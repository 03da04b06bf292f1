import { GroundcrewError } from "../../../shared/errors.ts";
import type { CommandName, CommandSubject } from "../../../shared/i18n/texts/answer-texts.ts";
import { observedSets } from "../../../shared/observe/store-keys.ts";
import type { KeptProject } from "../../../shared/observe/stored-records.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import { parseTaskKey } from "../../../shared/task-key.ts";
import { joinRichText, toCode } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { findTask, type Task, toTask } from "../../../shared/work/tasks/find-task.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { addReplyTask, type CommandContext, type CommandResult, createCommandCallContext } from "./command.ts";
import { matchByName, type NameMatch } from "./match-name.ts";
import { type CommandOption, offerChoices } from "./offer-choices.ts";
import { splitFirstArgument } from "./parse-command.ts";
import { readFollowedProjects, readOpenTasks } from "./read-tasks.ts";

const TASK_NUMBER_PATTERN = /^#?([1-9]\d{0,9})$/;

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
): Promise<[NameMatch<KeptProject>, KeptProject[]]> {
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
  projects: readonly KeptProject[],
  sequence: number,
): Promise<Task[]> {
  const tasks = await Promise.all(
    projects.map(async (project) => {
      const { rows } = await deps.store.scan<KeptItem>(observedSets.numbered(project.id, sequence), undefined, 1);
      return rows.map(({ value, rev }) => toTask(deps, value, rev, project));
    }),
  );
  return tasks.flat().filter(({ item }) => item.gone === undefined);
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
