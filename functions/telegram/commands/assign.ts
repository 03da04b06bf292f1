import { data } from "../../../shared/telegram/data.ts";
import { assignTask } from "../../../shared/work/assign.ts";
import { actingFor, type Command } from "../handler.ts";
import { filled } from "../locales/say.ts";
import { unquoted } from "../words.ts";
import { agentMatch, agentNames, agentOption } from "./agent.ts";
import { nameOf } from "./lines.ts";
import { unclear, usage, withTask } from "./one.ts";

/** Gives a task to an agent. */
export const assign: Command = {
  name: "assign",
  also: ["attribuer", "confier", "give"],
  run: (heard, args) =>
    withTask(heard, "assign", args, async (task, rest) => {
      const to = unquoted(rest.replace(/^(?:to|a|à)\s+/i, ""));
      if (to === "") return usage(heard, "assign");
      const match = agentMatch(heard, to);
      if (match.kind !== "one")
        return unclear(heard, "agent", to, match, agentOption("assign", `${task.key} `), agentNames(heard));
      const given = await assignTask(actingFor(heard), task, match.one.name);
      const values = { task: nameOf(heard, given), agent: data(match.one.name, 80) };
      return { say: { rich: filled(`👤 ${heard.look.texts.answers.done.assigned}`, values) } };
    }),
};
