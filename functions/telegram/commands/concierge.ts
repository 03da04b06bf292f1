/** What is passed to the Concierge: a new project or task by /new, and texts that are no command. */

import type { Settings } from "../../../shared/config/settings.ts";
import type { AgentSettings } from "../../../shared/config/settings-file.ts";
import type { ProjectRecord } from "../../../shared/records/plane-records.ts";
import { createTask } from "../../../shared/tasks/create-task.ts";
import { submitWish } from "../../../shared/tasks/wishes.ts";
import { toCode, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { normalizeName, replyUsage, splitFirstArgument } from "./arguments.ts";
import {
  type CommandContext,
  type CommandResult,
  createCommandCallContext,
  replyText,
  type TelegramCommand,
} from "./command.ts";
import { readFollowedProjects, renderTaskLink } from "./task-lists.ts";

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
    if (!prefix) return requestPlan(context, args);
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
 * Sends free text to the Concierge, who answers it or plans it. A text that continues the one before gets no receipt of
 * its own. Without a Concierge, the reply says how to set one.
 */
export async function sendFreeText(context: CommandContext, text: string): Promise<CommandResult> {
  const { freeText } = context.presentation.texts;
  const refusal = findRefusal(context, { none: freeText.noConcierge, deaf: freeText.deafConcierge });
  if (refusal) return refusal;
  const { agent, outcome } = await submit(context, text, true);
  return outcome === "joined" ? {} : replyText(`📨 ${freeText.sent}`, { agent });
}

function findRefusal(
  { deps: { settings } }: CommandContext,
  texts: { none: string; deaf: string },
): CommandResult | undefined {
  const concierge = findConcierge(settings);
  if (!concierge) return replyText(`⚠️ ${texts.none}`, { entry: toCode(CONCIERGE_ENTRY) });
  if (concierge.wake.kind !== "none") return undefined;
  return replyText(`⚠️ ${texts.deaf}`, { agent: toSafeText(concierge.name, 80) });
}

async function submit({ deps, id, from, message }: CommandContext, text: string, isFreeText: boolean) {
  const { name = "" } = findConcierge(deps.settings) ?? {};
  const outcome = await submitWish(deps, name, {
    update: id,
    text,
    by: from.name,
    // The page writes as the first allowed user, whoever sits before it.
    user: message && from.id,
    message,
    isFreeText,
  });
  return { agent: toSafeText(name, 80), outcome };
}

/** Finds the project whose identifier or full name the arguments begin with, with or without quotation marks. */
function parseProjectPrefix(
  args: string,
  projects: readonly ProjectRecord[],
): { project: ProjectRecord; title: string } | undefined {
  const { first, rest } = splitFirstArgument(args);
  const exactProject = projects.find(({ identifier, name }) =>
    [identifier, name].map(normalizeName).includes(normalizeName(first)),
  );
  if (exactProject) return { project: exactProject, title: rest };
  const ends = [...args.matchAll(/\s+|$/g)].map(({ index }) => index);
  for (const end of ends.reverse()) {
    const prefix = normalizeName(args.slice(0, end));
    const project = projects.find(({ name }) => normalizeName(name) === prefix);
    if (project) return { project, title: args.slice(end).trim() };
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
  return replyText(`🆕 ${confirmations.made}`, { task: renderTaskLink(context, task) });
}

/** Sends a request to the Concierge, who plans it. Without one, the reply asks for a project. */
async function requestPlan(context: CommandContext, text: string): Promise<CommandResult> {
  const { refusals, confirmations } = context.presentation.texts.answers;
  const refusal = findRefusal(context, { none: refusals.noConcierge, deaf: refusals.deafConcierge });
  if (refusal) return refusal;
  const { agent } = await submit(context, text, false);
  return replyText(`📨 ${confirmations.asked}`, { agent, text: toSafeText(text, 300) });
}
