/** /mute and /unmute: a task or project without notifications, for a time. */

import type { CommandName } from "../../../shared/i18n/texts.ts";
import { parseTaskKey } from "../../../shared/names.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { joinRichText, type RichText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { DAY, HOUR, MINUTE, type Ms } from "../../../shared/time.ts";
import { createMutePut, muteKey } from "../delivery/context.ts";
import { renderProjectName } from "../presentation/notification-details.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import {
  isTaskKey,
  matchSubject,
  PROJECTS,
  replyAmbiguous,
  replyUsage,
  splitFirstArgument,
  TASKS,
} from "./arguments.ts";
import { type CommandContext, type CommandResult, replyText, requireMember, type TelegramCommand } from "./command.ts";
import { renderTaskLink } from "./task-lists.ts";

const DURATION_UNITS: readonly [RegExp, Ms][] = [
  [/^(?:m|min|minutes?)$/i, MINUTE],
  [/^(?:h|hours?|heures?)$/i, HOUR],
  [/^(?:d|days?|j|jours?)$/i, DAY],
  [/^(?:w|weeks?|semaines?)$/i, 7 * DAY],
];

/** A name of one or more words, and what may be a duration after it. */
const TIMED_NAME = /^([\s\S]*?)\s+((?:(?:for|pendant)\s+)?\d+\s*\p{L}+)$/iu;

/** Maximum length of a mute: 366 days. A longer one is shortened to it. */
const MUTE_LIMIT: Ms = 366 * DAY;

/** Stops notifications about a project or task, for a time or until it is unmuted. */
export const muteCommand: TelegramCommand = {
  name: "mute",
  aliases: ["muet", "silence"],
  isMeant: (_, args) => parseTaskKey(splitFirstArgument(args).first) !== undefined,
  run: (context, args) =>
    withMuteSubject(context, "mute", args, async ({ id, label }, rest) => {
      const { deps, presentation, from } = context;
      const { answers } = presentation.texts;
      const ms = rest === "" ? undefined : parseMuteDuration(rest);
      if (rest !== "" && ms === undefined)
        return replyText(`⚠️ ${answers.refusals.noTime}`, { time: toSafeText(rest, 40) });
      const now = await deps.store.now();
      const until = ms === undefined ? undefined : now + ms;
      const { muted, mutedUntil } = answers.confirmations;
      const at = until === undefined ? "" : presentation.format.moment(until, now);
      const confirmation = fillTemplate(`🔕 ${until === undefined ? muted : mutedUntil}`, { what: label, at });
      const put = [createMutePut(id, { by: from.name, at: now, ...omitUndefined({ until }) })];
      return { reply: { rich: joinRichText([confirmation, answers.neverMuted], "\n") }, put };
    }),
};

/** Resumes notifications about a project or task. */
export const unmuteCommand: TelegramCommand = {
  name: "unmute",
  aliases: ["annoncer"],
  isMeant: (_, args) => isTaskKey(args),
  run: (context, args) =>
    withMuteSubject(context, "unmute", args, async ({ id, label: what }) => {
      const { confirmations, refusals } = context.presentation.texts.answers;
      const [stored] = await context.deps.store.read([muteKey(id)]);
      if (!stored) return replyText(`ℹ️ ${refusals.notMuted}`, { what });
      return { ...replyText(`🔔 ${confirmations.unmuted}`, { what }), put: [createMutePut(id, undefined)] };
    }),
};

/** Parses `30m`, `2h`, `for 3 d`, `pendant 3j`; undefined for a text that is not a valid duration. */
export function parseMuteDuration(text: string): Ms | undefined {
  const [, n, unit = ""] = /^(?:(?:for|pendant)\s+)?(\d{1,5})\s*(\p{L}+)$/iu.exec(text.trim()) ?? [];
  const length = DURATION_UNITS.find(([pattern]) => pattern.test(unit))?.[1];
  if (n === undefined || length === undefined || Number(n) === 0) return undefined;
  return Math.min(Number(n) * length, MUTE_LIMIT);
}

/** Runs a command on the project or task that the arguments begin with. */
async function withMuteSubject(
  context: CommandContext,
  command: CommandName,
  args: string,
  run: (subject: { id: string; label: RichText }, rest: string) => Promise<CommandResult>,
): Promise<CommandResult> {
  const { first, rest: restAfterFirst, quoted } = splitFirstArgument(args);
  if (first === "") return replyUsage(context, command);
  // A mute is for everybody in the chat.
  requireMember(context);
  const [, beforeDuration = "", duration = ""] = TIMED_NAME.exec(args) ?? [];
  const timed = parseMuteDuration(duration) === undefined ? [] : [[beforeDuration, duration] as const];
  const isFirst = quoted || parseTaskKey(first) !== undefined;
  const firstReading = [first, restAfterFirst] as const;
  const readings = isFirst ? [firstReading] : [...timed, [args, ""] as const, firstReading];
  const matches = await Promise.all(readings.map(([reading]) => matchSubject(context, PROJECTS, reading)));
  const exact = matches.findIndex((match) => match.kind === "one" && match.isExact);
  const [name, rest] = readings[Math.max(0, exact)] ?? firstReading;
  const project = await matchSubject(context, PROJECTS, name);
  if (project.kind === "one")
    return run({ id: project.candidate.id, label: renderProjectName(project.candidate) }, rest);
  const task = await matchSubject(context, TASKS, name);
  if (task.kind === "one") return run({ id: task.candidate.id, label: renderTaskLink(context, task.candidate) }, rest);
  const toArgs = (target: string) => `${target} ${rest}`.trim();
  if (task.kind === "several" || (project.kind === "none" && task.nearest && !project.nearest))
    return replyAmbiguous(context, TASKS, command, name, task, toArgs);
  return replyAmbiguous(context, PROJECTS, command, name, project, toArgs);
}
