import type { KeptProject } from "../../../shared/observe/kept.ts";
import { keys, sets } from "../../../shared/observe/keys.ts";
import { isReadable } from "../../../shared/observe/projects.ts";
import { all } from "../../../shared/store/walk.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import { data } from "../../../shared/telegram/data.ts";
import { join, plain, type RichText } from "../../../shared/telegram/text.ts";
import { type Task, taskOf } from "../../../shared/work/find.ts";
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
  const tasks = await tasksOf(heard, name);
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

async function tasksOf({ deps }: Heard, name: string): Promise<Task[]> {
  const rows = await all<KeptItem>(deps, sets.tasks(name));
  const ids = [...new Set(rows.map(({ value }) => value.snapshot.project))];
  const kept = await deps.store.read<KeptProject>(ids.map(keys.project));
  const projects = new Map(kept.flatMap((one) => (one && isReadable(one.value) ? [[one.value.id, one.value]] : [])));
  const tasks = rows.flatMap(({ value, rev }) => {
    const project = projects.get(value.snapshot.project);
    return project ? [taskOf(deps, value, rev, project)] : [];
  });
  return tasks.sort(inOrder);
}
