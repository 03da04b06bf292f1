import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { assignTask } from "../../../shared/work/changes/assign-task.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { createAgentOption, getAgentNames, matchAgent } from "./agent.ts";
import { createCommandCallContext, type TelegramCommand } from "./command.ts";
import { stripQuotes } from "./parse-command.ts";
import { renderTaskLink } from "./render-tasks.ts";
import { replyAmbiguous, replyUsage, withTask } from "./resolve-argument.ts";

/** Assigns a task to an agent. */
export const assignCommand: TelegramCommand = {
  name: "assign",
  aliases: ["attribuer", "confier", "give"],
  run: (context, args) =>
    withTask(context, "assign", args, async (task, rest) => {
      const to = stripQuotes(rest.replace(/^(?:to|a|à)\s+/i, ""));
      if (to === "") return replyUsage(context, "assign");
      const match = matchAgent(context, to);
      if (match.kind !== "one")
        return replyAmbiguous(
          context,
          "agent",
          to,
          match,
          createAgentOption("assign", `${task.key} `),
          getAgentNames(context),
        );
      const assigned = await assignTask(createCommandCallContext(context), task, match.candidate.name);
      const values = { task: renderTaskLink(context, assigned), agent: toSafeText(match.candidate.name, 80) };
      return {
        reply: { rich: fillTemplate(`👤 ${context.presentation.texts.answers.confirmations.assigned}`, values) },
      };
    }),
};
