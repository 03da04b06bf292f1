import type { KeptProject } from "../../../shared/observe/stored-records.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { addWakeTasks } from "../../../shared/wake/pending-wake.ts";
import type { WakeTask } from "../../../shared/wake/wake-record.ts";
import { workKeys } from "../../../shared/work/context/work-keys.ts";
import { createTask } from "../../../shared/work/planning/create-task.ts";
import { prepareWish } from "../../../shared/work/wishes/wish-record.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { type CommandContext, type CommandResult, createCommandCallContext, type TelegramCommand } from "./command.ts";
import { matchByName, normalizeName } from "./match-name.ts";
import { type CommandOption, offerChoices } from "./offer-choices.ts";
import { splitFirstArgument } from "./parse-command.ts";
import { readFollowedProjects } from "./read-tasks.ts";
import { renderTaskLink } from "./render-tasks.ts";
import { replyUsage } from "./resolve-argument.ts";

/** Maximum length of a request in a wake, in UTF-16 units. */
const REQUEST_LIMIT = 1_000;
/** In the arguments of a button: the request goes to the Concierge. */
const CONCIERGE_ARGUMENT = "@concierge";

/** Creates a task as the human. A request that names no project goes to the Concierge, who plans it. */
export const newCommand: TelegramCommand = {
  name: "new",
  aliases: ["nouveau", "nouvelle", "add", "create"],
  async run(context, args) {
    const { first, rest } = splitFirstArgument(args);
    if (first === "") return replyUsage(context, "new");
    if (first === CONCIERGE_ARGUMENT) return handOverToConcierge(context, rest);
    const projects = await readFollowedProjects(context);
    const prefix = parseProjectPrefix(args, projects);
    if (prefix)
      return prefix.title === ""
        ? replyUsage(context, "new")
        : createTaskInProject(context, prefix.project, prefix.title);
    const match = rest === "" ? undefined : matchByName(first, projects, ({ identifier, name }) => [identifier, name]);
    if (match === undefined || match.kind === "none") return handOverToConcierge(context, args);
    // A word that matches only part of a project's name may also be the first word of the request, so the user decides.
    const candidates = match.kind === "one" ? [match.candidate] : match.candidates;
    const options: CommandOption[] = candidates.map(({ identifier, name }) => ({
      label: fillTemplate(context.presentation.texts.answers.inProject, { project: `${name} (${identifier})` }).text,
      command: "new",
      args: `${identifier} ${rest}`,
    }));
    const concierge: CommandOption = {
      label: context.presentation.texts.answers.forConcierge,
      command: "new",
      args: `${CONCIERGE_ARGUMENT} ${args}`,
    };
    return offerChoices(context, context.presentation.texts.answers.chooseMatch.project, [...options, concierge]);
  },
};

/** Finds the project whose identifier or full name the arguments begin with, with or without quotation marks. */
function parseProjectPrefix(
  args: string,
  projects: readonly KeptProject[],
): { project: KeptProject; title: string } | undefined {
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
  project: KeptProject,
  text: string,
): Promise<CommandResult> {
  const [title = "", ...more] = text.split("\n");
  const description = more.join("\n").trim();
  const input = {
    project: project.id,
    title: title.trim(),
    ...omitUndefined({ description: description !== "" ? description : undefined }),
  };
  const task = await createTask(createCommandCallContext(context), input);
  return {
    reply: {
      rich: fillTemplate(`🆕 ${context.presentation.texts.answers.confirmations.made}`, {
        task: renderTaskLink(context, task),
      }),
    },
  };
}

/** Stores the wish and wakes the Concierge, once even if the command is repeated. */
async function handOverToConcierge(context: CommandContext, text: string): Promise<CommandResult> {
  const { deps, id, presentation } = context;
  const { refusals, confirmations } = presentation.texts.answers;
  const concierge = deps.settings.agents.find(({ role }) => role === "concierge");
  if (!concierge) return { reply: { rich: fillTemplate(`⚠️ ${refusals.noConcierge}`, {}) } };
  const agent = toSafeText(concierge.name, 80);
  if (concierge.wake.kind === "none")
    return { reply: { rich: fillTemplate(`⚠️ ${refusals.deafConcierge}`, { agent }) } };
  if (text.length > REQUEST_LIMIT)
    return { reply: { rich: fillTemplate(`⚠️ ${refusals.tooLong}`, { n: String(REQUEST_LIMIT) }) } };
  const wish = `asked-for:${id}`;
  const [stored] = await deps.store.read([workKeys.wish(wish)]);
  if (!stored) {
    const newWish = { id: wish, text, by: context.from.name, at: await deps.store.now(), agent: concierge.name };
    const wakeTask: WakeTask = { id: wish, key: "new", reason: "asked_for", text };
    await addWakeTasks(deps, concierge.name, [wakeTask], prepareWish(newWish));
  }
  return { reply: { rich: fillTemplate(`📨 ${confirmations.asked}`, { agent, text: toSafeText(text, 300) }) } };
}
