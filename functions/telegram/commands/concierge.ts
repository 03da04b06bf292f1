/** What is passed to the Concierge: a new project or task by /new, and texts that are no command. */

import type { Settings } from "../../../shared/config/settings.ts";
import type { AgentSettings } from "../../../shared/config/settings-file.ts";
import type { ProjectRecord } from "../../../shared/records/plane-records.ts";
import type { RequestRecord } from "../../../shared/task/request.ts";
import { createTask } from "../../../shared/tasks/create-task.ts";
import { submitWish } from "../../../shared/tasks/wishes.ts";
import { toCode, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import { normalizeName, replyUsage, splitFirstArgument } from "./arguments.ts";
import type { CommandOption } from "./choices.ts";
import {
  type CommandContext,
  type CommandResult,
  createCommandCallContext,
  replyText,
  requireMember,
  type TelegramCommand,
} from "./command.ts";
import { readFollowedProjects, renderTaskLink } from "./task-lists.ts";

/** What a text is for: a request that waits, as it is now, or nothing that waits. */
export type AnswerTarget = Pick<RequestRecord, "id" | "hash"> | "message";

/** What `agents` in the settings file needs for a Concierge. */
const CONCIERGE_ENTRY =
  '{ "name": "Concierge", "email": "concierge@example.org", "role": "concierge", "wake": "openclaw" }';

/**
 * Creates a task as the human. A request that does not begin with a project's identifier or whole name goes to the
 * Concierge, who plans it: a part of a name is more often the first word of a request ("add dark mode").
 */
export const newCommand: TelegramCommand = {
  name: "new",
  aliases: ["nouveau", "nouvelle", "add", "create"],
  async run(context, args) {
    if (splitFirstArgument(args).first === "") return replyUsage(context, "new");
    const prefix = parseProjectPrefix(args, await readFollowedProjects(context));
    if (!prefix) return sendToConcierge(context, args, false);
    const { project, title } = prefix;
    return title === "" ? replyUsage(context, "new") : createTaskInProject(context, project, title);
  },
};

/** Finds the Concierge that people write to: the first one that can be woken, else the first one. */
export function findConcierge({ agents }: Pick<Settings, "agents">): AgentSettings | undefined {
  const concierges = agents.filter(({ role }) => role === "concierge");
  return concierges.find(({ wake }) => wake.kind !== "none") ?? concierges[0];
}

/** Whether a text can be sent to the Concierge. */
export function isConciergeReachable(settings: Pick<Settings, "agents">): boolean {
  const concierge = findConcierge(settings);
  return concierge !== undefined && concierge.wake.kind !== "none";
}

/**
 * Sends a text to the Concierge, who answers or plans it: free text, or what a person wrote after /new. Free text that
 * continues the one before gets no receipt of its own. Without a Concierge, the reply says how to set one.
 */
export async function sendToConcierge(
  context: CommandContext,
  text: string,
  isFreeText = true,
): Promise<CommandResult> {
  const { deps, allDeps, id, from, message } = context;
  requireMember(context);
  const { answers, freeText } = context.presentation.texts;
  const { noConcierge, deafConcierge } = isFreeText ? freeText : answers.refusals;
  const concierge = findConcierge(deps.settings);
  if (!concierge) return replyText(`⚠️ ${noConcierge}`, { entry: toCode(CONCIERGE_ENTRY) });
  const agent = toSafeText(concierge.name, 80);
  if (concierge.wake.kind === "none") return replyText(`⚠️ ${deafConcierge}`, { agent });
  // The page writes as the first allowed user, whoever sits before it.
  const user = message && from.id;
  const wish = { update: id, text, by: from.name, user, message, isFreeText };
  const outcome = await submitWish(allDeps, concierge.name, wish);
  const action = { name: "wish" };
  if (!isFreeText)
    return { action, ...replyText(`📨 ${answers.confirmations.asked}`, { agent, text: toSafeText(text, 300) }) };
  return { action, ...(outcome === "joined" ? {} : replyText(`📨 ${freeText.sent}`, { agent })) };
}

/** The button with which a text goes to the Concierge as a message of its own. @param label with `{agent}` */
export function createConciergeOption({ deps }: CommandContext, text: string, label: string): CommandOption {
  const agent = toSafeText(findConcierge(deps.settings)?.name ?? "Concierge", 40);
  return { ...toAnswerArguments("message", text), label: fillTemplate(label, { agent }).text };
}

/** Creates the command with which a button says what a text is for. */
export function toAnswerArguments(target: AnswerTarget, text: string): { command: "answer"; args: string } {
  const { id, hash } = target === "message" ? { id: "", hash: "" } : target;
  return { command: "answer", args: `${id}:${hash} ${text}` };
}

/**
 * Finds the project whose identifier or full name the arguments begin with, in quotation marks or before a colon or a
 * dash as well. The longest name counts, so that "Website Shop" is not taken for "Website".
 */
function parseProjectPrefix(
  args: string,
  projects: readonly ProjectRecord[],
): { project: ProjectRecord; title: string } | undefined {
  const names = projects.map((project) => [project, [project.identifier, project.name].map(normalizeName)] as const);
  const findProject = (text: string) => names.find(([, own]) => own.includes(normalizeName(text)))?.[0];
  const { first, rest, quoted } = splitFirstArgument(args);
  const quotedProject = quoted ? findProject(first) : undefined;
  if (quotedProject) return { project: quotedProject, title: rest };
  for (const { 0: separator, index } of [...args.matchAll(/\s*[:–—-]?(?:\s+|$)/g)].reverse()) {
    const project = findProject(args.slice(0, index));
    if (project) return { project, title: args.slice(index + separator.length).trim() };
  }
  return undefined;
}

/** The first line is the title, the other lines are the description. */
async function createTaskInProject(
  context: CommandContext,
  project: ProjectRecord,
  text: string,
): Promise<CommandResult> {
  const [title = "", ...more] = text.split("\n");
  const description = more.join("\n").trim();
  const input = { project: project.id, title: title.trim(), ...(description === "" ? {} : { description }) };
  const task = await createTask(createCommandCallContext(context), input);
  const { confirmations } = context.presentation.texts.answers;
  const action = { name: "new", task: task.key };
  return { action, ...replyText(`🆕 ${confirmations.made}`, { task: renderTaskLink(context, task) }) };
}
