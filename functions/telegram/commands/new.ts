import type { KeptProject } from "../../../shared/observe/stored-records.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { createTask } from "../../../shared/work/planning/create-task.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { type CommandContext, type CommandResult, createCommandCallContext, type TelegramCommand } from "./command.ts";
import { matchByName, normalizeName } from "./match-name.ts";
import { type CommandOption, offerChoices } from "./offer-choices.ts";
import { splitFirstArgument } from "./parse-command.ts";
import { readFollowedProjects } from "./read-tasks.ts";
import { renderTaskLink } from "./render-tasks.ts";
import { replyUsage } from "./resolve-argument.ts";
import { requestPlan } from "./send-to-concierge.ts";

/** In the arguments of a button: the request goes to the Concierge. */
const CONCIERGE_ARGUMENT = "@concierge";

/** Creates a task as the human. A request that names no project goes to the Concierge, who plans it. */
export const newCommand: TelegramCommand = {
  name: "new",
  aliases: ["nouveau", "nouvelle", "add", "create"],
  async run(context, args) {
    const { first, rest } = splitFirstArgument(args);
    if (first === "") return replyUsage(context, "new");
    if (first === CONCIERGE_ARGUMENT) return requestPlan(context, rest);
    const projects = await readFollowedProjects(context);
    const prefix = parseProjectPrefix(args, projects);
    if (prefix)
      return prefix.title === ""
        ? replyUsage(context, "new")
        : createTaskInProject(context, prefix.project, prefix.title);
    const match = rest === "" ? undefined : matchByName(first, projects, ({ identifier, name }) => [identifier, name]);
    if (match === undefined || match.kind === "none") return requestPlan(context, args);
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
