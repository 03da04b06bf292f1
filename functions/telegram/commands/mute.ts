/**
 * /mute and /unmute: a task or project without notifications, for a time; and /page: a one-time link to the page for
 * the person whose number it is, in the private chat only.
 */

import type { CommandName } from "../../../shared/i18n/texts.ts";
import { parseTaskKey } from "../../../shared/names.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { addLinkMessage, createSecret, findPerson, storeSignInLink } from "../../../shared/people/directory.ts";
import { joinRichText, type RichText, toLink, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import { createMutePut, muteKey } from "../delivery/context.ts";
import { fillTemplate, renderProjectName } from "../presentation/presentation.ts";
import { renderTaskLink } from "../presentation/task-lists.ts";
import {
  createLoneCommand,
  isTaskKey,
  matchSubject,
  PROJECTS,
  parsePeriod,
  replyAmbiguous,
  replyUsage,
  splitFirstArgument,
  TASKS,
} from "./arguments.ts";
import { type CommandContext, type CommandResult, replyText, requireMember, type TelegramCommand } from "./command.ts";

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

/** Parses the duration of a mute, at most `MUTE_LIMIT`; undefined for a text that is none. */
export function parseMuteDuration(text: string): Ms | undefined {
  const ms = parsePeriod(text);
  return ms && Math.min(ms, MUTE_LIMIT);
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

export const pageCommand = createLoneCommand("page", ["connexion"], sendSignInLink);

/**
 * Sends the link without the queue: neither a job nor the log of messages may hold its secret. A repeated update sends
 * another link.
 */
async function sendSignInLink(context: CommandContext): Promise<CommandResult> {
  const { deps, chat, from, presentation } = context;
  const { publicUrl, texts } = presentation;
  const { signIn } = texts.answers;
  if (publicUrl === undefined) return replyText(`⚠️ ${signIn.noAddress}`);
  // What is written at the page has no number of its own.
  const person = context.message && (await findPerson(deps, { telegram: from.id }));
  if (person?.id === undefined || person.role === undefined) return replyText(`⚠️ ${signIn.unknown}`);
  if (person.doubtedAt !== undefined) return replyText(`⚠️ ${signIn.doubted}`);
  const secret = createSecret();
  const url = `${publicUrl}/sign-in#${secret}`;
  await storeSignInLink(deps, secret, { person: person.id, language: texts.locale });
  const link = toLink(`🔑 ${signIn.link}`, url, [new URL(publicUrl).origin]);
  // Telegram links no host without a dot.
  const address = link.entities.length === 0 ? url : undefined;
  const lines = [link, address, fillTemplate(signIn.hint, { name: toSafeText(person.name, 80) })];
  const sent = await deps.telegram?.sendMessage(from.id, joinRichText(lines, "\n"), { isProtected: true });
  if (sent?.kind !== "sent") return replyText(`⚠️ ${signIn.unreachable}`);
  await addLinkMessage(deps, secret, { chat: from.id, messageId: sent.messageId });
  return chat === from.id ? {} : replyText(`🔑 ${signIn.sent}`);
}
