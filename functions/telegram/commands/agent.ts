import { data } from "../../../shared/telegram/data.ts";
import { join, plain, type RichText } from "../../../shared/telegram/text.ts";
import { type Task, tasksOf } from "../../../shared/work/find.ts";
import { pastOf } from "../../../shared/work/history.ts";
import type { Command, Heard, Outcome } from "../handler.ts";
import { counted, duration, filled } from "../locales/say.ts";
import { type Match, matching } from "../match.ts";
import { paged } from "../pages.ts";
import { unquoted } from "../words.ts";
import { ageOf, inOrder } from "./known.ts";
import { headOf, percentText, section, taskLines } from "./lines.ts";
import { unclear, usage } from "./one.ts";

type Agent = Heard["deps"]["settings"]["agents"][number];

/** One agent: what it is at, what it has to do, how it did until now (NOTIF-06). */
export const agent: Command = {
  name: "agent",
  also: ["agents"],
  async run(heard, args) {
    if (args === "") return usage(heard, "agent");
    const name = unquoted(args);
    const match = agentMatch(heard, name);
    if (match.kind === "one") return shown(heard, match.one);
    return unclear(heard, "agent", name, match, agentOption("agent", ""), agentNames(heard));
  },
};

export function agentMatch({ deps }: Heard, given: string): Match<Agent> {
  return matching(given, deps.settings.agents, ({ name }) => [name]);
}

export function agentNames({ deps }: Heard): string[] {
  return deps.settings.agents.map(({ name }) => name);
}

/** The button of an agent; `before` is what comes before its name in the command. */
export function agentOption(command: "agent" | "assign", before: string) {
  return ({ name }: Agent) => ({ label: name, command, args: `${before}${name}` });
}

async function shown(heard: Heard, { name, role = "worker", about }: Agent): Promise<Outcome> {
  const { look, deps } = heard;
  const { texts } = look;
  const { answers } = texts;
  const { fields } = answers;
  const tasks = (await tasksOf(heard.deps, name)).sort(inOrder);
  const isNow = ({ item }: Task) => item.snapshot.word === "in_progress";
  const past = await pastOf(deps, name);
  const line = (label: string, ...value: (RichText | string)[]) => join([label, texts.colon, ...value]);
  const done = [
    counted(texts, answers.finished, past.finished),
    ...(past.ms === undefined ? [] : [filled(answers.usually, { time: duration(texts.locale, past.ms) })]),
    ...(past.confidence === undefined
      ? []
      : [`${fields.confidence}${texts.colon}${percentText(heard, past.confidence * 100)}`]),
  ];
  return paged(heard, [
    headOf("👤", name),
    line(fields.role, answers.roles[role]),
    ...(about === undefined ? [] : [line(fields.about, data(about, 300))]),
    line(fields.past, join(done, ", ")),
    plain(counted(texts, answers.open, tasks.length)),
    ...section("🔵", answers.heads.atWork, await taskLines(heard, tasks.filter(isNow))),
    ...section(
      "⬜",
      answers.heads.todo,
      await taskLines(
        heard,
        tasks.filter((task) => !isNow(task)),
      ),
    ),
    plain(""),
    await ageOf(heard),
  ]);
}
