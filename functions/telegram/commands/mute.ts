import type { KeptProject } from "../../../shared/observe/kept.ts";
import type { Ms } from "../../../shared/store/port.ts";
import { data } from "../../../shared/telegram/data.ts";
import { join, type RichText } from "../../../shared/telegram/text.ts";
import { projectName } from "../details.ts";
import type { Command, Heard, Outcome } from "../handler.ts";
import type { CommandName } from "../locales/answers/texts.ts";
import { filled, moment } from "../locales/say.ts";
import { mutePut } from "../mutes.ts";
import { firstAndRest } from "../words.ts";
import { nameOf } from "./lines.ts";
import { KEY, projectMatch, taskMatch, unclear, usage } from "./one.ts";

/** No more notices of a project or task, for a time or until it is taken back. */
export const mute: Command = {
  name: "mute",
  also: ["muet", "silence"],
  run: (heard, args) =>
    withSubject(heard, "mute", args, async ({ id, what }, rest) => {
      const { deps, look, from } = heard;
      const { answers, locale } = look.texts;
      const ms = rest === "" ? undefined : lengthOf(rest);
      if (rest !== "" && ms === undefined)
        return { say: { rich: filled(`⚠️ ${answers.not.noTime}`, { time: data(rest, 40) }) } };
      const at = await deps.store.now();
      const until = ms === undefined ? undefined : at + ms;
      const said =
        until === undefined
          ? filled(`🔕 ${answers.done.muted}`, { what })
          : filled(`🔕 ${answers.done.mutedUntil}`, { what, at: moment(locale, deps.settings.timezone, until, at) });
      const put = [mutePut(id, { by: from.name, at, ...(until !== undefined && { until }) })];
      return { say: { rich: join([said, answers.stillTold], "\n") }, put };
    }),
};

interface Subject {
  id: string;
  what: RichText;
}

/** Does something with the project or task that the arguments begin with. */
export async function withSubject(
  heard: Heard,
  command: CommandName,
  args: string,
  act: (subject: Subject, rest: string) => Promise<Outcome>,
): Promise<Outcome> {
  const { first, rest: after, quoted } = firstAndRest(args);
  if (first === "") return usage(heard, command);
  const [alone] = quoted || after === "" ? [undefined] : await projectMatch(heard, first);
  const isFirst = quoted || KEY.test(first) || (alone?.kind === "one" && alone.exact);
  const [, before = "", time = ""] = /^([\s\S]*?)\s+(\d+\s*\p{L}+)$/u.exec(args) ?? [];
  const isTimed = !isFirst && lengthOf(time) !== undefined;
  const [name, rest] = isFirst ? [first, after] : isTimed ? [before, time] : [args, ""];
  const [project, all] = await projectMatch(heard, name);
  if (project.kind === "one") return act({ id: project.one.id, what: projectName(project.one) }, rest);
  const task = await taskMatch(heard, name);
  if (task.kind === "one") return act({ id: task.one.id, what: nameOf(heard, task.one) }, rest);
  const withRest = (target: string) => (rest === "" ? target : `${target} ${rest}`);
  if (task.kind === "several" || (project.kind === "none" && task.nearest && !project.nearest))
    return unclear(heard, "task", name, task, ({ key, item }) => ({
      ...{ label: `${key} ${item.snapshot.name}`, command, args: withRest(key) },
    }));
  const optionOf = ({ identifier, name: called }: KeptProject) => ({
    ...{ label: `${identifier} ${called}`, command, args: withRest(identifier) },
  });
  const names = all.map(({ identifier, name: called }) => `${called} (${identifier})`);
  return unclear(heard, "project", name, project, optionOf, names);
}

const UNITS: readonly [RegExp, Ms][] = [
  [/^(?:m|min|minutes?)$/i, 60_000],
  [/^(?:h|hours?|heures?)$/i, 3_600_000],
  [/^(?:d|days?|j|jours?)$/i, 86_400_000],
  [/^(?:w|weeks?|semaines?)$/i, 7 * 86_400_000],
];
/** A year: longer is forever. */
const LONGEST: Ms = 366 * 86_400_000;

/** `30m`, `2h`, `3 d`, `3j`; undefined for what is no length of time. */
export function lengthOf(text: string): Ms | undefined {
  const [, n, unit = ""] = /^(\d{1,5})\s*(\p{L}+)$/u.exec(text.trim()) ?? [];
  const length = UNITS.find(([pattern]) => pattern.test(unit))?.[1];
  if (n === undefined || length === undefined || Number(n) === 0) return undefined;
  return Math.min(Number(n) * length, LONGEST);
}
