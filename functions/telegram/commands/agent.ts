import { localizeDuration } from "../../../shared/i18n/localize.ts";
import { localizeCount } from "../../../shared/i18n/plural.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { joinRichText, type RichText, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { readConfidence } from "../../../shared/work/forecast/confidence.ts";
import { readAgentTasks, type Task } from "../../../shared/work/tasks/find-task.ts";
import { readAgentPace } from "../../../shared/work/time/finished-tasks.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { formatConfidence } from "../presentation/render-figures.ts";
import type { CommandContext, CommandResult, TelegramCommand } from "./command.ts";
import { matchByName, type NameMatch } from "./match-name.ts";
import { paginateReply } from "./paginate.ts";
import { stripQuotes } from "./parse-command.ts";
import { compareByUrgency, renderDataAge } from "./read-tasks.ts";
import { renderHeading, renderSection, renderTaskLines } from "./render-tasks.ts";
import { replyAmbiguous, replyUsage } from "./resolve-argument.ts";

type Agent = CommandContext["deps"]["settings"]["agents"][number];

/** Shows one agent: its current and open tasks and its past performance (NOTIF-06). */
export const agentCommand: TelegramCommand = {
  name: "agent",
  aliases: ["agents"],
  async run(context, args) {
    if (args === "") return replyUsage(context, "agent");
    const name = stripQuotes(args);
    const match = matchAgent(context, name);
    if (match.kind === "one") return replyAgent(context, match.candidate);
    return replyAmbiguous(context, "agent", name, match, createAgentOption("agent", ""), getAgentNames(context));
  },
};

export function matchAgent({ deps }: CommandContext, input: string): NameMatch<Agent> {
  return matchByName(input, deps.settings.agents, ({ name }) => [name]);
}

export function getAgentNames({ deps }: CommandContext): string[] {
  return deps.settings.agents.map(({ name }) => name);
}

/** Creates the button of an agent. @param prefix arguments before the agent's name in the command */
export function createAgentOption(command: "agent" | "assign", prefix: string) {
  return ({ name }: Agent) => ({ label: name, command, args: `${prefix}${name}` });
}

async function replyAgent(context: CommandContext, { name, role = "worker", about }: Agent): Promise<CommandResult> {
  const { presentation, deps } = context;
  const { texts } = presentation;
  const { answers } = texts;
  const { fields } = answers;
  const tasks = (await readAgentTasks(context.deps, name)).sort(compareByUrgency);
  const isInProgress = ({ item }: Task) => item.snapshot.word === "in_progress";
  const history = await readAgentPace(deps, name);
  const renderLine = (label: string, ...value: (RichText | string)[]) => joinRichText([label, texts.colon, ...value]);
  const historyParts = keepDefined([
    localizeCount(texts, answers.finishedTasks, history.finished),
    history.ms === undefined
      ? undefined
      : fillTemplate(answers.usualTime, { time: localizeDuration(texts.locale, history.ms) }),
  ]);
  const confidence = formatConfidence(texts, await readConfidence(deps, name));
  return paginateReply(
    context,
    keepDefined([
      renderHeading("👤", name),
      renderLine(fields.role, answers.roles[role]),
      about === undefined ? undefined : renderLine(fields.about, toSafeText(about, 300)),
      renderLine(fields.past, joinRichText(historyParts, ", ")),
      confidence === undefined ? undefined : renderLine(fields.confidence, confidence),
      toPlainText(localizeCount(texts, answers.open, tasks.length)),
      ...renderSection("🔵", answers.headings.atWork, await renderTaskLines(context, tasks.filter(isInProgress))),
      ...renderSection(
        "⬜",
        answers.headings.todo,
        await renderTaskLines(
          context,
          tasks.filter((task) => !isInProgress(task)),
        ),
      ),
      toPlainText(""),
      await renderDataAge(context),
    ]),
  );
}
