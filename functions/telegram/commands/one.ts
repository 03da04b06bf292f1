import { GroundcrewError } from "../../../shared/errors.ts";
import type { KeptProject } from "../../../shared/observe/kept.ts";
import { sets } from "../../../shared/observe/keys.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import { data } from "../../../shared/telegram/data.ts";
import { code, join } from "../../../shared/telegram/text.ts";
import { findTask, type Task, taskOf } from "../../../shared/work/find.ts";
import { actingFor, type Heard, type Outcome } from "../handler.ts";
import type { CommandName, Thing } from "../locales/answers/texts.ts";
import { filled } from "../locales/say.ts";
import { type Match, matching } from "../match.ts";
import { ask, type Option } from "../pick.ts";
import { firstAndRest } from "../words.ts";
import { openTasks, projectsOf } from "./known.ts";

/** `ONB-12` */
export const KEY = /^[a-z0-9]{1,12}-[1-9]\d{0,9}$/i;
const NUMBER = /^#?([1-9]\d{0,9})$/;

/** How a command is written. */
export function usage({ look }: Heard, command: CommandName): Outcome {
  const { answers } = look.texts;
  const { usage: how } = answers.commands[command];
  return { say: { rich: join([answers.usage, " ", code(`/plane ${command}${how === undefined ? "" : ` ${how}`}`)]) } };
}

/** Several fit, or only nearly one: a question with buttons. None at all: what there is. */
export function unclear<T>(
  heard: Heard,
  thing: Thing,
  given: string,
  match: Exclude<Match<T>, { kind: "one" }>,
  optionOf: (one: T) => Option,
  names: readonly string[] = [],
): Outcome {
  const { answers } = heard.look.texts;
  if (match.kind === "several") return ask(heard, answers.which[thing], match.some.map(optionOf));
  const none = filled(answers.none[thing], { name: data(given, 80) });
  if (match.nearest !== undefined) return ask(heard, join([none, answers.nearest], "\n"), [optionOf(match.nearest)]);
  if (names.length === 0 || thing === "task") return { say: { rich: none } };
  const there = filled(answers.there[thing], { names: data(names.join(", "), 600) });
  return { say: { rich: join([none, there], "\n") } };
}

/** The project of this name, identifier or part of a name. */
export async function projectMatch(heard: Heard, given: string): Promise<[Match<KeptProject>, KeptProject[]]> {
  const projects = await projectsOf(heard);
  const match = matching(given, projects, ({ identifier, name }) => [identifier, name]);
  return [match, projects];
}

/** The task of this key, number, title or part of a title. Only a key that nobody has seen yet costs a request. */
export async function taskMatch(heard: Heard, given: string): Promise<Match<Task>> {
  const name = given.trim();
  const projects = await projectsOf(heard);
  if (KEY.test(name)) {
    const task = await byKey(heard, name);
    if (task) return { kind: "one", one: task, exact: true };
  }
  const numbered = NUMBER.exec(name)?.[1];
  if (numbered !== undefined) {
    const some = await withNumber(heard, projects, Number(numbered));
    const [first] = some;
    if (first) return some.length === 1 ? { kind: "one", one: first, exact: true } : { kind: "several", some };
  }
  return matching(name, await openTasks(heard, projects), ({ key, item }) => [key, item.snapshot.name]);
}

async function byKey(heard: Heard, key: string): Promise<Task | undefined> {
  try {
    return await findTask(actingFor(heard), key);
  } catch (thrown) {
    if (thrown instanceof GroundcrewError && thrown.code === "not_found") return undefined;
    throw thrown;
  }
}

async function withNumber({ deps }: Heard, projects: readonly KeptProject[], sequence: number): Promise<Task[]> {
  const found = await Promise.all(
    projects.map(async (project) => {
      const { rows } = await deps.store.scan<KeptItem>(sets.numbered(project.id, sequence), undefined, 1);
      return rows.map(({ value, rev }) => taskOf(deps, value, rev, project));
    }),
  );
  return found.flat().filter(({ item }) => item.gone === undefined);
}

/**
 * Does something to the task that the arguments begin with; the rest of them is for `act`. What changes something wants
 * a key, a number or a whole title: for a part of one it asks first.
 */
export async function withTask(
  heard: Heard,
  command: CommandName,
  args: string,
  act: (task: Task, rest: string) => Promise<Outcome>,
): Promise<Outcome> {
  const { first, rest, quoted } = firstAndRest(args);
  if (first === "") return usage(heard, command);
  const isWord = quoted || KEY.test(first) || NUMBER.test(first);
  const whole = isWord ? undefined : await taskMatch(heard, args);
  const byWhole = whole !== undefined && whole.kind !== "none";
  const [match, left, name] = byWhole ? [whole, "", args] : [await taskMatch(heard, first), rest, first];
  if (match.kind === "one" && match.exact) return act(match.one, left);
  const optionOf = (task: Task): Option => ({
    label: `${task.key} ${task.item.snapshot.name}`,
    command,
    args: left === "" ? task.key : `${task.key} ${left}`,
  });
  if (match.kind === "one") return ask(heard, heard.look.texts.answers.sure, [optionOf(match.one)]);
  return unclear(heard, "task", name, match, optionOf);
}
