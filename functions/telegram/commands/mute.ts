import { localizeMoment } from "../../../shared/i18n/localize.ts";
import type { CommandName } from "../../../shared/i18n/texts/answer-texts.ts";
import type { KeptProject } from "../../../shared/observe/stored-records.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { parseTaskKey } from "../../../shared/task-key.ts";
import { joinRichText, type RichText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { DAY, HOUR, MINUTE, type Ms } from "../../../shared/time.ts";
import { createMutePut } from "../delivery/mutes.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { renderProjectName } from "../presentation/notification-details.ts";
import type { CommandContext, CommandResult, TelegramCommand } from "./command.ts";
import { splitFirstArgument } from "./parse-command.ts";
import { renderTaskLink } from "./render-tasks.ts";
import { matchProject, matchTask, replyAmbiguous, replyUsage } from "./resolve-argument.ts";

/** Stops notifications about a project or task, for a time or until it is unmuted. */
export const muteCommand: TelegramCommand = {
  name: "mute",
  aliases: ["muet", "silence"],
  run: (context, args) =>
    withMuteSubject(context, "mute", args, async ({ id, label }, rest) => {
      const { deps, presentation, from } = context;
      const { answers, locale } = presentation.texts;
      const ms = rest === "" ? undefined : parseMuteDuration(rest);
      if (rest !== "" && ms === undefined)
        return { reply: { rich: fillTemplate(`⚠️ ${answers.refusals.noTime}`, { time: toSafeText(rest, 40) }) } };
      const now = await deps.store.now();
      const until = ms === undefined ? undefined : now + ms;
      const confirmation =
        until === undefined
          ? fillTemplate(`🔕 ${answers.confirmations.muted}`, { what: label })
          : fillTemplate(`🔕 ${answers.confirmations.mutedUntil}`, {
              what: label,
              at: localizeMoment(locale, deps.settings.timezone, until, now),
            });
      const put = [createMutePut(id, { by: from.name, at: now, ...omitUndefined({ until }) })];
      return { reply: { rich: joinRichText([confirmation, answers.neverMuted], "\n") }, put };
    }),
};

interface MuteSubject {
  id: string;
  label: RichText;
}

/** Runs a command on the project or task that the arguments begin with. */
export async function withMuteSubject(
  context: CommandContext,
  command: CommandName,
  args: string,
  run: (subject: MuteSubject, rest: string) => Promise<CommandResult>,
): Promise<CommandResult> {
  const { first, rest: restAfterFirst, quoted } = splitFirstArgument(args);
  if (first === "") return replyUsage(context, command);
  const [firstMatch] = quoted || restAfterFirst === "" ? [undefined] : await matchProject(context, first);
  const isFirst = quoted || parseTaskKey(first) !== undefined || (firstMatch?.kind === "one" && firstMatch.isExact);
  const [, beforeDuration = "", duration = ""] = /^([\s\S]*?)\s+(\d+\s*\p{L}+)$/u.exec(args) ?? [];
  const isTimed = !isFirst && parseMuteDuration(duration) !== undefined;
  const [name, rest] = isFirst ? [first, restAfterFirst] : isTimed ? [beforeDuration, duration] : [args, ""];
  const [project, projects] = await matchProject(context, name);
  if (project.kind === "one")
    return run({ id: project.candidate.id, label: renderProjectName(project.candidate) }, rest);
  const task = await matchTask(context, name);
  if (task.kind === "one") return run({ id: task.candidate.id, label: renderTaskLink(context, task.candidate) }, rest);
  const withRest = (target: string) => (rest === "" ? target : `${target} ${rest}`);
  if (task.kind === "several" || (project.kind === "none" && task.nearest && !project.nearest))
    return replyAmbiguous(context, "task", name, task, ({ key, item }) => ({
      label: `${key} ${item.snapshot.name}`,
      command,
      args: withRest(key),
    }));
  const toOption = ({ identifier, name: projectName }: KeptProject) => ({
    label: `${identifier} ${projectName}`,
    command,
    args: withRest(identifier),
  });
  const names = projects.map(({ identifier, name: projectName }) => `${projectName} (${identifier})`);
  return replyAmbiguous(context, "project", name, project, toOption, names);
}

const DURATION_UNITS: readonly [RegExp, Ms][] = [
  [/^(?:m|min|minutes?)$/i, MINUTE],
  [/^(?:h|hours?|heures?)$/i, HOUR],
  [/^(?:d|days?|j|jours?)$/i, DAY],
  [/^(?:w|weeks?|semaines?)$/i, 7 * DAY],
];
/** Maximum length of a mute: 366 days. A longer one is shortened to it. */
const MUTE_LIMIT: Ms = 366 * DAY;

/** Parses `30m`, `2h`, `3 d`, `3j`; undefined for a text that is not a valid duration. */
export function parseMuteDuration(text: string): Ms | undefined {
  const [, n, unit = ""] = /^(\d{1,5})\s*(\p{L}+)$/u.exec(text.trim()) ?? [];
  const length = DURATION_UNITS.find(([pattern]) => pattern.test(unit))?.[1];
  if (n === undefined || length === undefined || Number(n) === 0) return undefined;
  return Math.min(Number(n) * length, MUTE_LIMIT);
}
